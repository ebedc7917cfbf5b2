//! `quarry project …`.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context as _, Result, bail};
use quarry_registry::{Project, ProjectName, Registry};
use quarry_workflow::RegisteredSchema;
use serde_json::json;

use super::arguments::Project as Command;
use super::session::{Session, created_by};
use super::{output, project_limit, project_model, repository};

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    let registry = session.registry().await?;
    match command {
        Command::Create {
            name,
            description,
            schemas,
            json,
        } => {
            let name = ProjectName::parse(&name)?;
            let project = registry
                .create_project(&name, description.as_deref(), &created_by())
                .await?;
            let schemas = register(&registry, &project, &schemas).await?;
            if json {
                let mut document = describe(&project);
                document["schemas"] = schemas.iter().map(describe_schema).collect();
                return output::json(&document);
            }
            output::line(format!(
                "created project {} in database {}",
                project.name.as_str(),
                project.database_name
            ))?;
            if schemas.is_empty() {
                Ok(())
            } else {
                output::line(format!("registered schemas {}", listed(&schemas)))
            }
        }
        Command::List { json } => list(&registry, json).await,
        Command::Show { name, json } => show(&registry, &name, json).await,
        Command::Model(model) => project_model::run(session, &registry, model).await,
        Command::Limit(limit) => project_limit::run(&registry, limit).await,
        Command::Rename { name, new_name } => {
            let project = registry.project(&ProjectName::parse(&name)?).await?;
            let renamed = registry
                .rename_project(&project, &ProjectName::parse(&new_name)?)
                .await?;
            output::line(format!("renamed {name} to {}", renamed.name.as_str()))
        }
        Command::Drop { name, yes } => {
            let project = registry.project(&ProjectName::parse(&name)?).await?;
            if !yes {
                confirm(&project)?;
            }
            registry.drop_project(&project).await?;
            output::line(format!(
                "dropped project {name} and its database {}",
                project.database_name
            ))
        }
    }
}

/// Registers the templates of these names in a new project; most projects ask for none and open no database here.
async fn register(registry: &Registry, project: &Project, templates: &[String]) -> Result<Vec<RegisteredSchema>> {
    if templates.is_empty() {
        return Ok(Vec::new());
    }
    let name = project.name.as_str();
    let half_way = || format!("created project {name} without its schemas: drop it and create it again");
    let database = registry.database(project).await.with_context(half_way)?;
    for template in templates {
        quarry_workflow::register_template(&database, template, &created_by())
            .await
            .with_context(half_way)?;
    }
    quarry_workflow::registered_schemas(&database)
        .await
        .with_context(half_way)
}

async fn list(registry: &Registry, json: bool) -> Result<()> {
    let projects = registry.projects().await?;
    if json {
        return output::json(&projects.iter().map(describe).collect::<Vec<_>>());
    }
    if projects.is_empty() {
        return output::line("no projects yet: `quarry index PATH` makes one");
    }
    let rows: Vec<Vec<String>> = projects
        .iter()
        .map(|project| {
            vec![
                project.name.as_str().to_owned(),
                project.database_name.clone(),
                project.state.to_string(),
                model_of(project),
                project.description.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(&["PROJECT", "DATABASE", "STATE", "MODEL", "DESCRIPTION"], &rows)
}

async fn show(registry: &Registry, name: &str, json: bool) -> Result<()> {
    let project = registry.project(&ProjectName::parse(name)?).await?;
    let database = registry.database(&project).await?;
    let repositories = quarry_codebase::repositories(&database).await?;
    let schemas = quarry_workflow::registered_schemas(&database).await?;
    if json {
        let mut document = describe(&project);
        document["schemas"] = schemas.iter().map(describe_schema).collect();
        document["limit"] = project_limit::describe(registry, &project).await?.into();
        document["repositories"] = repositories.iter().map(repository::describe).collect();
        return output::json(&document);
    }
    output::line(format!("project      {}", project.name.as_str()))?;
    output::line(format!("database     {}", project.database_name))?;
    output::line(format!("state        {}", project.state))?;
    output::line(format!("model        {}", model_of(&project)))?;
    output::line(format!(
        "created      {} by {}",
        project.created_at.to_rfc3339(),
        project.created_by
    ))?;
    output::line(format!(
        "limit        {}",
        project_limit::describe(registry, &project).await?
    ))?;
    if let Some(description) = &project.description {
        output::line(format!("description  {description}"))?;
    }
    if !schemas.is_empty() {
        output::line(format!("schemas      {}", listed(&schemas)))?;
    }
    repository::print_table(&repositories)
}

fn model_of(project: &Project) -> String {
    match &project.embedding {
        Some(pinned) => pinned.to_string(),
        None => "not chosen yet".to_owned(),
    }
}

fn listed(schemas: &[RegisteredSchema]) -> String {
    let names: Vec<String> = schemas
        .iter()
        .map(|schema| format!("{} {}", schema.name, schema.version))
        .collect();
    names.join(", ")
}

fn describe_schema(schema: &RegisteredSchema) -> serde_json::Value {
    json!({ "name": schema.name, "version": schema.version, "description": schema.description })
}

fn describe(project: &Project) -> serde_json::Value {
    json!({
        "name": project.name.as_str(),
        "id": project.id.0,
        "database_name": project.database_name,
        "state": project.state.to_string(),
        "description": project.description,
        "embedding_model": project.embedding.as_ref().map(|pinned| &pinned.model),
        "embedding_dimensions": project.embedding.as_ref().map(|pinned| pinned.dimensions),
        "created_at": project.created_at,
        "created_by": project.created_by,
    })
}

fn confirm(project: &Project) -> Result<()> {
    let name = project.name.as_str();
    if !std::io::stdin().is_terminal() {
        bail!("dropping {name} deletes its database: add --yes");
    }
    output::notice(format!(
        "This deletes the database {}. Type {name} to go on:",
        project.database_name
    ));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("read the answer")?;
    if answer.trim() == name {
        Ok(())
    } else {
        bail!("not dropped: the answer was not {name}")
    }
}
