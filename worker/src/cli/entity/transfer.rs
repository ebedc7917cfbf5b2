//! `quarry entity export`, `import` and `partition`.

use std::fs::File;
use std::io::{BufReader, BufWriter};

use anyhow::{Context as _, Result};
use quarry_workflow::{Exported, entity_layout, partition_entities};

use super::Place;
use super::arguments::{Export, Import, Partition};
use crate::cli::output;
use crate::cli::session::{Session, created_by};

pub(super) async fn export(session: &Session, command: Export) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let schema = command.schema.as_deref();
    let Some(path) = &command.output else {
        // The lines are the output; what was written is said beside it.
        let mut out = BufWriter::new(std::io::stdout());
        let exported = quarry_workflow::export(&place.database, schema, &mut out).await?;
        output::notice(told(&exported));
        return Ok(());
    };
    let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
    let exported = quarry_workflow::export(&place.database, schema, &mut BufWriter::new(file)).await?;
    if command.common.json {
        return output::json(&exported);
    }
    output::line(told(&exported))
}

fn told(exported: &Exported) -> String {
    format!(
        "exported {} entities, {} versions of schemas, {} links",
        exported.entities, exported.schemas, exported.links
    )
}

pub(super) async fn import(session: &Session, command: Import) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let how = command.on_conflict.into();
    let author = created_by();
    let report = if command.file.as_os_str() == "-" {
        let lines = BufReader::new(std::io::stdin());
        quarry_workflow::import(&place.database, lines, how, &author, command.dry_run).await?
    } else {
        let file = File::open(&command.file).with_context(|| format!("read {}", command.file.display()))?;
        quarry_workflow::import(&place.database, BufReader::new(file), how, &author, command.dry_run).await?
    };
    if command.common.json {
        return output::json(&report);
    }
    output::line(format!(
        "{} entities created, {} overwritten, {} skipped, {} unchanged; {} versions of schemas, {} links",
        report.created, report.overwritten, report.skipped, report.unchanged, report.schemas, report.links
    ))
}

pub(super) async fn partition(session: &Session, command: Partition) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let Some(partitions) = command.partitions else {
        let layout = entity_layout(&place.database).await?;
        if command.common.json {
            return output::json(&layout);
        }
        output::line(format!(
            "{} entities, {} partitions",
            layout.entities, layout.partitions
        ))?;
        return layout.advice.map_or(Ok(()), output::line);
    };
    let done = partition_entities(&place.database, partitions).await?;
    if command.common.json {
        return output::json(&done);
    }
    output::line(format!(
        "moved {} entities into {} partitions",
        done.entities, done.partitions
    ))
}
