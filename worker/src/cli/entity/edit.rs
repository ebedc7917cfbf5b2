//! `quarry entity edit`: the document in $EDITOR, checked when the editor closes. What was typed is never lost: a document
//! that does not fit, or that somebody else was faster with, stays in its file.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use quarry_workflow::{AsOf, Author, Change, Entity, Operation, Target, WorkflowError, change_entity};
use serde_json::Value;

use super::arguments::Edit;
use super::{Place, print};
use crate::cli::output;
use crate::cli::session::{Session, created_by};

pub(super) async fn edit(session: &Session, command: Edit) -> Result<()> {
    let place = Place::of(session, command.common.project.as_deref()).await?;
    let entity = quarry_workflow::get_entity(&place.database, command.id, AsOf::Now).await?;
    let target = Target {
        id: entity.id,
        expected_version: command.expected_version.unwrap_or(entity.version),
        fence: command.fence,
    };
    let json = command.common.json;
    if let Some(patch) = &command.patch {
        let change = Change::from_patch(quarry_workflow::read_json(patch).context("--patch")?);
        let operation = Operation::Update { target, change };
        let entity = change_entity(&place.database, &operation, Author::named(&created_by())).await?;
        return print(&entity, json);
    }
    let file = draft(&entity)?;
    loop {
        open_editor(&file)?;
        let outcome = match read(&file) {
            Ok(data) if data == entity.data => {
                std::fs::remove_file(&file).ok();
                return output::line("nothing changed");
            }
            Ok(data) => {
                let change = Change::Replace(data);
                let operation = Operation::Update { target, change };
                change_entity(&place.database, &operation, Author::named(&created_by())).await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(entity) => {
                std::fs::remove_file(&file).ok();
                return print(&entity, json);
            }
            Err(error) if error.faults().is_some() && again(&error)? => {}
            Err(error) => {
                return Err(error).with_context(|| format!("what you wrote is in {}", file.display()));
            }
        }
    }
}

/// The document in a file of its own that no other user can read.
fn draft(entity: &Entity) -> Result<PathBuf> {
    let file = std::env::temp_dir().join(format!("quarry-{}-{}.json", entity.id, std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options
        .open(&file)
        .with_context(|| format!("write {}", file.display()))?;
    serde_json::to_writer_pretty(&mut out, &entity.data)?;
    writeln!(out)?;
    Ok(file)
}

fn read(file: &Path) -> Result<Value, WorkflowError> {
    let text = std::fs::read_to_string(file).map_err(|source| WorkflowError::File {
        action: "read what was edited",
        source,
    })?;
    quarry_workflow::read_json(&text)
}

/// As git does it: the variable may hold a command with arguments.
fn open_editor(file: &Path) -> Result<()> {
    let named = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok());
    let editor = named
        .filter(|editor| !editor.trim().is_empty())
        .unwrap_or_else(|| "vi".to_owned());
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg(&editor)
        .arg(file)
        .status()
        .with_context(|| format!("start the editor {editor}"))?;
    if !status.success() {
        bail!(
            "the editor ended with {status}; nothing was changed, your text is in {}",
            file.display()
        );
    }
    Ok(())
}

fn again(error: &WorkflowError) -> Result<bool> {
    output::notice(output::printable(&error.to_string()));
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    output::notice("Edit again? [Y/n]");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("read the answer")?;
    Ok(!answer.trim().eq_ignore_ascii_case("n"))
}
