//! What a row of the table of settings says: who may set it, what it takes, how it may be shown.
//! The rows are in settings.rs.

use crate::settings::Key;
use crate::value::{Fallback, Kind};

/// Who may set a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The person who runs the process: flags, environment, their own file.
    Operator,
    /// Also a `quarry.toml` inside a repository. Such a file is untrusted (it arrives with a clone), so nothing that
    /// says where data goes, who may see it or how much of the machine is used can be set there.
    Repository,
}

/// How a value may be shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As it is.
    Plain,
    /// A URL: its password is replaced by `***`.
    WithoutPassword,
    /// Replaced by `***` altogether.
    Masked,
}

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// The setting that this row describes.
    pub key: Key,
    /// Dotted name in `quarry.toml`: `database.url` is `url` in the table `[database]`.
    pub name: &'static str,
    /// Environment variable. An empty value counts as not set.
    pub variable: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Its value when nobody sets it.
    pub fallback: Fallback,
    /// Who may set it.
    pub scope: Scope,
    /// How it may be shown.
    pub shown: Shown,
    /// What it does, its unit, and the reason of its default.
    pub doc: &'static str,
}

pub(crate) const fn setting(
    key: Key,
    name: &'static str,
    variable: &'static str,
    kind: Kind,
    fallback: Fallback,
    doc: &'static str,
) -> Setting {
    Setting {
        key,
        name,
        variable,
        kind,
        fallback,
        scope: Scope::Operator,
        shown: Shown::Plain,
        doc,
    }
}

impl Setting {
    pub(crate) const fn for_repositories(self) -> Setting {
        Setting {
            scope: Scope::Repository,
            ..self
        }
    }

    pub(crate) const fn shown(self, shown: Shown) -> Setting {
        Setting { shown, ..self }
    }
}
