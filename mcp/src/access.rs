//! What a caller may do. Over standard input and output that is what the session was started for; over HTTP it is also
//! what the token allows. Asked by the server for every tool and by every call for its project; knows no database.

use quarry_registry::ProjectName;

use crate::Options;
use crate::tool_error::ToolError;
use crate::toolsets::Needs;

/// The rights of one caller.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    highest: Needs,
    /// The only project of the session.
    pinned: Option<String>,
    /// The only projects of the token; none: all.
    projects: Option<Vec<String>>,
}

impl Access {
    /// What the switches of this server leave to everybody.
    pub(crate) fn of_options(options: &Options) -> Access {
        Access {
            highest: if options.read_only { Needs::Read } else { Needs::Admin },
            pinned: options.project.clone(),
            projects: None,
        }
    }

    /// The same, and no more than a token allows.
    pub(crate) fn limited(mut self, highest: Needs, projects: Option<Vec<String>>) -> Access {
        self.highest = self.highest.min(highest);
        self.projects = projects;
        self
    }

    pub(crate) fn allows(&self, needs: Needs) -> bool {
        needs <= self.highest
    }

    pub(crate) fn may_write(&self) -> bool {
        self.allows(Needs::Write)
    }

    /// A session for one project has no use for the making of others.
    pub(crate) fn may_create_projects(&self) -> bool {
        self.allows(Needs::Admin) && self.sees_all()
    }

    /// Whether no project is hidden from this caller.
    pub(crate) fn sees_all(&self) -> bool {
        self.pinned.is_none() && self.projects.is_none()
    }

    /// The project that this caller means without naming one, if there is only one that it may use.
    pub(crate) fn only_project(&self) -> Option<&str> {
        match (&self.pinned, &self.projects) {
            (Some(pinned), _) => Some(pinned),
            (None, Some(projects)) => match projects.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            (None, None) => None,
        }
    }

    /// Whether a project may be used at all: lists leave out what may not.
    pub(crate) fn sees(&self, project: &ProjectName) -> bool {
        let is_pinned = self.pinned.as_deref().is_none_or(|pinned| pinned == project.as_str());
        let is_listed = self
            .projects
            .as_ref()
            .is_none_or(|projects| projects.iter().any(|name| name == project.as_str()));
        is_pinned && is_listed
    }

    /// Refuses a project outside of this caller's.
    pub(crate) fn check(&self, project: &ProjectName) -> Result<(), ToolError> {
        if let Some(pinned) = self.pinned.as_deref().filter(|pinned| *pinned != project.as_str()) {
            return Err(ToolError::new(format!(
                "this session is for project {pinned} only: leave out `project`"
            )));
        }
        match &self.projects {
            Some(projects) if !self.sees(project) => Err(ToolError::new(format!(
                "this token is for the projects {} only: name one of them",
                projects.join(", ")
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn named(name: &str) -> ProjectName {
        ProjectName::parse(name).unwrap()
    }

    #[test]
    fn a_token_never_widens_what_the_server_was_started_for() {
        let read_only = Options {
            read_only: true,
            ..Options::default()
        };
        let access = Access::of_options(&read_only).limited(Needs::Admin, None);
        assert!(access.allows(Needs::Read) && !access.may_write());

        let pinned = Options {
            project: Some("shop".to_owned()),
            ..Options::default()
        };
        let access = Access::of_options(&pinned).limited(Needs::Admin, Some(vec!["blog".to_owned()]));
        for name in ["shop", "blog"] {
            assert!(
                !access.sees(&named(name)) && access.check(&named(name)).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_token_for_some_projects_sees_only_those() {
        let projects = Some(vec!["shop".to_owned(), "blog".to_owned()]);
        let access = Access::of_options(&Options::default()).limited(Needs::Write, projects);
        assert!(access.check(&named("blog")).is_ok() && access.only_project().is_none());
        let refused = access.check(&named("bank")).unwrap_err();
        assert!(refused.0.contains("shop, blog only"), "{}", refused.0);
        assert!(!access.allows(Needs::Admin) && !access.may_create_projects());
    }
}
