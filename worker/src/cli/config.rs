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
            let value = match &entry.value {
                Some(value) => seen(value),
                None => format!("({})", entry.without_value),
            };
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

/// In quotes where blanks at an end, or ends of lines, would not be seen.
fn seen(value: &str) -> String {
    if value.trim() == value && !value.contains(char::is_control) {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::seen;

    #[test]
    fn blanks_and_lines_that_count_are_seen() {
        assert_eq!(seen("http://host/a b"), "http://host/a b");
        assert_eq!(seen("search_query: "), "\"search_query: \"");
        assert_eq!(seen("Find\nQuery:"), "\"Find\\nQuery:\"");
    }
}
