//! `quarry schema …`: the kinds of entities a project has.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use quarry_registry::PgPool;
use quarry_workflow::{
    DifferenceClass, FailingEntity, Migrated, Migration, NewSchema, Registration, Template, template_names,
};

use super::entity::read_text;
use super::output;
use super::session::{Session, created_by};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the schemas of a project with all their versions
    List {
        /// Project [default: the project of the current directory]
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show a schema's definition, with an example of a document
    Show {
        name: String,
        /// This version [default: the newest]
        #[arg(long)]
        version: Option<i32>,
        /// Project [default: the project of the current directory]
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Register a ready-made schema in a project
    Init {
        #[arg(value_parser = PossibleValuesParser::new(template_names()))]
        template: String,
        /// Only print the definition, to start a schema of your own from
        #[arg(long)]
        print: bool,
        /// Project [default: the project of the current directory]
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Register a JSON Schema (draft 2020-12), as the first or the next version of its name
    Register {
        /// The schema's name
        name: String,
        /// The definition's file; - reads standard input
        file: PathBuf,
        /// What its entities are
        #[arg(long)]
        description: Option<String>,
        /// A property that gets an index, such as `status` or `address.city`; may be given several times
        #[arg(long = "query-field", value_name = "FIELD")]
        query_fields: Vec<String>,
        /// Only say how it differs and which entities would not fit
        #[arg(long)]
        dry_run: bool,
        /// Project [default: the project of the current directory]
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Move all entities of a schema to its newest version
    Migrate {
        name: String,
        /// A file with a merge patch or JSON Patch that makes documents fit; always: what is missing gets its default
        #[arg(long, value_name = "FILE")]
        patch: Option<PathBuf>,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
        /// Project [default: the project of the current directory]
        #[arg(long)]
        project: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::List { project, json } => list(&database(session, project.as_deref()).await?, json).await,
        Command::Show {
            name,
            version,
            project,
            json,
        } => show(&database(session, project.as_deref()).await?, &name, version, json).await,
        Command::Init {
            template,
            print,
            project,
            json,
        } => {
            if print {
                let template = Template::named(&template).context("find the template")?;
                return output::json(&template.definition());
            }
            let database = database(session, project.as_deref()).await?;
            let schema = quarry_workflow::register_template(&database, &template, &created_by()).await?;
            if json {
                return output::json(&schema);
            }
            output::line(format!("registered schema {} version {}", schema.name, schema.version))
        }
        Command::Register {
            name,
            file,
            description,
            query_fields,
            dry_run,
            project,
            json,
        } => {
            let new = NewSchema {
                name,
                definition: quarry_workflow::read_json(&read_text(&file)?)?,
                description,
                query_fields: (!query_fields.is_empty()).then_some(query_fields),
                dry_run,
            };
            let database = database(session, project.as_deref()).await?;
            let registration = quarry_workflow::register_schema(&database, &new, &created_by()).await?;
            if json {
                return output::json(&registration);
            }
            tell(&registration, dry_run)
        }
        Command::Migrate {
            name,
            patch,
            dry_run,
            project,
            json,
        } => {
            let database = database(session, project.as_deref()).await?;
            let migrated = migrate(&database, &name, patch.as_deref(), dry_run).await?;
            if json {
                return output::json(&migrated);
            }
            tell_migrated(&name, &migrated, dry_run)
        }
    }
}

async fn database(session: &Session, project: Option<&str>) -> Result<PgPool> {
    let registry = session.registry().await?;
    let project = session.project(&registry, project).await?;
    Ok(registry.database(&project).await?)
}

async fn list(database: &PgPool, json: bool) -> Result<()> {
    let schemas = quarry_workflow::registered_schemas(database).await?;
    if json {
        return output::json(&schemas);
    }
    if schemas.is_empty() {
        return output::line("no schemas yet: `quarry schema init task` registers one");
    }
    let rows: Vec<Vec<String>> = schemas
        .iter()
        .map(|schema| {
            vec![
                schema.name.clone(),
                schema.version.to_string(),
                schema.query_fields.join(" "),
                schema.created_at.format("%Y-%m-%d").to_string(),
                output::printable(schema.description.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    output::table(
        &["SCHEMA", "VERSION", "QUERY FIELDS", "REGISTERED", "DESCRIPTION"],
        &rows,
    )
}

async fn show(database: &PgPool, name: &str, version: Option<i32>, json: bool) -> Result<()> {
    let described = quarry_workflow::describe_schema(database, name, version).await?;
    if json {
        return output::json(&described);
    }
    let schema = &described.schema;
    output::line(format!("schema       {} version {}", schema.name, schema.version))?;
    output::line(format!(
        "registered   {} by {}",
        schema.created_at.to_rfc3339(),
        schema.created_by
    ))?;
    if let Some(description) = &schema.description {
        output::line(format!("description  {}", output::printable(description)))?;
    }
    if !schema.query_fields.is_empty() {
        output::line(format!("indexed      {}", schema.query_fields.join(", ")))?;
    }
    output::line("definition")?;
    output::json(&schema.definition)?;
    if let Some(example) = &described.example {
        output::line("example")?;
        output::json(example)?;
    }
    Ok(())
}

fn tell(registration: &Registration, dry_run: bool) -> Result<()> {
    let difference = match registration.difference {
        DifferenceClass::First => "the first version",
        DifferenceClass::Identical => "the same as before",
        DifferenceClass::Annotations => "only descriptions differ",
        DifferenceClass::Widened => "takes all it took, and more",
        DifferenceClass::Narrowed => "takes fewer documents",
        DifferenceClass::Changed => "refuses some documents and takes others",
    };
    let (name, version) = (&registration.name, registration.version);
    let done = match (dry_run, registration.registered) {
        (true, _) => "would be",
        (false, true) => "registered as",
        (false, false) => "stays",
    };
    output::line(format!("{name} {done} version {version}: {difference}"))?;
    for change in &registration.changes {
        output::line(format!("  {}", output::printable(&change.pointer)))?;
    }
    if registration.entities_failing > 0 {
        output::line(format!(
            "{} of {} entities do not fit; they stay valid under their own version until `quarry schema migrate {name}`",
            registration.entities_failing, registration.entities_checked
        ))?;
        tell_failing(&registration.failing)?;
    }
    Ok(())
}

async fn migrate(database: &PgPool, name: &str, patch: Option<&Path>, dry_run: bool) -> Result<Migrated> {
    let migration = match patch {
        Some(file) => Migration::Patch(quarry_workflow::read_json(&read_text(file)?)?),
        None => Migration::Defaults,
    };
    Ok(quarry_workflow::migrate_entities(database, name, &migration, &created_by(), dry_run).await?)
}

fn tell_migrated(name: &str, migrated: &Migrated, dry_run: bool) -> Result<()> {
    let would = if dry_run { "would be " } else { "" };
    output::line(format!(
        "{} entities {would}moved to {name} version {}, {} do not fit",
        migrated.migrated, migrated.to_version, migrated.failed
    ))?;
    tell_failing(&migrated.failing)
}

fn tell_failing(entities: &[FailingEntity]) -> Result<()> {
    for failing in entities {
        output::line(format!(
            "  {}: {}",
            failing.id,
            output::printable(&failing.faults.to_string())
        ))?;
    }
    Ok(())
}
