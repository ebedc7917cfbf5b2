//! Which values of which property say that an entity is to be worked on, or done. Read from the schema: its `x-work`, or
//! a property `status` whose allowed values are words everybody knows. Pure.

use serde_json::Value;

/// Words for what waits to be worked on.
const READY: [&str; 7] = ["pending", "open", "todo", "to_do", "new", "ready", "backlog"];

/// Words for what nobody has to work on any more.
const DONE: [&str; 12] = [
    "completed",
    "complete",
    "done",
    "closed",
    "resolved",
    "cancelled",
    "canceled",
    "rejected",
    "archived",
    "wont_fix",
    "merged",
    "released",
];

/// How far an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkState {
    /// May be worked on.
    Ready,
    /// Somebody works on it, or it waits for something else.
    Busy,
    /// Nobody has to work on it any more.
    Done,
}

impl WorkState {
    /// As the database has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Done => "done",
        }
    }
}

/// How a schema's entities say how far they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WorkStates {
    /// The property's path; empty: entities say nothing, and are done when they are deleted.
    pub(crate) path: Vec<String>,
    /// Values of what may be worked on; empty: all that are not done.
    pub(crate) ready: Vec<String>,
    /// Values of what is done.
    pub(crate) done: Vec<String>,
}

impl WorkStates {
    /// `"x-work": {"status": "state", "ready": ["open"], "done": ["closed"]}`, or what the property `status` suggests.
    pub(crate) fn of(definition: &Value) -> Self {
        if let Some(said) = definition.get("x-work").filter(|said| said.is_object()) {
            let status = said.get("status").and_then(Value::as_str).unwrap_or("status");
            return Self {
                path: status.split('.').map(str::to_owned).collect(),
                ready: texts(said.get("ready")),
                done: texts(said.get("done")),
            };
        }
        let allowed = texts(definition.pointer("/properties/status/enum"));
        let among = |words: &[&str]| {
            let known = |value: &&String| words.contains(&value.to_lowercase().replace(['-', ' '], "_").as_str());
            allowed.iter().filter(known).cloned().collect::<Vec<_>>()
        };
        let (ready, done) = (among(&READY), among(&DONE));
        if done.is_empty() {
            return Self::default();
        }
        Self {
            path: vec!["status".to_owned()],
            ready,
            done,
        }
    }

    /// How far a document says it is.
    pub(crate) fn of_document(&self, document: &Value) -> WorkState {
        if self.path.is_empty() {
            return WorkState::Ready;
        }
        let said = self.path.iter().try_fold(document, |value, name| value.get(name));
        // What says nothing was not begun.
        let Some(said) = said.and_then(Value::as_str) else {
            return WorkState::Ready;
        };
        let is_among = |values: &[String]| values.iter().any(|value| value == said);
        if is_among(&self.done) {
            WorkState::Done
        } else if self.ready.is_empty() || is_among(&self.ready) {
            WorkState::Ready
        } else {
            WorkState::Busy
        }
    }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;

    use super::{WorkState, WorkStates};
    use crate::Template;

    #[test]
    fn the_template_for_tasks_says_what_is_to_be_done() {
        let states = WorkStates::of(&Template::named("task").unwrap().definition());
        let state = |status: &str| states.of_document(&json!({"title": "x", "status": status}));
        assert_eq!(state("pending"), WorkState::Ready);
        assert_eq!(state("in_progress"), WorkState::Busy);
        assert_eq!(state("blocked"), WorkState::Busy);
        assert_eq!(state("completed"), WorkState::Done);
    }

    #[test]
    fn a_schema_may_say_it_in_words_of_its_own() {
        let states = WorkStates::of(&json!({"x-work": {"status": "life.stage", "ready": ["egg"], "done": ["moth"]}}));
        assert_eq!(states.path, ["life", "stage"]);
        assert_eq!(
            (states.ready, states.done),
            (vec!["egg".to_owned()], vec!["moth".to_owned()])
        );
    }

    #[test]
    fn entities_that_say_nothing_are_open_until_they_are_deleted() {
        assert_eq!(
            WorkStates::of(&json!({"properties": {"status": {"enum": ["operational", "broken"]}}})),
            WorkStates::default()
        );
        assert_eq!(WorkStates::of(&json!({})), WorkStates::default());
    }
}
