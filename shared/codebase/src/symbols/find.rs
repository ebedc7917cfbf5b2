//! What is known of a name, from request to answer, inside one read-only transaction that sees one state of the project:
//! its definitions, then its uses. A name that nobody defines or uses is taken for the nearest one that somebody defines.

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{PgConnection, PgPool};

use super::find_definitions::{Found, find_definitions, merge_copies, read_signatures};
use super::find_uses::{Uses, find_uses};
use super::near_names::near_names;
use super::outcome::{NameMatch, SymbolOutcome};
use super::request::{AskedName, SymbolRequest};
use crate::CodebaseError;
use crate::lexical::{self, LexicalSnapshot, markers};
use crate::search::{SearchRequest, allowed_files, configure, repository_filter};
use crate::tokenize::TermMaker;

/// Finds where a name is defined and used.
///
/// # Errors
/// [`CodebaseError::InvalidQuery`] says what to correct; [`CodebaseError::Database`] when Postgres failed.
pub async fn find_symbol(pool: &PgPool, request: &SymbolRequest) -> Result<SymbolOutcome, CodebaseError> {
    request.check()?;
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let outcome = find_in(&mut transaction, request).await?;
    transaction.commit().await?;
    Ok(outcome)
}

/// Where the name is looked for.
struct Scope<'a> {
    request: &'a SymbolRequest,
    asked: AskedName,
    snapshot: LexicalSnapshot,
    allowed: Option<FxHashSet<i64>>,
    merges_copies: bool,
}

async fn find_in(connection: &mut PgConnection, request: &SymbolRequest) -> Result<SymbolOutcome, CodebaseError> {
    configure(connection).await?;
    let repository_ids = repository_filter(connection, &request.repository_ids).await?;
    let filters = SearchRequest {
        path_glob: request.path_glob.clone(),
        language: request.language.clone(),
        ..SearchRequest::new(&request.name)
    };
    let allowed = allowed_files(connection, &filters, repository_ids).await?;
    let scope = Scope {
        request,
        asked: AskedName::read(&request.name),
        snapshot: lexical::load_snapshot(connection, repository_ids).await?,
        allowed: allowed.map(|allowed| allowed.ids),
        merges_copies: request.repository_ids.is_empty(),
    };
    let mut definitions = Vec::new();
    let mut uses = Uses::default();
    if !scope.asked.is_prefix {
        definitions = scope
            .definitions(connection, &[(&scope.asked.name, NameMatch::Exact)])
            .await?;
        uses = match definitions.first() {
            // Of a name in other letters, what is defined is what is used.
            Some(found) if found.matched == NameMatch::Spelling => {
                let name = markers::last_component(&found.definition.name).to_owned();
                scope.uses(connection, &name).await?
            }
            _ => scope.uses(connection, &scope.asked.name).await?,
        };
    }
    if definitions.is_empty() && uses.total == 0 {
        definitions = scope.near_definitions(connection).await?;
        if let Some(found) = definitions.first().filter(|_| !scope.asked.is_prefix) {
            let name = markers::last_component(&found.definition.name).to_owned();
            uses = scope.uses(connection, &name).await?;
        }
    }
    let matched = match definitions.first() {
        Some(found) => found.matched,
        None if uses.total > 0 => NameMatch::Exact,
        None => NameMatch::Nothing,
    };
    if scope.merges_copies {
        definitions = merge_copies(definitions);
    }
    let definitions_total = definitions.len();
    definitions.drain(..definitions_total.min(request.offset as usize));
    definitions.truncate(request.limit as usize);
    Ok(SymbolOutcome {
        matched,
        definitions: read_signatures(connection, definitions).await?,
        definitions_total,
        uses: uses.shown,
        uses_total: uses.total,
        uses_are_more: uses.are_more,
    })
}

impl Scope<'_> {
    async fn definitions(
        &self,
        connection: &mut PgConnection,
        names: &[(&str, NameMatch)],
    ) -> Result<Vec<Found>, CodebaseError> {
        // What only says where something belongs has no marker: it is looked for where its name stands.
        let is_scope = self.request.kind.is_some_and(|kind| kind.is_scope());
        let term = |name: &str| {
            let mut terms = Vec::new();
            if is_scope {
                TermMaker::new().terms_of(name, &mut terms);
            }
            terms.into_iter().next().unwrap_or_else(|| markers::definition(name))
        };
        let terms: Vec<String> = names.iter().map(|(name, _)| term(name)).collect();
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        let holding = lexical::chunks_holding(connection, &self.snapshot, &terms, self.allowed.as_ref()).await?;
        let file_ids = holding.iter().map(|holding| holding.file_id).collect();
        let matches: FxHashMap<String, NameMatch> = names
            .iter()
            .map(|(name, matched)| (name.to_lowercase(), *matched))
            .collect();
        find_definitions(connection, file_ids, &self.asked, self.request.kind, &matches).await
    }

    async fn near_definitions(&self, connection: &mut PgConnection) -> Result<Vec<Found>, CodebaseError> {
        let names = lexical::defined_names(connection, &self.snapshot).await?;
        let all = names.iter().flat_map(|names| names.iter());
        let near = near_names(&self.asked, all);
        self.definitions(connection, &near).await
    }

    async fn uses(&self, connection: &mut PgConnection, name: &str) -> Result<Uses, CodebaseError> {
        let (skipped, limit) = (self.request.uses_offset as usize, self.request.uses_limit as usize);
        let (allowed, shown) = (self.allowed.as_ref(), skipped..skipped + limit);
        find_uses(connection, &self.snapshot, allowed, name, shown, self.merges_copies).await
    }
}
