//! What a command left behind when it ended: status and output. Judges it, with everything the command said in the
//! message of a failure.

use std::fmt;
use std::process::Output;

use serde_json::Value;

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    command: String,
    /// Exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    pub(crate) fn new(command: String, output: Output) -> Finished {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Finished {
            command,
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The command has to have succeeded.
    ///
    /// # Panics
    /// When it has not.
    pub fn succeeded(self) -> Finished {
        assert_eq!(self.status, Some(0), "{self}");
        self
    }

    /// The command has to have failed with this status, said nothing on standard output, and named each of `reasons` on
    /// standard error.
    ///
    /// # Panics
    /// When it has not.
    pub fn failed(self, status: i32, reasons: &[&str]) -> Finished {
        assert_eq!(self.status, Some(status), "{self}");
        assert_eq!(self.stdout, "", "{self}");
        for reason in reasons {
            assert!(self.stderr.contains(reason), "no word of {reason:?}: {self}");
        }
        assert!(!self.stderr.contains("panicked"), "{self}");
        self
    }

    /// The one JSON document on standard output of a command that succeeded.
    ///
    /// # Panics
    /// When it failed or wrote anything else.
    pub fn json(self) -> Value {
        let finished = self.succeeded();
        serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document, {error}: {finished}"))
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "`{}` ended with {:?}", self.command, self.status)?;
        write!(formatter, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}
