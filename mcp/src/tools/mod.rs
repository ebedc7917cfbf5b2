//! The tools, one file each: arguments, result, and what happens in between. Unknown arguments are refused, every result
//! names the project, every error says which call to make next.

mod create_project;
mod fit_hits;
mod get_code;
mod get_job;
mod index_repository;
mod list_projects;
mod search_code;

mod repository_named;

pub(crate) use create_project::{CreateProject, CreatedProject, create_project};
pub(crate) use get_code::{CodeText, GetCode, get_code};
pub(crate) use get_job::{GetJob, Job, LONGEST_WAIT_S, get_job};
pub(crate) use index_repository::{IndexRepository, index_repository};
pub(crate) use list_projects::{ListProjects, Projects, list_projects};
pub(crate) use search_code::{SearchCode, SearchResults, search_code};
