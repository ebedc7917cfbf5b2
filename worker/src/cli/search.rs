//! `quarry search`: asks the index, after bringing it up to date when told to.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quarry_codebase::{Degraded, Explanation, Freshness, Hit, Pending, SearchMode, SearchRequest};
use quarry_embedding::Purpose;
use quarry_registry::{PgPool, Project, Registry};
use serde_json::json;

use super::arguments::{Mode, Search};
use super::changed_on_disk::{Changed, changed_on_disk};
use super::freshen::freshen;

use super::place::Place;
use super::project_model::stored_model;
use super::session::Session;
use super::{index, output};

/// Lines of a hit shown to a person; the whole chunk is in --json.
const SHOWN_LINES: usize = 8;

pub(super) async fn run(session: &Session, command: Search) -> Result<()> {
    let registry = session.registry().await?;
    let (project, indexed) = match &command.index {
        Some(path) => {
            let located = session
                .locate_or_create(&registry, path, command.project.as_deref())
                .await?;
            let report = index::bring_up_to_date(session, &registry, &located, false).await?;
            if report.files_indexed + report.files_removed > 0 {
                output::notice(report.summary());
            }
            (
                registry.project_by_id(located.project.id).await?,
                Some(located.repository.id),
            )
        }
        None => (session.project(&registry, command.project.as_deref()).await?, None),
    };
    let database = registry.database(&project).await?;
    let repository = match &command.repository {
        Some(path) => {
            let place = Place::existing(path)?;
            let found = session.repository_at(&registry, &project, &place).await?;
            let missing = || format!("{} is not in project {}", path.display(), project.name.as_str());
            Some(found.with_context(missing)?.id)
        }
        None => indexed,
    };
    let mut stale = Vec::new();
    if command.fresh {
        let limit = Duration::from_secs(command.timeout_s);
        let mut repositories = quarry_codebase::repositories(&database).await?;
        repositories.retain(|candidate| repository.is_none_or(|id| candidate.id == id));
        stale = freshen(session, &registry, &project, repositories, limit).await?;
    }
    let started = Instant::now();
    let (hits, mut notes) = search(session, &registry, &project, &database, &command, repository).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1000.0;
    notes.splice(..0, stale);
    let freshness = freshness(&registry, &project, &database, repository).await?;
    let changed = changed_on_disk(session, &database, &hits).await?;
    if command.json {
        return output::json(&json!({
            "query": command.query,
            "project": project.name.as_str(),
            "took_ms": (took_ms * 10.0).round() / 10.0,
            "freshness": freshness,
            "degraded": notes,
            "results": hits.iter().map(|hit| describe(hit, &changed, command.explain)).collect::<Vec<_>>(),
        }));
    }
    print(&hits, &changed, command.explain)?;
    if hits.is_empty() {
        output::line(format!(
            "nothing found for \"{}\" in project {}",
            command.query,
            project.name.as_str()
        ))?;
    }
    for note in notes {
        output::notice(format!("note: {note}"));
    }
    output::notice(format!(
        "{} results in {took_ms:.0} ms; {}",
        hits.len(),
        freshness.sentence()
    ));
    Ok(())
}

async fn search(
    session: &Session,
    registry: &Registry,
    project: &Project,
    database: &PgPool,
    command: &Search,
    repository: Option<uuid::Uuid>,
) -> Result<(Vec<Hit>, Vec<String>)> {
    let mode = match command.mode {
        Mode::Hybrid => SearchMode::Hybrid,
        Mode::Semantic => SearchMode::Semantic,
        Mode::Lexical => SearchMode::Lexical,
        Mode::Symbol => SearchMode::Symbol,
    };
    let mut request = SearchRequest {
        repository_ids: repository.into_iter().collect(),
        path_glob: command.path.clone(),
        language: command.language.clone(),
        file_type: command.file_type.clone(),
        limit: command.limit,
        mode,
        ..SearchRequest::new(&command.query)
    };
    let embedding = session.context(registry.clone())?.embedding;
    loop {
        let mut notes = Vec::new();
        if matches!(mode, SearchMode::Hybrid | SearchMode::Semantic) {
            request.query_model = stored_model(project, database).await?;
            let vector = embedding
                .search_vector(request.query_model.as_deref(), Purpose::Query, &command.query)
                .await;
            request.query_vector = vector.map_err(|reason| notes.push(reason)).ok();
        }
        let outcome = quarry_codebase::search(database, &request).await?;
        // The project was switched to another model between the two: that happens once.
        if outcome.degraded.contains(&Degraded::OtherModel) {
            continue;
        }
        if request.query_vector.is_some() {
            notes.extend(outcome.degraded.iter().map(ToString::to_string));
        }
        return Ok((outcome.hits, notes));
    }
}

fn is_changed(hit: &Hit, changed: &Changed) -> Option<bool> {
    changed.get(&(hit.repository_id, hit.path.clone())).copied()
}

pub(super) fn describe(hit: &Hit, changed: &Changed, explain: bool) -> serde_json::Value {
    let mut described = json!({
        "repository": hit.repository_root,
        "path": hit.path,
        "start_line": hit.start_line,
        "end_line": hit.end_line,
        "language": hit.language,
        "symbol": hit.symbol,
        "score": (f64::from(hit.score) * 1000.0).round() / 1000.0,
        "content": hit.content,
        // Null: the file is on another machine.
        "changed_on_disk": is_changed(hit, changed),
    });
    if explain {
        described["explanation"] = explain_as_json(&hit.explanation);
    }
    if !hit.also_in.is_empty() {
        described["also_in"] = hit
            .also_in
            .iter()
            .map(|place| {
                json!({
                    "repository": place.repository_root,
                    "path": place.path,
                    "start_line": place.start_line,
                    "end_line": place.end_line,
                })
            })
            .collect();
    }
    described
}

fn explain_as_json(explanation: &Explanation) -> serde_json::Value {
    let rounded = |value: f32| (f64::from(value) * 1000.0).round() / 1000.0;
    let corrections = explanation.corrections.iter();
    json!({
        "bm25": rounded(explanation.bm25),
        "words": rounded(explanation.words),
        "cosine": explanation.cosine.map(rounded),
        "meaning": explanation.meaning.map(rounded),
        "fused": rounded(explanation.fused),
        "corrections": corrections
            .map(|correction| json!({"reason": correction.reason, "factor": rounded(correction.factor)}))
            .collect::<Vec<_>>(),
        "standing": explanation.standing.to_string(),
    })
}

pub(super) fn print(hits: &[Hit], changed: &Changed, explain: bool) -> Result<()> {
    for (rank, hit) in hits.iter().enumerate() {
        let symbol = hit
            .symbol
            .as_deref()
            .map(|symbol| format!("  {symbol}"))
            .unwrap_or_default();
        let edited = match is_changed(hit, changed) {
            Some(true) => "  changed on disk since",
            _ => "",
        };
        output::line(output::printable(&format!(
            "{:>2}. {}:{}-{}{symbol}  ({:.2}){edited}",
            rank + 1,
            hit.path,
            hit.start_line,
            hit.end_line,
            hit.score
        )))?;
        if explain {
            output::line(format!("      {}", hit.explanation))?;
        }
        let lines: Vec<&str> = hit.content.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in lines.iter().take(SHOWN_LINES) {
            output::line(format!("      {}", output::printable(line)))?;
        }
        if lines.len() > SHOWN_LINES {
            output::line("      …")?;
        }
        if !hit.also_in.is_empty() {
            let roots: Vec<&str> = hit.also_in.iter().map(|place| place.repository_root.as_str()).collect();
            output::line(output::printable(&format!("      also in {}", roots.join(", "))))?;
        }
        output::line("")?;
    }
    Ok(())
}

/// How fresh the answer is.
pub(super) async fn freshness(
    registry: &Registry,
    project: &Project,
    database: &PgPool,
    repository: Option<uuid::Uuid>,
) -> Result<Freshness> {
    let pending = quarry_queue::pending(registry.pool(), project.id.0, repository).await?;
    let pending = Pending {
        files: pending.files,
        sync: pending.sync,
    };
    Ok(quarry_codebase::freshness(database, repository, pending).await?)
}
