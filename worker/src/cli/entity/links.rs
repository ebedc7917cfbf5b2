//! `quarry entity link`, `unlink`, `why`, `claim` and `release`.

use anyhow::{Context as _, Result};
use quarry_workflow::{claim_next, explain_readiness, release_claim};
use serde_json::json;
use uuid::Uuid;

use super::arguments::{Claim, Kind, Link, Release, Why};
use super::find::query_of;
use super::{Place, print};
use crate::cli::output;
use crate::cli::session::{Session, created_by};

pub(super) async fn link(session: &Session, command: Link) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let is_new = match command.kind {
        Kind::Code => {
            quarry_workflow::link_code(&place.database, command.from, &command.to, &created_by()).await?;
            true
        }
        Kind::Entity(kind) => {
            let to = entity_id(&command.to)?;
            quarry_workflow::link_entities(&place.database, command.from, kind, to, &created_by()).await?
        }
    };
    if command.common.json {
        return output::json(&json!({ "from": command.from, "to": command.to, "created": is_new }));
    }
    output::line(if is_new { "linked" } else { "linked already" })
}

pub(super) async fn unlink(session: &Session, command: Link) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let was_there = match command.kind {
        Kind::Code => quarry_workflow::unlink_code(&place.database, command.from, &command.to).await?,
        Kind::Entity(kind) => {
            let to = entity_id(&command.to)?;
            quarry_workflow::unlink_entities(&place.database, command.from, kind, to).await?
        }
    };
    if command.common.json {
        return output::json(&json!({ "from": command.from, "to": command.to, "removed": was_there }));
    }
    output::line(if was_there {
        "unlinked"
    } else {
        "there was no such link"
    })
}

fn entity_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text).with_context(|| format!("{text} is no entity's id; code is linked with `about`"))
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
    release_claim(&place.database, command.id, command.fence).await?;
    if command.common.json {
        return output::json(&json!({ "id": command.id, "released": true }));
    }
    output::line("released")
}
