//! Precedence, refusals and sources of the configuration, on a platform made for each test.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::{EmbeddingApi, LogFormat};
use crate::telemetry::Process;

/// A user's directory and a repository, with whatever files and variables a test puts there.
struct Place {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("repository")).unwrap();
        fs::create_dir_all(directory.path().join(".config/quarry")).unwrap();
        let home = directory.path().to_str().unwrap().to_owned();
        Place {
            directory,
            variables: vec![("HOME", home)],
        }
    }

    fn variable(mut self, name: &'static str, value: &str) -> Place {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn user_file(self, text: &str) -> Place {
        fs::write(self.user_path(), text).unwrap();
        self
    }

    fn repository_file(self, text: &str) -> Place {
        fs::write(self.repository_path(), text).unwrap();
        self
    }

    fn user_path(&self) -> PathBuf {
        self.directory.path().join(".config/quarry/quarry.toml")
    }

    fn repository_path(&self) -> PathBuf {
        self.directory.path().join("repository/quarry.toml")
    }

    fn load(&self, flags: &[(Key, &str)]) -> Result<Config, ConfigError> {
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let flags: Vec<_> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let platform = Platform {
            variables,
            is_root: false,
            is_mac: false,
        };
        load(&flags, Some(&self.directory.path().join("repository")), &platform)
    }

    fn refusal(&self) -> String {
        self.load(&[]).err().unwrap().to_string()
    }
}

#[test]
fn every_layer_overrides_the_ones_below_it() {
    let bytes = |place: &Place, flags: &[(Key, &str)]| {
        let config = place.load(flags).unwrap();
        (config.max_file_bytes(), config.source(Key::IndexMaxFileBytes).clone())
    };
    let place = Place::new();
    assert_eq!(bytes(&place, &[]), (1 << 20, Source::Default));

    let place = place.user_file("# mine\n[index]\nmax_file_bytes = 2000\n");
    assert_eq!(bytes(&place, &[]), (2000, Source::UserFile(place.user_path(), 3)));

    let place = place.repository_file("[index]\nmax_file_bytes = 3000\n");
    assert_eq!(
        bytes(&place, &[]),
        (3000, Source::RepositoryFile(place.repository_path(), 2))
    );

    let place = place.variable("QUARRY_INDEX_MAX_FILE_BYTES", "4000");
    assert_eq!(
        bytes(&place, &[]),
        (4000, Source::Environment("QUARRY_INDEX_MAX_FILE_BYTES"))
    );

    assert_eq!(bytes(&place, &[(Key::IndexMaxFileBytes, "5000")]), (5000, Source::Flag));
}

#[test]
fn a_repository_may_not_say_where_data_goes() {
    for setting in SETTINGS.iter().filter(|setting| setting.scope == Scope::Operator) {
        let value = match setting.kind {
            Kind::Number { min, .. } => min.to_string(),
            _ => "\"anything\"".to_owned(),
        };
        let place = Place::new().repository_file(&format!("{} = {value}\n", setting.name));
        let refusal = place.refusal();
        assert!(
            refusal.contains(&format!(
                "quarry.toml:1: {} may not be set by a repository",
                setting.name
            )),
            "{refusal}"
        );
        assert!(refusal.contains(setting.variable), "{refusal}");
        assert!(refusal.contains(place.user_path().to_str().unwrap()), "{refusal}");
    }
}

#[test]
fn an_unknown_key_refuses_to_start_and_is_corrected() {
    let refusal = Place::new()
        .user_file("[databse]\nurl = \"postgres://host\"\n")
        .refusal();
    assert!(
        refusal.ends_with("quarry.toml:2: there is no setting \"databse.url\"; did you mean database.url?"),
        "{refusal}"
    );
    assert!(
        Place::new()
            .repository_file("colour = 1\n")
            .refusal()
            .ends_with("there is no setting \"colour\"")
    );
    assert!(
        Place::new()
            .user_file("[database]\n")
            .refusal()
            .contains("there is no setting \"database\"")
    );
}

#[test]
fn a_bad_value_refuses_to_start_and_names_its_place() {
    let file = Place::new().user_file("[worker]\nconcurrency = 0\n").refusal();
    assert!(
        file.ends_with("quarry.toml:2: worker.concurrency must be a whole number from 1 to 64, not \"0\""),
        "{file}"
    );
    let quoted = Place::new().user_file("[worker]\nconcurrency = \"2\"\n").refusal();
    assert!(quoted.contains("must be a whole number"), "{quoted}");
    let list = Place::new().user_file("project = [\"a\"]\n").refusal();
    assert!(
        list.ends_with("project must be one line of text of at most 40 bytes, not \"array\""),
        "{list}"
    );
    let variable = Place::new().variable("QUARRY_EMBEDDING_API", "cohere").refusal();
    assert_eq!(
        variable,
        "QUARRY_EMBEDDING_API: embedding.api must be one of openai, ollama, not \"cohere\""
    );
    let flag = Place::new().load(&[(Key::LogFormat, "xml")]).err().unwrap().to_string();
    assert_eq!(
        flag,
        "the command line: log.format must be one of text, json, not \"xml\""
    );
}

#[test]
fn a_mistake_is_found_also_behind_a_stronger_layer() {
    let place = Place::new()
        .user_file("[worker]\nconcurrency = 0\n")
        .variable("QUARRY_WORKER_CONCURRENCY", "4");
    assert!(place.refusal().contains("quarry.toml:2"));
}

#[test]
fn a_refused_secret_is_not_repeated() {
    let refusal = Place::new()
        .variable("QUARRY_DATABASE_URL", "me:hunter2@host")
        .refusal();
    assert_eq!(
        refusal,
        "QUARRY_DATABASE_URL: database.url must be a URL that starts with postgres://"
    );
}

#[test]
fn secrets_are_masked_wherever_a_configuration_is_shown() {
    let place = Place::new()
        .variable("QUARRY_DATABASE_URL", "postgres://me:hunter2@host/db")
        .variable("QUARRY_EMBEDDING_API_KEY", "hunter2");
    let config = place.load(&[]).unwrap();
    assert_eq!(config.database_url(), Some("postgres://me:hunter2@host/db"));
    assert_eq!(config.embedding_api_key(), Some("hunter2"));
    let value = |name| config.entries().find(|entry| entry.key == name).unwrap().value.unwrap();
    assert_eq!(value("database.url"), "postgres://me:***@host/db");
    assert_eq!(value("embedding.api_key"), "***");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn entries_tell_every_setting_with_its_source() {
    let place = Place::new()
        .user_file("project = \"mine\"\n")
        .variable("QUARRY_LOG", "debug");
    let entries: Vec<_> = place.load(&[(Key::Host, "box")]).unwrap().entries().collect();
    assert_eq!(entries.len(), SETTINGS.len());
    let told = |name| {
        let entry = entries.iter().find(|entry| entry.key == name).unwrap();
        (entry.value.clone().unwrap_or_default(), entry.source.to_string())
    };
    assert_eq!(
        told("project"),
        ("mine".to_owned(), format!("{}:1", place.user_path().display()))
    );
    assert_eq!(told("log.filter"), ("debug".to_owned(), "QUARRY_LOG".to_owned()));
    assert_eq!(told("host"), ("box".to_owned(), "the command line".to_owned()));
    assert_eq!(told("database.url"), (String::new(), "default".to_owned()));
    assert_eq!(
        told("home").0,
        place.directory.path().join(".local/share/quarry").to_str().unwrap()
    );
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = Place::new().load(&[]).unwrap();
    assert_eq!(
        (config.database_url(), config.embedding_url(), config.configured_host()),
        (None, None, None)
    );
    assert_eq!(
        (config.embedding_api(), config.log_format()),
        (EmbeddingApi::OpenAi, LogFormat::Text)
    );
    assert_eq!(
        (config.worker_lease().as_secs(), config.worker_heartbeat().as_secs()),
        (8, 2)
    );
    assert_eq!(config.max_attempts(), 5);
    assert_eq!(
        (
            config.registry_pool().max_connections,
            config.project_pool().max_connections
        ),
        (10, 5)
    );
    assert_eq!(
        (config.log_filter(Process::Command), config.worker_concurrency()),
        ("error", 2)
    );
    assert!(config.log_filter(Process::Service).starts_with("info"));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = Place::new()
        .variable("QUARRY_EMBEDDING_URL", "")
        .variable("QUARRY_CONFIG", "")
        .load(&[])
        .unwrap();
    assert_eq!(
        (config.embedding_url(), config.source(Key::EmbeddingUrl)),
        (None, &Source::Default)
    );
}

#[test]
fn a_named_file_replaces_the_usual_one_and_must_exist() {
    let place = Place::new().user_file("project = \"usual\"\n");
    let named = place.directory.path().join("named.toml");
    let place = place.variable("QUARRY_CONFIG", named.to_str().unwrap());
    assert!(matches!(place.load(&[]), Err(ConfigError::Unreadable { .. })));
    fs::write(&named, "project = \"named\"\n").unwrap();
    assert_eq!(place.load(&[]).unwrap().project(), Some("named"));
}

#[test]
fn a_relative_path_in_a_file_is_refused() {
    let refusal = Place::new().user_file("home = \"~/quarry\"\n").refusal();
    assert!(
        refusal.ends_with("home must be an absolute path, not \"~/quarry\""),
        "{refusal}"
    );
}

#[test]
fn a_heartbeat_that_could_lose_the_lease_is_refused() {
    let refusal = Place::new().variable("QUARRY_WORKER_HEARTBEAT_S", "5").refusal();
    assert!(
        refusal.contains("worker.heartbeat_s (5, from QUARRY_WORKER_HEARTBEAT_S)"),
        "{refusal}"
    );
}

#[test]
fn a_prefix_keeps_its_blanks_and_lines_wherever_it_is_given() {
    let (query, document) = ("Instruct: find code\nQuery: ", "search_document: ");
    let prefixes = |place: &Place, flags: &[(Key, &str)]| {
        let config = place.load(flags).unwrap();
        let value = |key: Key| {
            let entry = config.entries().find(|entry| entry.key == key.setting().name);
            entry.unwrap().value.unwrap()
        };
        assert_eq!(
            value(Key::EmbeddingQueryPrefix),
            config.embedding_query_prefix().unwrap()
        );
        assert_eq!(
            value(Key::EmbeddingDocumentPrefix),
            config.embedding_document_prefix().unwrap()
        );
        (value(Key::EmbeddingQueryPrefix), value(Key::EmbeddingDocumentPrefix))
    };
    let given = (query.to_owned(), document.to_owned());
    let file = format!("[embedding]\nquery_prefix = {query:?}\ndocument_prefix = \"{document}\"\n");
    assert_eq!(prefixes(&Place::new().user_file(&file), &[]), given);
    let environment = Place::new()
        .variable("QUARRY_EMBEDDING_QUERY_PREFIX", query)
        .variable("QUARRY_EMBEDDING_DOCUMENT_PREFIX", document);
    assert_eq!(prefixes(&environment, &[]), given);
    let flags = [
        (Key::EmbeddingQueryPrefix, query),
        (Key::EmbeddingDocumentPrefix, document),
    ];
    assert_eq!(prefixes(&Place::new(), &flags), given);
}

#[test]
fn input_types_are_a_query_and_a_document_and_nothing_for_ollama() {
    let place = Place::new().variable("QUARRY_EMBEDDING_INPUT_TYPES", "query, passage");
    assert_eq!(
        place.load(&[]).unwrap().embedding_input_types(),
        Some(("query", "passage"))
    );
    assert_eq!(Place::new().load(&[]).unwrap().embedding_input_types(), None);
    let refusal = place.user_file("[embedding]\napi = \"ollama\"\n").refusal();
    for named in [
        "embedding.input_types (from QUARRY_EMBEDDING_INPUT_TYPES)",
        "quarry.toml:2",
        "QUARRY_EMBEDDING_DOCUMENT_PREFIX",
    ] {
        assert!(refusal.contains(named), "{refusal}");
    }
}

#[test]
fn an_unknown_variable_is_a_warning_without_its_value() {
    let place = Place::new()
        .variable("QUARRY_DATABSE_URL", "postgres://me:hunter2@host")
        .variable("QUARRY_POSTGRES_PASSWORD", "known")
        .variable("QUARRY_STONE", "granite");
    let config = place.load(&[]).unwrap();
    assert_eq!(
        config.warnings(),
        [
            "QUARRY_DATABSE_URL is not a setting; did you mean QUARRY_DATABASE_URL?",
            "QUARRY_STONE is not a setting"
        ]
    );
}

#[test]
fn without_any_home_the_error_says_what_to_set() {
    let platform = Platform {
        variables: Default::default(),
        is_root: false,
        is_mac: false,
    };
    let refusal = load(&[], None, &platform).err().unwrap().to_string();
    assert_eq!(refusal, "no directory for data: neither QUARRY_HOME nor HOME is set");
    let flags = [(Key::Home, "/srv/quarry".to_owned())];
    assert_eq!(load(&flags, None, &platform).unwrap().home(), Path::new("/srv/quarry"));
}
