//! Log lines on stderr, for people or as JSON. Every program calls [`init_telemetry`] once, at its start;
//! stdout is never touched, because it carries JSON-RPC or a command's answer. The secrets of the configuration are
//! replaced in every line, also in lines that other crates write.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::{MakeWriter, SubscriberBuilder, format};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};

/// What kind of process logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// A command with a person before it: silent unless something is wrong.
    Command,
    /// A worker, watcher or server: tells what it finished.
    Service,
}

impl Process {
    pub(crate) fn default_log_filter(self) -> &'static str {
        match self {
            Process::Command => "error",
            // sqlx passes on every notice of the server ("relation already exists, skipping") as info, and rmcp tells three
            // times of every request over HTTP.
            Process::Service => "info,sqlx=error,rmcp=warn",
        }
    }
}

/// Starts logging as the configuration says. A second call in one process changes nothing.
pub fn init_telemetry(config: &Config, process: Process) {
    let filter = EnvFilter::new(config.log_filter(process));
    let secrets = with_escaped_forms(config.secrets()).into();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && !no_color)
        .with_writer(MaskedStderr { secrets });
    install(builder, config.log_format());
}

type Builder = SubscriberBuilder<format::DefaultFields, format::Format, EnvFilter, MaskedStderr>;

fn install(builder: Builder, log_format: LogFormat) {
    // It fails only where a subscriber is already installed, and then that one stays.
    let _installed = match log_format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .finish()
            .try_init(),
    };
}

/// A secret with quotes or backslashes looks different in JSON and in `Debug` output.
fn with_escaped_forms(secrets: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut forms = Vec::new();
    for (secret, mask) in secrets {
        let quoted = format!("{secret:?}");
        let escaped = &quoted[1..quoted.len() - 1];
        if escaped != secret {
            forms.push((escaped.to_owned(), mask.clone()));
        }
        forms.push((secret, mask));
    }
    forms
}

#[derive(Clone)]
struct MaskedStderr {
    secrets: Arc<[(String, String)]>,
}

impl MakeWriter<'_> for MaskedStderr {
    type Writer = Masked<io::Stderr>;

    fn make_writer(&self) -> Self::Writer {
        Masked {
            secrets: Arc::clone(&self.secrets),
            inner: io::stderr(),
        }
    }
}

/// Replaces secrets in what passes through. The formatter hands over each line in one piece, so no secret is cut.
struct Masked<W> {
    secrets: Arc<[(String, String)]>,
    inner: W,
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = String::from_utf8_lossy(line).into_owned();
        for (secret, mask) in self.secrets.iter() {
            if text.contains(secret) {
                text = text.replace(secret, mask);
            }
        }
        self.inner.write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::settings::Key;

    fn written(config: &Config, line: &str) -> String {
        let secrets = with_escaped_forms(config.secrets()).into();
        let mut masked = Masked {
            secrets,
            inner: Vec::new(),
        };
        masked.write_all(line.as_bytes()).unwrap();
        String::from_utf8(masked.inner).unwrap()
    }

    #[test]
    fn a_log_line_never_holds_a_secret_of_the_configuration() {
        let flags = [
            (Key::Home, "/nowhere".to_owned()),
            (Key::DatabaseUrl, "postgres://me:hunter2@host/db".to_owned()),
            (Key::EmbeddingApiKey, r#"sk-"quoted""#.to_owned()),
        ];
        let config = crate::load_config(&flags, None).unwrap();
        assert_eq!(
            written(&config, "open postgres://me:hunter2@host/db\n"),
            "open postgres://me:***@host/db\n"
        );
        assert_eq!(written(&config, r#"sent sk-"quoted""#), "sent ***");
        assert_eq!(written(&config, r#"{"header":"sk-\"quoted\""}"#), r#"{"header":"***"}"#);
    }
}
