//! The tools of work: what hangs together, what may be done now, who does it.

use quarry_workflow::{EntityQuery, LinkChange, LinkEnd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::{EntitiesAnswer, document, entity_id, json};
use crate::call::Call;
use crate::plain_schema::plain;
use crate::tool_error::ToolError;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct LinkEntities {
    from: String,
    /// about: `to` is code.
    #[schemars(extend("enum" = quarry_workflow::LINK_KINDS))]
    kind: String,
    /// An id, repository/path#L10-L42 or repository/path#symbol.
    to: String,
    remove: Option<bool>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct LinkAnswer {
    project: String,
    /// Whether there was anything to do.
    changed: bool,
}

pub(crate) async fn link_entities(call: &Call<'_>, arguments: LinkEntities) -> Result<LinkAnswer, ToolError> {
    let end = LinkEnd::read(&arguments.kind, &arguments.to)
        .map_err(|faults| ToolError::new(format!("no such link: {faults}")))?;
    let change = LinkChange {
        from: entity_id(&arguments.from)?,
        end,
        remove: arguments.remove == Some(true),
    };
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let changed = quarry_workflow::change_link(&database, &change, &call.caller).await?;
    Ok(LinkAnswer {
        project: project.name.as_str().to_owned(),
        changed,
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct ReadyWork {
    /// Unless `why` is given.
    schema: Option<String>,
    /// As in query_entities.
    filter: Option<Value>,
    /// Default: oldest first.
    sort: Option<Vec<String>>,
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    cursor: Option<String>,
    /// An id: why it is, or is not, ready.
    why: Option<String>,
    project: Option<String>,
}

pub(crate) async fn ready_work(call: &Call<'_>, arguments: ReadyWork) -> Result<EntitiesAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let name = project.name.as_str();
    if let Some(id) = &arguments.why {
        let readiness = quarry_workflow::explain_readiness(&database, entity_id(id)?).await?;
        return Ok(EntitiesAnswer::of_list(name, vec![json(&readiness)?], None));
    }
    let Some(schema) = arguments.schema else {
        return Err(ToolError::new(
            "ready_work needs the argument `schema`: list_schemas shows them",
        ));
    };
    let query = EntityQuery {
        filter: arguments.filter.map(document).transpose()?,
        sort: arguments.sort.unwrap_or_default(),
        limit: arguments.limit.unwrap_or(20),
        cursor: arguments.cursor,
        ..EntityQuery::all(schema)
    };
    EntitiesAnswer::of_page(name, quarry_workflow::ready_work(&database, &query).await?)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct ClaimNext {
    schema: String,
    /// As in query_entities.
    filter: Option<Value>,
    sort: Option<Vec<String>>,
    holder: Option<String>,
    /// Default 600.
    #[schemars(range(min = 1, max = 86_400))]
    lease_s: Option<u32>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct ClaimAnswer {
    project: String,
    /// Entity, fence and end of the lease; missing: nothing is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<Value>,
}

/// The lease when none is asked for, in seconds.
const LEASE_SECS: u32 = 600;

pub(crate) async fn claim_next(call: &Call<'_>, arguments: ClaimNext) -> Result<ClaimAnswer, ToolError> {
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let query = EntityQuery {
        filter: arguments.filter.map(document).transpose()?,
        sort: arguments.sort.unwrap_or_default(),
        ..EntityQuery::all(arguments.schema)
    };
    let holder = arguments.holder.as_deref().unwrap_or(&call.caller);
    let lease_secs = arguments.lease_s.unwrap_or(LEASE_SECS);
    let claim = quarry_workflow::claim_next(&database, &query, holder, lease_secs).await?;
    Ok(ClaimAnswer {
        project: project.name.as_str().to_owned(),
        claim: claim.as_ref().map(json).transpose()?,
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = plain)]
pub(crate) struct Release {
    id: String,
    #[schemars(range(min = 1, max = 9_000_000_000_000_000_i64))]
    fence: i64,
    /// Keep it so long instead.
    #[schemars(range(min = 1, max = 86_400))]
    renew_s: Option<u32>,
    project: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(transform = plain)]
pub(crate) struct ReleaseAnswer {
    project: String,
    released: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(crate) async fn release(call: &Call<'_>, arguments: Release) -> Result<ReleaseAnswer, ToolError> {
    let id = entity_id(&arguments.id)?;
    let (project, database) = call.project(arguments.project.as_deref()).await?;
    let expires_at = match arguments.renew_s {
        Some(lease_secs) => {
            let end = quarry_workflow::renew_claim(&database, id, arguments.fence, lease_secs).await?;
            Some(end.to_rfc3339())
        }
        None => {
            quarry_workflow::release_claim(&database, id, arguments.fence).await?;
            None
        }
    };
    Ok(ReleaseAnswer {
        project: project.name.as_str().to_owned(),
        released: expires_at.is_none(),
        expires_at,
    })
}
