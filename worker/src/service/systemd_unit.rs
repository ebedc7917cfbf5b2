//! A systemd user unit, with the quoting that systemd wants: see systemd.syntax(7) and systemd.service(5).

use super::Service;

/// Its name for systemctl.
pub(crate) const UNIT_NAME: &str = "quarry.service";

/// The text of the unit.
pub(crate) fn systemd_unit(service: &Service) -> String {
    let command: Vec<String> = service.command.iter().map(|word| quoted(word)).collect();
    let Service {
        nice,
        cpu_percent,
        memory_percent,
        ..
    } = service;
    format!(
        "# Written by `quarry service install`, which writes it anew; `quarry service remove` removes it.
[Unit]
Description=Quarry keeps the index of your repositories fresh
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=5
# Jobs that run are handed back and the embedded Postgres is stopped.
TimeoutStopSec=60
# Whoever works at this machine goes first.
Nice={nice}
IOSchedulingClass=best-effort
IOSchedulingPriority=7
CPUWeight=20
CPUQuota={cpu_percent}%
MemoryHigh={memory_percent}%

[Install]
WantedBy=default.target
",
        command = command.join(" ")
    )
}

/// One word of a command line. `%` begins a specifier and `$` a variable, also between quotes.
fn quoted(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '%' | '$' => quoted.extend([character, character]),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_are_taken_as_they_are() {
        assert_eq!(quoted("/srv/my code"), r#""/srv/my code""#);
        assert_eq!(quoted(r#"/a"b\c"#), r#""/a\"b\\c""#);
        assert_eq!(quoted("/50%/$HOME/~x;y"), r#""/50%%/$$HOME/~x;y""#);
    }
}
