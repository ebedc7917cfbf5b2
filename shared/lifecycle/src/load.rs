//! Decides the value of every setting: flags over environment over the repository's file over the user's file over
//! defaults. Hands a complete [`Config`] to whoever starts a process, or refuses with the place of the mistake.
//! Never creates anything: the home directory and the host's name are made by those who need them.

use std::path::{Path, PathBuf};

use crate::config::{Config, EmbeddingApi, Resolved};
use crate::config_file::{self, Assignment, Given, Trust};
use crate::error::ConfigError;
use crate::nearest_name::nearest_name;
use crate::platform::Platform;
use crate::setting::{Scope, Setting, Shown};
use crate::settings::{Key, SETTINGS};
use crate::value::{Fallback, Kind, Source};

/// Names the user's own file; where it is not set, the platform's directory for configuration is searched.
const USER_FILE_VARIABLE: &str = "QUARRY_CONFIG";

/// Variables with our prefix that are not settings. The next two are read where an embedded Postgres is looked for, the
/// others by compose.yaml.
const OTHER_VARIABLES: [&str; 6] = [
    USER_FILE_VARIABLE,
    "QUARRY_POSTGRES_BIN",
    "QUARRY_POSTGRES_USER",
    "QUARRY_POSTGRES_PASSWORD",
    "QUARRY_REPOSITORIES",
    "QUARRY_REPOSITORIES_USER",
];

/// Loads the configuration of this process.
///
/// `flags` are the values given on the command line, as typed. `repository_root` is the root of the repository that the
/// command acts on, whose `quarry.toml` may set what [`Scope::Repository`] allows.
///
/// # Errors
/// [`ConfigError`] names the variable, or the file and line, that must be changed.
pub fn load_config(flags: &[(Key, String)], repository_root: Option<&Path>) -> Result<Config, ConfigError> {
    load(flags, repository_root, &Platform::of_this_process())
}

fn load(flags: &[(Key, String)], repository_root: Option<&Path>, platform: &Platform) -> Result<Config, ConfigError> {
    let user_file = user_file(platform)?;
    let mut values: Vec<Resolved> = SETTINGS.iter().map(fallback).collect();

    // Weakest first: each layer overwrites the one before. Every layer is checked whole, so that a mistake does not
    // stay hidden behind a stronger layer until that one is removed.
    if let Some(path) = &user_file {
        for assignment in config_file::read(path, Trust::Own)?.unwrap_or_default() {
            let place = Source::UserFile(path.clone(), assignment.line);
            let setting = known(&assignment, &place)?;
            values[setting.key as usize] = from_file(setting, assignment.given, place)?;
        }
    }
    if let Some(path) = repository_root.map(|root| root.join("quarry.toml")) {
        for assignment in config_file::read(&path, Trust::Foreign)?.unwrap_or_default() {
            let place = Source::RepositoryFile(path.clone(), assignment.line);
            let setting = known(&assignment, &place)?;
            if setting.scope != Scope::Repository {
                return Err(not_for_repositories(setting, place, user_file.as_deref()));
            }
            values[setting.key as usize] = from_file(setting, assignment.given, place)?;
        }
    }
    for setting in &SETTINGS {
        if let Some(text) = variable(platform, setting.variable)? {
            values[setting.key as usize] = resolve(setting, &text, Source::Environment(setting.variable))?;
        }
    }
    for (key, text) in flags {
        values[*key as usize] = resolve(key.setting(), text, Source::Flag)?;
    }

    let home = &mut values[Key::Home as usize];
    if home.value.is_none() {
        let directory = platform.data_directory().ok_or(ConfigError::NoHome)?;
        *home = resolve(Key::Home.setting(), &directory.to_string_lossy(), Source::Default)?;
    }
    let config = Config {
        values,
        warnings: unknown_variables(platform),
    };
    check_heartbeat(&config)?;
    check_input_types(&config)?;
    Ok(config)
}

fn user_file(platform: &Platform) -> Result<Option<PathBuf>, ConfigError> {
    let Some(named) = variable(platform, USER_FILE_VARIABLE)?.map(PathBuf::from) else {
        return Ok(platform.user_file());
    };
    // Whoever names a file wants it read: a missing one is a mistake, unlike a missing one in the usual place.
    match std::fs::metadata(&named) {
        Ok(_) => Ok(Some(named)),
        Err(source) => Err(ConfigError::Unreadable { path: named, source }),
    }
}

/// The variable's value; an empty one is as good as none, because that is what compose files pass for "not set".
fn variable(platform: &Platform, name: &'static str) -> Result<Option<String>, ConfigError> {
    match platform.variables.get(std::ffi::OsStr::new(name)) {
        None => Ok(None),
        Some(value) => match value.to_str() {
            Some(text) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
            None => Err(ConfigError::NotUnicode { variable: name }),
        },
    }
}

fn fallback(setting: &Setting) -> Resolved {
    let value = match setting.fallback {
        Fallback::Value(text) => setting.kind.parse(text),
        Fallback::Unset(_) => None,
    };
    Resolved {
        value,
        source: Source::Default,
    }
}

fn known(assignment: &Assignment, place: &Source) -> Result<&'static Setting, ConfigError> {
    SETTINGS
        .iter()
        .find(|setting| setting.name == assignment.name)
        .ok_or_else(|| ConfigError::UnknownKey {
            place: place.clone(),
            name: shortened(&assignment.name),
            suggestion: nearest_name(&assignment.name, SETTINGS.iter().map(|setting| setting.name)),
        })
}

fn not_for_repositories(setting: &'static Setting, place: Source, user_file: Option<&Path>) -> ConfigError {
    let user_file = user_file.map_or_else(
        || format!("the file named by {USER_FILE_VARIABLE}"),
        |path| path.display().to_string(),
    );
    ConfigError::NotForRepositories {
        place,
        name: setting.name,
        variable: setting.variable,
        user_file,
    }
}

fn from_file(setting: &'static Setting, given: Given, place: Source) -> Result<Resolved, ConfigError> {
    let wants_number = matches!(setting.kind, Kind::Number { .. });
    match given {
        // A file says where it lies, a process where it runs: relative to which of them a path is meant, nobody knows.
        Given::Text(text) if setting.kind == Kind::Directory && !Path::new(&text).is_absolute() => {
            let expected = "an absolute path".to_owned();
            Err(ConfigError::BadValue {
                place,
                name: setting.name,
                expected,
                given: Some(shortened(&text)),
            })
        }
        Given::Text(text) if !wants_number => resolve(setting, &text, place),
        Given::Integer(digits) if wants_number => resolve(setting, &digits, place),
        Given::Text(text) | Given::Integer(text) => Err(bad_value(setting, place, &text)),
        Given::Other(type_name) => Err(ConfigError::BadValue {
            place,
            name: setting.name,
            expected: setting.kind.expectation(),
            given: Some(type_name.to_owned()),
        }),
    }
}

fn resolve(setting: &'static Setting, text: &str, source: Source) -> Result<Resolved, ConfigError> {
    match setting.kind.parse(text) {
        Some(value) => Ok(Resolved {
            value: Some(value),
            source,
        }),
        None => Err(bad_value(setting, source, text)),
    }
}

fn bad_value(setting: &'static Setting, place: Source, text: &str) -> ConfigError {
    let given = (setting.shown == Shown::Plain).then(|| shortened(text));
    ConfigError::BadValue {
        place,
        name: setting.name,
        expected: setting.kind.expectation(),
        given,
    }
}

/// Enough of foreign text to recognise it in a message.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

fn check_heartbeat(config: &Config) -> Result<(), ConfigError> {
    let (lease_s, heartbeat_s) = (config.number(Key::WorkerLease), config.number(Key::WorkerHeartbeat));
    if heartbeat_s * 2 > lease_s {
        let place = config.source(Key::WorkerHeartbeat).clone();
        return Err(ConfigError::HeartbeatTooSlow {
            place,
            heartbeat_s,
            lease_s,
        });
    }
    Ok(())
}

fn check_input_types(config: &Config) -> Result<(), ConfigError> {
    if config.embedding_input_types().is_some() && config.embedding_api() == EmbeddingApi::Ollama {
        return Err(ConfigError::InputTypesToOllama {
            place: config.source(Key::EmbeddingInputTypes).clone(),
            api_place: config.source(Key::EmbeddingApi).clone(),
        });
    }
    Ok(())
}

/// Variables with our prefix that nobody reads. Only a warning: other programs may use the prefix too.
fn unknown_variables(platform: &Platform) -> Vec<String> {
    const PREFIX: &str = "QUARRY_";
    // Compared without the prefix: seven equal letters would make any two short names look alike.
    let ours = || {
        SETTINGS
            .iter()
            .map(|setting| setting.variable)
            .chain(OTHER_VARIABLES)
            .map(|name| &name[PREFIX.len()..])
    };
    let names = platform
        .variables
        .keys()
        .filter_map(|name| name.to_str()?.strip_prefix(PREFIX));
    let mut unknown: Vec<&str> = names.filter(|name| !ours().any(|known| known == *name)).collect();
    unknown.sort_unstable();
    let warning = |name| match nearest_name(name, ours()) {
        Some(meant) => format!("{PREFIX}{name} is not a setting; did you mean {PREFIX}{meant}?"),
        None => format!("{PREFIX}{name} is not a setting"),
    };
    unknown.into_iter().map(warning).collect()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
