//! `quarry entity link`, `unlink`, `why`, `claim` and `release`.

use anyhow::{Result, bail};
use quarry_workflow::{LinkChange, LinkEnd, change_link, claim_next, explain_readiness, release_claim, renew_claim};
use serde_json::json;

use super::arguments::{Claim, Link, Release, Why};
use super::find::query_of;
use super::{Place, print};
use crate::cli::output;
use crate::cli::session::{Session, created_by};

pub(super) async fn link(session: &Session, command: Link, remove: bool) -> Result<()> {
    let end = match LinkEnd::read(&command.kind, &command.to) {
        Ok(end) => end,
        Err(faults) => bail!("no such link: {faults}"),
    };
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let change = LinkChange {
        from: command.from,
        end,
        remove,
    };
    let changed = change_link(&place.database, &change, &created_by()).await?;
    if command.common.json {
        return output::json(
            &json!({ "from": command.from, "kind": command.kind, "to": command.to, "changed": changed }),
        );
    }
    output::line(match (remove, changed) {
        (false, true) => "linked",
        (false, false) => "linked already",
        (true, true) => "unlinked",
        (true, false) => "there was no such link",
    })
}

pub(super) async fn why(session: &Session, command: Why) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let readiness = explain_readiness(&place.database, command.id).await?;
    if command.common.json {
        return output::json(&readiness);
    }
    if readiness.ready {
        return output::line("it may be worked on now");
    }
    readiness
        .reasons
        .iter()
        .try_for_each(|reason| output::line(output::printable(reason)))
}

pub(super) async fn claim(session: &Session, command: Claim) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let query = query_of(command.schema, command.selection)?;
    let claim = claim_next(&place.database, &query, &command.holder, command.lease_s).await?;
    if command.common.json {
        return output::json(&claim);
    }
    let Some(claim) = claim else {
        return output::line("nothing may be worked on now");
    };
    output::line(format!(
        "fence {}, until {}",
        claim.fence,
        claim.expires_at.to_rfc3339()
    ))?;
    print(&claim.entity, false)
}

pub(super) async fn release(session: &Session, command: Release) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let Release { id, fence, .. } = command;
    let Some(lease_s) = command.renew_s else {
        release_claim(&place.database, id, fence).await?;
        if command.common.json {
            return output::json(&json!({ "id": id, "released": true }));
        }
        return output::line("released");
    };
    let expires_at = renew_claim(&place.database, id, fence, lease_s).await?.to_rfc3339();
    if command.common.json {
        return output::json(&json!({ "id": id, "released": false, "expires_at": expires_at }));
    }
    output::line(format!("yours until {expires_at}"))
}
