//! A launchd agent as a property list: see launchd.plist(5).

use super::Service;

/// Its name for launchctl.
pub(crate) const LABEL: &str = "quarry.up";

/// The text of the property list.
pub(crate) fn launchd_agent(service: &Service) -> String {
    let words: String = service
        .command
        .iter()
        .map(|word| format!("        <string>{}</string>\n", escaped(word)))
        .collect();
    let log = escaped(&service.log_file.display().to_string());
    let nice = service.nice;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by `quarry service install`, which writes it anew; `quarry service remove` removes it. -->
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>{LABEL}</string>
    <key>ProgramArguments</key>
    <array>
{words}    </array>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <dict>
        <key>SuccessfulExit</key>
        <false/>
    </dict>
    <key>ThrottleInterval</key>
    <integer>30</integer>
    <key>ExitTimeOut</key>
    <integer>60</integer>
    <!-- Whoever works at this machine goes first. -->
    <key>ProcessType</key>
    <string>Background</string>
    <key>LowPriorityIO</key>
    <true/>
    <key>Nice</key>
    <integer>{nice}</integer>
    <key>StandardOutPath</key>
    <string>/dev/null</string>
    <key>StandardErrorPath</key>
    <string>{log}</string>
</dict>
</plist>
"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_string_of_its_own() {
        let agent = launchd_agent(&Service {
            command: ["/opt/quarry", "up", "/src/a & b", "/src/<c>"]
                .map(str::to_owned)
                .to_vec(),
            log_file: "/Users/me/Library/Logs/quarry.log".into(),
            nice: 7,
            cpu_percent: 100,
            memory_percent: 40,
        });
        let words = "        <string>/opt/quarry</string>\n        <string>up</string>\n        \
                     <string>/src/a &amp; b</string>\n        <string>/src/&lt;c&gt;</string>\n    </array>";
        assert!(agent.contains(words), "{agent}");
        assert!(agent.contains("<key>Nice</key>\n    <integer>7</integer>"), "{agent}");
    }
}
