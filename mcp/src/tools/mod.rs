//! The tools, one file each: arguments, result, and what happens in between. Unknown arguments are refused, every result
//! names the project, every error says which call to make next.

mod find_symbol;
mod fit_hits;
mod get_code;
mod search_code;
mod similar_code;

mod cancel_job;
mod get_job;
mod index_repository;
mod list_jobs;
mod list_repositories;
mod remove_repository;

mod create_project;
mod delete_project;
mod list_projects;
mod update_project;

pub(crate) mod entities;

mod cursor;
mod repository_named;

pub(crate) use cancel_job::{CancelJob, cancel_job};
pub(crate) use create_project::{CreateProject, CreatedProject, create_project};
pub(crate) use delete_project::{DeleteProject, DeletedProject, delete_project};
pub(crate) use find_symbol::{FindSymbol, FoundSymbol, find_symbol};
pub(crate) use get_code::{CodeText, GetCode, code_text, get_code};
pub(crate) use get_job::{GetJob, Job, JobHandle, LONGEST_WAIT_S, describe, find, get_job};
pub(crate) use index_repository::{IndexRepository, Indexing, index_repository};
pub(crate) use list_jobs::{Jobs, ListJobs, list_jobs};
pub(crate) use list_projects::{ListProjects, Projects, list_projects, project_entry};
pub(crate) use list_repositories::{ListRepositories, Repositories, list_repositories};
pub(crate) use remove_repository::{RemoveRepository, remove_repository};
pub(crate) use search_code::{SearchCode, SearchResults, search_code};
pub(crate) use similar_code::{SimilarCode, SimilarHits, similar_code};
pub(crate) use update_project::{UpdateProject, UpdatedProject, update_project};
