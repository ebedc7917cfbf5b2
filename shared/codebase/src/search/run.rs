//! One search from request to answer, inside one read-only transaction that sees one state of the project.
//! The order of the steps is the order of the modules: scope, vectors, words, candidates, fusion, ranking, answer.

use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{Acquire as _, PgConnection, PgPool};
use uuid::Uuid;

use super::answer::answer;
use super::candidates::fetch_candidates;
use super::copies::{Distinct, alone, merge_copies};
use super::fusion::{Evidence, LexicalShare, fuse};
use super::judge::{Judge, is_path_end};
use super::outcome::{CandidateCounts, Degraded, SearchOutcome, SearchTimings, VectorScan};
use super::path_filter::allowed_files;
use super::ranking::rank;
use super::request::{SearchMode, SearchRequest};
use super::understand::{Question, QuestionKind, understand};
use super::vectors::{Nearest, nearest};
use crate::CodebaseError;
use crate::chunk_rows;
use crate::lexical::{self, LexicalCandidates, Scored, markers};
use crate::model_change::stored_model;

/// Candidates by words: those beyond would have to gain 200 places by meaning, and then they are vector candidates.
const LEXICAL_CANDIDATES: usize = 200;
/// When a text must occur, most candidates lack it.
const LEXICAL_CANDIDATES_WITH_PHRASES: usize = 2_000;
/// Definitions of asked names and files with asked names, beyond the candidates above.
const MOST_EXACT: usize = 50;
/// Above so many chunks an exact scan is slow enough to be mentioned.
const SLOW_SCAN_CHUNKS: u64 = 50_000;
/// No search takes longer; ten times the worst that was measured with a million chunks.
const STATEMENT_TIMEOUT_MILLIS: u32 = 10_000;

/// Answers a query.
///
/// # Errors
/// [`CodebaseError::InvalidQuery`] says what to correct; [`CodebaseError::Database`] when Postgres failed or the search
/// took longer than ten seconds.
pub async fn search(pool: &PgPool, request: &SearchRequest) -> Result<SearchOutcome, CodebaseError> {
    request.check()?;
    let started = Instant::now();
    let question = understand(&request.text, request.mode);
    let mut transaction = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let mut outcome = search_in(&mut transaction, request, &question).await?;
    transaction.commit().await?;
    outcome.timings.total = started.elapsed();
    Ok(outcome)
}

async fn search_in(
    connection: &mut PgConnection,
    request: &SearchRequest,
    question: &Question,
) -> Result<SearchOutcome, CodebaseError> {
    let mut timings = SearchTimings::default();
    let mut lap = Lap(Instant::now());

    configure(connection).await?;
    let (query_vector, mut degraded) = usable_vector(connection, request).await?;
    let repository_ids = repository_filter(connection, &request.repository_ids).await?;
    let snapshot = lexical::load_snapshot(connection, repository_ids).await?;
    let chunks = snapshot.live_chunks;
    let allowed = allowed_files(connection, request, repository_ids).await?;
    let allowed_ids = allowed.as_ref().map(|allowed| &allowed.ids);
    timings.scope = lap.take();

    let nearest = match query_vector {
        Some(vector) => nearest(connection, vector, allowed.as_ref(), chunks).await?,
        None => Nearest::default(),
    };
    if nearest.scan == VectorScan::Exact && allowed.is_none() && chunks > SLOW_SCAN_CHUNKS {
        degraded.push(Degraded::ExactScan { chunks });
    }
    timings.vectors = lap.take();

    let near: FxHashSet<i64> = nearest.numbers.iter().copied().collect();
    let words_count = query_vector.is_none() || request.mode != SearchMode::Semantic;
    let found = if words_count {
        let count = if question.phrases.is_empty() && question.pattern.is_none() {
            LEXICAL_CANDIDATES
        } else {
            LEXICAL_CANDIDATES_WITH_PHRASES
        };
        lexical::score_chunks(connection, &snapshot, &question.terms, allowed_ids, count, &near).await?
    } else {
        let nothing = lexical::QueryTerms::default();
        lexical::score_chunks(connection, &snapshot, &nothing, allowed_ids, 0, &near).await?
    };
    let asked_files = asked_files(connection, question, &found).await?;
    timings.lexical = lap.take();

    let lexical_count = found.best.len();
    let terms_left_out = found.terms_left_out;
    let mut scored: FxHashMap<i64, Scored> = found.best.into_iter().map(|scored| (scored.number, scored)).collect();
    scored.extend(
        found
            .also
            .into_iter()
            .filter(|(_, scored)| allowed_ids.is_none_or(|allowed| allowed.contains(&scored.file_id))),
    );
    let exact = found.definitions.iter().take(MOST_EXACT).chain(&asked_files);
    scored.extend(exact.map(|scored| (scored.number, *scored)));
    let pattern = usable_pattern(connection, question).await?;
    let mut candidates = fetch_candidates(connection, &scored, query_vector, &question.phrases, pattern).await?;
    if candidates.is_empty() && question.asks_beside_phrases && !question.phrases.is_empty() {
        candidates = fetch_candidates(connection, &scored, query_vector, &[], pattern).await?;
        degraded.push(Degraded::NothingQuotedFound);
    }
    let evidence: Vec<Evidence> = candidates
        .iter()
        .map(|candidate| Evidence {
            bm25: candidate.bm25,
            cosine: candidate.cosine,
        })
        .collect();
    let share = lexical_share(request, question.kind, query_vector.is_some());
    let fused = fuse(&evidence, share, nearest.cosine_floor);
    let judge = Judge::new(question, &found.close, request.mode, request.weights);
    let ranked = rank(&judge, candidates, &fused);
    let distinct: Vec<Distinct> = if request.repository_ids.is_empty() {
        merge_copies(ranked)
    } else {
        ranked.into_iter().map(alone).collect()
    };
    let (hits, more) = answer(connection, distinct, request.offset as usize, request.limit as usize).await?;
    timings.ranking = lap.take();

    Ok(SearchOutcome {
        hits,
        more,
        degraded,
        candidates: CandidateCounts {
            chunks,
            files_allowed: allowed.as_ref().map(|allowed| allowed.ids.len() as u64),
            lexical: lexical_count,
            vector: nearest.numbers.len(),
            scan: nearest.scan,
            terms_left_out,
        },
        timings,
    })
}

/// Bounds the transaction, and turns off compiling of plans: it costs more than any of these statements.
pub(crate) async fn configure(connection: &mut PgConnection) -> Result<(), CodebaseError> {
    sqlx::query!(
        "select set_config('statement_timeout', $1, true) as timeout, set_config('jit', 'off', true) as jit",
        STATEMENT_TIMEOUT_MILLIS.to_string()
    )
    .fetch_one(connection)
    .await?;
    Ok(())
}

/// The repositories to search; `None` when those are all that there are, which is the cheap and the usual case.
pub(crate) async fn repository_filter<'a>(
    connection: &mut PgConnection,
    asked: &'a [Uuid],
) -> Result<Option<&'a [Uuid]>, CodebaseError> {
    if asked.is_empty() {
        return Ok(None);
    }
    let has_others = sqlx::query_scalar!(
        r#"select exists (select from codebase.repositories where id <> all($1)) as "has_others!""#,
        asked
    )
    .fetch_one(connection)
    .await?;
    Ok(has_others.then_some(asked))
}

/// The query's vector when it can be compared with the stored ones, else why not.
pub(crate) async fn usable_vector<'a>(
    connection: &mut PgConnection,
    request: &'a SearchRequest,
) -> Result<(Option<&'a [f32]>, Vec<Degraded>), CodebaseError> {
    if matches!(request.mode, SearchMode::Lexical | SearchMode::Symbol) {
        return Ok((None, Vec::new()));
    }
    let Some(vector) = request.query_vector.as_deref() else {
        return Ok((None, vec![Degraded::NoQueryVector]));
    };
    let Some(stored) = chunk_rows::dimensions(&mut *connection).await? else {
        return Ok((None, vec![Degraded::NoStoredVectors]));
    };
    if let Some(asked) = &request.query_model
        && stored_model(&mut *connection)
            .await?
            .is_some_and(|stored| stored != *asked)
    {
        return Ok((None, vec![Degraded::OtherModel]));
    }
    let query = u32::try_from(vector.len()).unwrap_or(u32::MAX);
    if query != stored || request.expected_dimensions.is_some_and(|expected| expected != stored) {
        return Ok((None, vec![Degraded::WrongDimension { stored, query }]));
    }
    // A zero vector is near to nothing: its distances are not numbers.
    if vector.iter().all(|value| *value == 0.0) || vector.iter().any(|value| !value.is_finite()) {
        return Ok((None, vec![Degraded::NoQueryVector]));
    }
    Ok((Some(vector), Vec::new()))
}

/// Of the files with an asked name, those whose whole path fits.
async fn asked_files(
    connection: &mut PgConnection,
    question: &Question,
    found: &LexicalCandidates,
) -> Result<Vec<Scored>, CodebaseError> {
    if question.paths.is_empty() || found.files.is_empty() {
        return Ok(found.files.iter().take(MOST_EXACT).copied().collect());
    }
    let file_ids: Vec<i64> = found.files.iter().map(|scored| scored.file_id).collect();
    let rows = sqlx::query!("select id, path from codebase.files where id = any($1)", &file_ids)
        .fetch_all(connection)
        .await?;
    let fitting: FxHashSet<i64> = rows
        .into_iter()
        .filter(|row| {
            let path = row.path.to_lowercase();
            let is_close = || {
                let marker = markers::file_name(markers::name_and_stem(&path).0);
                found.close.iter().any(|close| close.marker == marker)
            };
            question.paths.iter().any(|asked| is_path_end(&path, asked)) || is_close()
        })
        .map(|row| row.id)
        .collect();
    let fits = |scored: &&Scored| fitting.contains(&scored.file_id);
    Ok(found.files.iter().filter(fits).take(MOST_EXACT).copied().collect())
}

/// The asked pattern, unless Postgres cannot read it: then the words of the query have to do.
async fn usable_pattern<'a>(
    connection: &mut PgConnection,
    question: &'a Question,
) -> Result<Option<&'a str>, CodebaseError> {
    let Some(pattern) = question.pattern.as_deref() else {
        return Ok(None);
    };
    let mut savepoint = connection.begin().await?;
    let tried = sqlx::query_scalar!("select '' ~ $1", pattern)
        .fetch_one(&mut *savepoint)
        .await;
    savepoint.rollback().await?;
    match tried {
        Ok(_) => Ok(Some(pattern)),
        Err(sqlx::Error::Database(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn lexical_share(request: &SearchRequest, kind: QuestionKind, has_vector: bool) -> LexicalShare {
    match (request.mode, kind) {
        _ if !has_vector => LexicalShare::ALL,
        (SearchMode::Semantic, _) => LexicalShare::NONE,
        (_, QuestionKind::Words) => LexicalShare::of(request.weights.words_in_question),
        (_, QuestionKind::Symbol | QuestionKind::Path) => LexicalShare::of(request.weights.words_in_name),
    }
}

struct Lap(Instant);

impl Lap {
    /// The time since the last call.
    fn take(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}
