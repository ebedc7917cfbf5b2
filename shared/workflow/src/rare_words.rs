//! Looks the words of a filter up before the query is planned. The planner knows how often the commonest words are said,
//! and takes every other one for one in 200; it then walks all entities in their order to find a page of what one says.
//! Whose words are said by few is asked for by their ids. The condition on the words stays: this only chooses the plan.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::{WorkflowError, doing};
use crate::filter::{Filter, Words};

/// Most ids that one query names. Words said by more are common enough to be met on a walk.
const MAX_IDS: usize = 2_000;

/// Notes who says the words of a filter, where they are few. Not inside `not`, which no list of ids makes shorter.
pub(crate) async fn find_rare_words(connection: &mut PgConnection, filter: &mut Filter) -> Result<(), WorkflowError> {
    let mut left = MAX_IDS;
    for words in words_of(filter) {
        let ids = said_by(connection, &words.terms, left).await?;
        if let Some(ids) = ids {
            left -= ids.len();
            words.said_by = Some(ids);
        }
    }
    Ok(())
}

fn words_of(filter: &mut Filter) -> Vec<&mut Words> {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter_mut().flat_map(words_of).collect(),
        Filter::Text(words) => vec![words],
        Filter::Not(_) | Filter::Test(..) | Filter::Code(_) => Vec::new(),
    }
}

/// The entities whose texts have all these terms, unless there are more than `most`.
async fn said_by(
    connection: &mut PgConnection,
    terms: &[String],
    most: usize,
) -> Result<Option<Vec<Uuid>>, WorkflowError> {
    // Planned with its values, as the query itself: how often the words are said decides how to look them up.
    let ids: Vec<Uuid> = sqlx::query_scalar("select entity_id from workflow.entity_texts where terms @> $1 limit $2")
        .bind(terms)
        .bind(i64::try_from(most).unwrap_or(i64::MAX) + 1)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(doing("look words up"))?;
    Ok((ids.len() <= most).then_some(ids))
}
