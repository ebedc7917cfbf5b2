//! The only place that writes to standard output. Logs and errors go to standard error.

use std::io::{self, Write};

use anyhow::Result;
use quarry_workflow::WorkflowError;
use serde::Serialize;

/// Writes one line.
pub(super) fn line(text: impl AsRef<str>) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Writes one JSON document.
pub(super) fn json(document: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Writes rows under a header, columns padded to their widest cell.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Tells the user what failed and why, outermost first.
pub(super) fn error(error: &anyhow::Error) {
    let mut err = io::stderr().lock();
    // Standard error may be closed; there is nobody left to tell then.
    let _ = writeln!(err, "quarry: {}", one_fault_a_line(&reason(error), error));
}

/// Where a document or a query is wrong in several places, each has its line.
fn one_fault_a_line(text: &str, error: &anyhow::Error) -> String {
    let faults = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<WorkflowError>()?.faults());
    let Some(faults) = faults.filter(|faults| faults.faults.len() > 1) else {
        return printable(text);
    };
    let Some(headline) = text.strip_suffix(&faults.to_string()) else {
        return printable(text);
    };
    let mut lines = vec![printable(headline.trim_end())];
    for fault in &faults.faults {
        let place = if fault.pointer.is_empty() {
            "the top"
        } else {
            &fault.pointer
        };
        lines.push(printable(&format!("  at {place}: {}", fault.message)));
    }
    if faults.truncated {
        lines.push("  and more".to_owned());
    }
    lines.join("\n")
}

/// The whole chain in one line. Some libraries repeat the cause in their own message: it is said once.
pub(super) fn reason(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// Says something to a person without touching standard output.
pub(super) fn notice(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Whether the reader of our output went away, as in `quarry search … | head`.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|error| error.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}

/// How long ago or how long, in the largest unit that keeps two digits of meaning.
pub(super) fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Repository text on a terminal: control characters could move the cursor or change colours.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// A word of a command that a person may paste into a shell.
pub(super) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./,:@%+=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::{duration, one_fault_a_line, printable, reason, shell_word};

    #[test]
    fn a_word_survives_the_shell() {
        assert_eq!(shell_word("/srv/code-1.2"), "/srv/code-1.2");
        assert_eq!(shell_word("/srv/my code"), "'/srv/my code'");
        assert_eq!(shell_word("o'neil;$(x)"), r"'o'\''neil;$(x)'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_cause_that_its_error_repeats_is_said_once() {
        let error = anyhow::anyhow!("refused")
            .context("connect: refused")
            .context("open the registry");
        assert_eq!(reason(&error), "open the registry: connect: refused");
    }

    #[test]
    fn several_faults_have_a_line_each() {
        let task = quarry_workflow::Template::named("task").unwrap().definition();
        let task = quarry_workflow::compile_schema(&task).unwrap();
        let told = |document| {
            let error = anyhow::Error::new(task.validate(&document).unwrap_err()).context("line 7");
            one_fault_a_line(&reason(&error), &error)
        };
        let one = told(serde_json::json!({"title": "x", "status": "done\u{1b}"}));
        assert!(
            one.starts_with("line 7: the document does not fit its schema: at /status: must be"),
            "{one}"
        );
        assert!(!one.contains(['\n', '\u{1b}']), "{one}");
        let two = told(serde_json::json!({"status": "done", "titel": 1}));
        let lines: Vec<&str> = two.lines().collect();
        assert_eq!(lines[0], "line 7: the document does not fit its schema:");
        assert!(
            lines[1].starts_with("  at the top: ") && lines[3].starts_with("  at /titel: "),
            "{two}"
        );
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\tc"), "a\u{fffd}[31mb\tc");
    }

    #[test]
    fn durations_use_the_largest_unit() {
        assert_eq!(duration(-1), "0s");
        assert_eq!(duration(59), "59s");
        assert_eq!(duration(3599), "59m");
        assert_eq!(duration(86_400), "1d");
    }
}
