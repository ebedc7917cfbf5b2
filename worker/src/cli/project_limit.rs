//! `quarry project limit`: how many jobs of a project run at a time, by all workers together.

use std::num::NonZeroU16;

use anyhow::Result;
use clap::Args;
use quarry_queue::ProjectLimit;
use quarry_registry::{Project, ProjectName, Registry};

use super::output;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The project
    name: String,
    /// At most so many; `unlimited`; or `default`: what the workers' QUARRY_WORKER_PROJECT_CONCURRENCY says
    #[arg(long, value_name = "N", value_parser = limit)]
    concurrency: ProjectLimit,
}

fn limit(text: &str) -> Result<ProjectLimit, String> {
    match text {
        "default" => Ok(ProjectLimit::Default),
        "unlimited" => Ok(ProjectLimit::Unlimited),
        number => number
            .parse::<NonZeroU16>()
            .map(ProjectLimit::Leases)
            .map_err(|_| "a number from 1 to 65535, unlimited or default".to_owned()),
    }
}

pub(super) async fn run(registry: &Registry, arguments: Arguments) -> Result<()> {
    let project = registry.project(&ProjectName::parse(&arguments.name)?).await?;
    quarry_queue::limit_project(registry.pool(), project.id.0, arguments.concurrency).await?;
    output::line(format!(
        "project {}: {}",
        project.name.as_str(),
        words_of(arguments.concurrency)
    ))
}

/// What limits a project, in words.
pub(super) async fn describe(registry: &Registry, project: &Project) -> Result<String> {
    Ok(words_of(
        quarry_queue::project_limit(registry.pool(), project.id.0).await?,
    ))
}

fn words_of(limit: ProjectLimit) -> String {
    match limit {
        ProjectLimit::Default => "as many jobs at a time as the workers' setting allows".to_owned(),
        ProjectLimit::Unlimited => "as many jobs at a time as there are".to_owned(),
        ProjectLimit::Leases(leases) => format!("at most {leases} jobs at a time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_word() {
        assert_eq!(limit("default"), Ok(ProjectLimit::Default));
        assert_eq!(limit("unlimited"), Ok(ProjectLimit::Unlimited));
        assert!(matches!(limit("3"), Ok(ProjectLimit::Leases(leases)) if leases.get() == 3));
        assert!(limit("0").is_err() && limit("-1").is_err() && limit("").is_err());
    }
}
