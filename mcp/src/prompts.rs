//! Prompts a person can start a conversation with. They tell the model which tools to use; they hold no repository text.

use rmcp::ErrorData;
use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

use crate::snippet::visible;

/// An argument is part of a sentence, not a document.
const MOST_CHARACTERS: usize = 500;

pub(crate) fn prompts() -> Vec<Prompt> {
    let project = || PromptArgument::new("project").with_description("Default: the project of the current directory.");
    vec![
        Prompt::new(
            "explore_codebase",
            Some("Get to know a codebase: what it does, how it is laid out, where to begin."),
            Some(vec![
                PromptArgument::new("topic").with_description("What to look at above all."),
                project(),
            ]),
        )
        .with_title("Explore the codebase"),
        Prompt::new(
            "explain_symbol",
            Some("Explain a function, type or module: what it does, and who uses it."),
            Some(vec![
                PromptArgument::new("symbol")
                    .with_description("Its name.")
                    .with_required(true),
                project(),
            ]),
        )
        .with_title("Explain a symbol"),
        Prompt::new(
            "index_status",
            Some("How fresh and complete the index is, and what to do about it."),
            Some(vec![project()]),
        )
        .with_title("Status of the index"),
    ]
}

pub(crate) fn get(name: &str, arguments: Option<&JsonObject>) -> Result<GetPromptResult, ErrorData> {
    let Some(prompt) = prompts().into_iter().find(|prompt| prompt.name == name) else {
        return Err(ErrorData::invalid_params(
            format!("no prompt is named {}; prompts/list shows them", visible(name)),
            None,
        ));
    };
    for argument in prompt.arguments.iter().flatten() {
        if argument.required == Some(true) && argument_of(arguments, &argument.name).is_none() {
            return Err(ErrorData::invalid_params(
                format!("{name} needs the argument {}", argument.name),
                None,
            ));
        }
    }
    let within = match argument_of(arguments, "project") {
        Some(project) => format!(" Pass project \"{project}\" to every call."),
        None => String::new(),
    };
    let text = match name {
        "explore_codebase" => {
            let topic =
                argument_of(arguments, "topic").unwrap_or_else(|| "what it is for and how it is built".to_owned());
            format!(
                "Explore this codebase with the tools of quarry. Call list_repositories to see what is indexed, then \
                 search_code for its entry points, main types and configuration, and read the best hits with get_code. \
                 Look above all at: {topic}. Then say what it does, how it is laid out, and where to begin reading, with \
                 paths and lines.{within}"
            )
        }
        "explain_symbol" => {
            let symbol = argument_of(arguments, "symbol").unwrap_or_default();
            format!(
                "Explain `{symbol}`. Find it and who uses it with find_symbol, and read it with get_code. Say what it does, what it expects and gives back, and who relies on it, with \
                 paths and lines.{within}"
            )
        }
        _ => format!(
            "Say how fresh and complete the index is. Call list_repositories, and list_jobs for what waits, runs or \
             failed. Name what is pending, failed or left out, and what to do about it.{within}"
        ),
    };
    let mut result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
    result.description = prompt.description;
    Ok(result)
}

fn argument_of(arguments: Option<&JsonObject>, name: &str) -> Option<String> {
    let text = arguments?.get(name).and_then(Value::as_str)?;
    let text: String = visible(text).chars().take(MOST_CHARACTERS).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn each_prompt_says_what_to_call_and_takes_its_arguments() {
        let arguments = json!({ "symbol": "claim_job", "project": "shop", "topic": "the queue" });
        for prompt in prompts() {
            let result = get(&prompt.name, arguments.as_object()).unwrap();
            let text = serde_json::to_string(&result).unwrap();
            assert!(
                text.contains("shop") && text.contains("list_repositories") || text.contains("claim_job"),
                "{text}"
            );
        }
        let refused = get("explain_symbol", None).unwrap_err();
        assert!(
            refused.message.contains("needs the argument symbol"),
            "{}",
            refused.message
        );
        assert!(get("other", None).is_err());
    }
}
