//! The facts about a path in one or two sentences. Pure.

use super::facts::{Below, Facts, State};
use crate::walk::LeftOut;

pub(super) fn explanation(state: State, facts: &Facts, below: Option<&Below>, commit: Option<&str>) -> String {
    let waiting = facts.waiting.as_ref();
    let error = waiting.and_then(|waiting| waiting.last_error.as_deref()).unwrap_or("-");
    let mut text = match (state, waiting) {
        (State::Indexed, _) => "It is in the index as it is on the disk.".to_owned(),
        (State::Pending, Some(waiting)) => {
            let does = if waiting.state == "leased" {
                "being indexed"
            } else {
                "waiting"
            };
            let since = waiting
                .waiting_since
                .map(|since| format!(" since {}", since.to_rfc3339()))
                .unwrap_or_default();
            let tries = match waiting.last_error {
                Some(_) => format!("; try {} failed: {error}", waiting.attempt),
                None => String::new(),
            };
            format!("It is {does}{since}, in lane {}{tries}.", waiting.shard)
        }
        (State::Failed, _) => format!("Indexing it failed and is not tried again by itself: {error}."),
        (State::Skipped, _) => facts.left_out.as_ref().map(why_left_out).unwrap_or_default(),
        (State::Changed, _) => {
            "It has changed on the disk since it was indexed, and no watcher has told of it.".to_owned()
        }
        (State::NotIndexed, _) => {
            "It belongs into the index and was not there when the tree was last compared.".to_owned()
        }
        (State::Deleted, _) => "It is gone from the disk and still in the index; no watcher has told of it.".to_owned(),
        (State::Directory, _) => below.map(what_is_below).unwrap_or_default(),
        _ => "There is no such file, neither on the disk nor in the index.".to_owned(),
    };
    if let (Some(stored), false) = (&facts.stored, state == State::Deleted) {
        let at = stored.indexed_at.to_rfc3339();
        text.push_str(&format!(" Indexed at {at}, {} chunks.", stored.chunk_count));
    }
    if let (true, Some(commit)) = (facts.stored.is_some() || state == State::Directory, commit) {
        let short = commit.get(..12).unwrap_or(commit);
        text.push_str(&format!(" The tree was at commit {short} when it was last compared."));
    }
    if facts.stored.is_some() && state == State::Skipped {
        text.push_str(" It is still in the index and leaves it with the next comparison.");
    }
    if let (State::Missing, Some(left_out)) = (state, &facts.left_out) {
        text.push_str(&format!(" It would be left out: {}.", left_out.reason));
    }
    if facts.pending_sync && !matches!(state, State::Indexed | State::Skipped) {
        text.push_str(" A comparison of the whole tree waits or runs.");
    }
    text
}

fn why_left_out(left_out: &LeftOut) -> String {
    let detail = match left_out.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({detail})"),
    };
    format!(
        "It is left out: {} is {}{detail}. {}",
        left_out.refused,
        left_out.reason,
        left_out.reason.sentence()
    )
}

fn what_is_below(below: &Below) -> String {
    let mut text = format!(
        "{} files of it are in the index, in {} chunks",
        below.files, below.chunks
    );
    if below.waiting > 0 {
        text.push_str(&format!("; {} wait", below.waiting));
    }
    if !below.skipped.is_empty() {
        let reasons: Vec<String> = below
            .skipped
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        text.push_str(&format!("; left out by name: {}", reasons.join(", ")));
    }
    text + "."
}
