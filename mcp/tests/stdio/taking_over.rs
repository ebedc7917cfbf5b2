//! Work whose holder was killed: its lease ends by itself, another agent takes over, and what the first one still sends is
//! refused.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::entities::{project_shop, session_on};
use crate::session::{Session, wait_until};

const ITEMS: usize = 10;

/// Long enough to claim all items while none of the leases ends; if one does, it is claimed once more.
const LEASE_S: u32 = 5;

const TAKEN_FOR_S: u32 = 600;

const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(90);

fn claim(session: &mut Session, holder: &str, lease_s: u32) -> Option<Value> {
    let asked = json!({ "schema": "chore", "holder": holder, "lease_s": lease_s });
    session.call("claim_next", asked).get("claim").cloned()
}

fn id(claim: &Value) -> String {
    claim["entity"]["id"].as_str().unwrap().to_owned()
}

fn finishing(claim: &Value, version: &Value) -> Value {
    json!({
        "id": id(claim), "expected_version": version, "fence": claim["fence"], "patch": { "status": "done" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_held_is_taken_over_and_its_late_writes_are_refused() {
    let url = project_shop().await;
    let (mut killed, mut next) = (session_on(&url).await, session_on(&url).await);
    tokio::task::block_in_place(|| {
        let definition = json!({ "properties": { "status": { "enum": ["open", "doing", "done"] } } });
        killed.call("register_schema", json!({ "name": "chore", "definition": definition }));
        let chore = json!({ "op": "create", "schema": "chore", "data": { "status": "open" } });
        killed.call("bulk_apply", json!({ "operations": vec![chore; ITEMS] }));
        let mut held = HashMap::new();
        while held.len() < ITEMS {
            let claim = claim(&mut killed, "killed", LEASE_S).unwrap();
            held.insert(id(&claim), claim);
        }
        // One was begun: its status alone would keep others away.
        let begun = held.values().next().unwrap();
        let begin = json!({
            "id": id(begun), "expected_version": 1, "fence": begun["fence"], "patch": { "status": "doing" },
        });
        killed.call("update_entity", begin);
        killed.kill();

        let mut taken = HashMap::new();
        wait_until(TAKEN_OVER_WITHIN, || {
            if let Some(claim) = claim(&mut next, "next", TAKEN_FOR_S) {
                taken.insert(id(&claim), claim);
            }
            (taken.len() == ITEMS).then_some(())
        });
        // Its agent lives on, and has started a server again.
        let mut returned = tokio::runtime::Handle::current().block_on(session_on(&url));
        for (id, lost) in &held {
            let taken = &taken[id];
            assert!(claimed_at(taken) >= ends_at(lost), "{taken} was taken from {lost}");
            let version = &taken["entity"]["version"];
            let late = returned.refusal("update_entity", finishing(lost, version));
            assert!(late.contains("is over: next holds it now"), "{late}");
            let late = returned.refusal("release", json!({ "id": id, "fence": lost["fence"] }));
            assert!(late.contains("is over: next holds it now"), "{late}");
            let done = next.call("update_entity", finishing(taken, version));
            assert_eq!(done["entity"]["data"]["status"], "done");
        }
        returned.close();
        next.close();
    });
}

fn ends_at(claim: &Value) -> DateTime<Utc> {
    claim["expires_at"].as_str().unwrap().parse().unwrap()
}

fn claimed_at(claim: &Value) -> DateTime<Utc> {
    ends_at(claim) - TimeDelta::seconds(TAKEN_FOR_S.into())
}
