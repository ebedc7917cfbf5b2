//! The rows of `codebase.file_outlines`, written by the publishing transaction. A file without definitions has none.

use sqlx::PgConnection;

use super::Definitions;
use crate::CodebaseError;

/// Makes the stored outlines of these files, by id, those that are given.
pub(crate) async fn store_outlines<'a>(
    connection: &mut PgConnection,
    files: impl Iterator<Item = (i64, &'a Definitions)>,
) -> Result<(), CodebaseError> {
    let (mut ids, mut outlines, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for (id, definitions) in files {
        match definitions.encode() {
            Some(outline) => {
                ids.push(id);
                outlines.push(outline);
            }
            None => without.push(id),
        }
    }
    if !without.is_empty() {
        sqlx::query!("delete from codebase.file_outlines where file_id = any($1)", &without)
            .execute(&mut *connection)
            .await?;
    }
    if !ids.is_empty() {
        sqlx::query!(
            "insert into codebase.file_outlines (file_id, outline)
             select given.file_id, given.outline
             from unnest($1::bigint[], $2::bytea[]) as given (file_id, outline)
             on conflict (file_id) do update
             set outline = excluded.outline
             where file_outlines.outline <> excluded.outline",
            &ids,
            &outlines
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}
