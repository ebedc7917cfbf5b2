//! Looks at a call as the client wrote it, before the protocol's parser does: that one rounds numbers, keeps the last of
//! two equal names, and leaves a number beyond f64 or half a surrogate pair without an answer.
//! Hands such a call on without its arguments, with what is wrong with them beside its name, and server.rs refuses it.
//! Knows no tool.

use quarry_workflow::{WorkflowError, read_json_inside};
use rmcp::model::RequestMetaObject;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::tool_error::ToolError;

/// How deep in a message documents lie: params, arguments, operations, 0, patch, 0, value.
const LEVELS_ABOVE: usize = 7;

/// Where a call says what was wrong with its arguments.
const UNREADABLE: &str = "quarry/unreadable";

/// What is looked at at once; the transport takes no longer line.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// What waits between here and the transport.
const BUFFER_BYTES: usize = 64 << 10;

#[derive(Deserialize, Serialize)]
struct Message {
    jsonrpc: String,
    id: Value,
    method: String,
    params: Params,
}

/// All but the arguments.
#[derive(Deserialize, Serialize)]
struct Params {
    name: String,
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

/// The message that says what is wrong with this one. None: it may be parsed as it is.
pub(crate) fn refused(message: &[u8]) -> Option<Vec<u8>> {
    let Err(WorkflowError::InvalidJson(found)) = read_json_inside(std::str::from_utf8(message).ok()?, LEVELS_ABOVE)
    else {
        return None;
    };
    let fault = found.faults.first()?;
    let place = fault.pointer.strip_prefix("/params/arguments/")?;
    let (argument, within) = match place.find('/') {
        Some(end) => place.split_at(end),
        None => (place, ""),
    };
    // What is no message of the protocol is refused in the protocol's words.
    let mut call: Message = serde_json::from_slice(message).ok()?;
    if call.method != "tools/call" {
        return None;
    }
    let at = if within.is_empty() { "" } else { " at " };
    let said = format!("argument `{argument}`{at}{within}: {}", fault.message);
    call.params.meta.insert(UNREADABLE.to_owned(), said.into());
    serde_json::to_vec(&call).ok()
}

/// Refuses a call that was handed on without its arguments.
pub(crate) fn refuse(meta: &RequestMetaObject) -> Result<(), ToolError> {
    match meta.get(UNREADABLE).and_then(Value::as_str) {
        Some(said) => Err(ToolError::new(said)),
        None => Ok(()),
    }
}

/// The lines of `input`, each as it may be parsed.
pub(crate) fn checked_lines(input: impl AsyncRead + Send + Unpin + 'static) -> impl AsyncRead + Send + Unpin + 'static {
    let (transport, mut checked_input) = tokio::io::simplex(BUFFER_BYTES);
    tokio::spawn(async move {
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        // A failing input ends the session as its end does; so does a transport that is gone.
        while let Ok(1..) = (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            let mut line_end: &[u8] = &[];
            let text = line.strip_suffix(b"\n").map_or(&line[..], |text| {
                line_end = b"\n";
                text
            });
            let refused = refused(text);
            let text = refused.as_deref().unwrap_or(text);
            if checked_input.write_all(text).await.is_err() || checked_input.write_all(line_end).await.is_err() {
                break;
            }
            line.clear();
        }
        checked_input.shutdown().await.ok();
    });
    transport
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn call(arguments: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"create_entity","_meta":{{"progressToken":1}},"arguments":{arguments}}}}}"#
        )
    }

    #[test]
    fn what_would_be_changed_or_left_unanswered_is_said_in_its_place() {
        for (arguments, says) in [
            (
                r#"{"data":{"n":18446744073709551616}}"#,
                "argument `data` at /n: the integer has more than 64 bits",
            ),
            (
                r#"{"data":{"a":1,"a":2}}"#,
                "argument `data` at /a: the property is given twice",
            ),
            (
                r#"{"schema":"x","schema":"y"}"#,
                "argument `schema`: the property is given twice",
            ),
            (r#"{"data":[1e400]}"#, "argument `data` at /0: number out of range"),
            (r#"{"data":"\ud800"}"#, "argument `data`: "),
        ] {
            let written = call(arguments);
            let told: Value = serde_json::from_slice(&refused(written.as_bytes()).unwrap()).unwrap();
            let said = told["params"]["_meta"][UNREADABLE].as_str().unwrap();
            assert!(said.starts_with(says), "{said}");
            let expected = json!({"progressToken": 1, UNREADABLE: said});
            assert_eq!(
                told,
                json!({
                    "jsonrpc": "2.0", "id": 7, "method": "tools/call",
                    "params": {"name": "create_entity", "_meta": expected},
                })
            );
        }
        let deep = call(&format!(r#"{{"data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)));
        assert!(String::from_utf8_lossy(&refused(deep.as_bytes()).unwrap()).contains("nested deeper"));
    }

    #[test]
    fn everything_else_is_handed_on_as_it_is() {
        let deepest = format!(
            r#"{{"operations":[{{"patch":[{{"value":{}1{}}}]}}]}}"#,
            "[".repeat(64),
            "]".repeat(64)
        );
        for message in [
            call(r#"{"data":{"n":9007199254740993,"x":0.1}}"#),
            call(&deepest),
            call(r#"{"data":{"n":18446744073709551616}"#),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":1,"cursor":2}}"#.to_owned(),
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"x","arguments":{"a":1,"a":2}}}"#
                .to_owned(),
            "no message".to_owned(),
        ] {
            assert_eq!(refused(message.as_bytes()), None, "{message}");
        }
    }

    #[tokio::test]
    async fn lines_arrive_one_by_one_and_the_last_one_unfinished() {
        let input = format!("{}\nplain\nrest", call(r#"{"a":1,"a":2}"#));
        let mut arrived = String::new();
        let mut lines = checked_lines(std::io::Cursor::new(input.into_bytes()));
        lines.read_to_string(&mut arrived).await.unwrap();
        let lines: Vec<&str> = arrived.split('\n').collect();
        assert!(lines[0].contains(UNREADABLE), "{arrived}");
        assert_eq!(lines[1..], ["plain", "rest"]);
    }
}
