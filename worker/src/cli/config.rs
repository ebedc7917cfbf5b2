//! `quarry config show`: each setting with its value and where it comes from.

use anyhow::Result;

use super::arguments::Config;
use super::output;
use super::session::Session;

pub(super) fn run(session: &Session, command: &Config) -> Result<()> {
    let Config::Show { json } = command;
    let entries: Vec<_> = session.config.entries().collect();
    if *json {
        return output::json(&entries);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let value = entry
                .value
                .clone()
                .unwrap_or_else(|| format!("({})", entry.without_value));
            vec![
                entry.key.to_string(),
                value,
                entry.source.to_string(),
                entry.variable.to_string(),
            ]
        })
        .collect();
    output::table(&["SETTING", "VALUE", "SOURCE", "VARIABLE"], &rows)
}
