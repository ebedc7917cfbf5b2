//! Creating, finding, renaming and dropping projects.

use futures::future::join_all;
use quarry_registry::{ProjectName, ProjectState, RegistryError};

use crate::{create, databases, execute, name, registry};

#[tokio::test]
async fn a_created_project_is_ready_and_has_a_stamped_database_with_both_schemas() {
    let registry = registry().await;
    let project = registry
        .create_project(&name("myapp"), Some("Main application codebase"), "client 2")
        .await
        .unwrap();

    assert_eq!(project.state, ProjectState::Ready);
    assert_eq!(project.description.as_deref(), Some("Main application codebase"));
    assert_eq!(project.created_by, "client 2");
    assert!(project.database_name.starts_with("project_myapp_"));
    assert_eq!(registry.project(&name("myapp")).await.unwrap(), project);
    assert_eq!(registry.project_by_id(project.id).await.unwrap(), project);

    let database = registry.database(&project).await.unwrap();
    let (current, stamp, entities): (String, uuid::Uuid, i64) = sqlx::query_as(
        "select current_database()::text, (select project_id from codebase.project_stamp),
            (select count(*) from workflow.entities)",
    )
    .fetch_one(&database)
    .await
    .unwrap();
    assert_eq!((current, stamp, entities), (project.database_name, project.id.0, 0));
}

#[tokio::test]
async fn a_project_database_is_closed_to_other_roles_and_bounds_its_statements() {
    let registry = registry().await;
    let project = create(&registry, "closed").await;
    let open: bool = sqlx::query_scalar(
        "select has_database_privilege('pg_monitor', $1, 'connect')
            or has_database_privilege('pg_monitor', $1, 'temporary')",
    )
    .bind(&project.database_name)
    .fetch_one(registry.pool())
    .await
    .unwrap();
    assert!(!open);

    let database = registry.database(&project).await.unwrap();
    let timeout: String = sqlx::query_scalar("select current_setting('statement_timeout')")
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(timeout, "2min");
}

#[tokio::test]
async fn of_fifty_creations_with_one_name_one_succeeds_and_49_are_refused() {
    let registry = registry().await;
    let wanted = name("fifty");
    let results = join_all((0..50).map(|_| registry.create_project(&wanted, None, "test 1"))).await;

    let created = results.iter().filter(|result| result.is_ok()).count();
    let refused = results
        .iter()
        .filter(|result| {
            matches!(
                result,
                Err(RegistryError::NameTaken { .. } | RegistryError::NotReady { .. })
            )
        })
        .count();
    assert_eq!((created, refused), (1, 49));
    assert_eq!(databases(&registry, "fifty").await.len(), 1);
    assert_eq!(registry.projects().await.unwrap().len(), 1);
}

#[tokio::test]
async fn projects_with_different_names_are_created_at_the_same_time() {
    let registry = registry().await;
    let names: Vec<ProjectName> = (0..12).map(|n| name(&format!("parallel_{n}"))).collect();
    let results = join_all(names.iter().map(|name| registry.create_project(name, None, "test 1"))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(databases(&registry, "parallel_").await.len(), 12);
}

#[tokio::test]
async fn two_hundred_hostile_names_are_refused_and_create_nothing() {
    let registry = registry().await;
    let before: i64 = sqlx::query_scalar("select count(*) from projects")
        .fetch_one(registry.pool())
        .await
        .unwrap();
    let names = hostile_names();
    assert!(names.len() >= 200, "{}", names.len());
    for hostile in &names {
        let error = ProjectName::parse(hostile).expect_err(hostile).to_string();
        assert!(
            error.contains("a-z, 0-9 and _") || error.contains("choose another"),
            "{hostile:?}: {error}"
        );
        // What slips past a parser is refused by the table.
        let inserted = sqlx::query("insert into projects (name, database_name) values ($1, 'project_' || $1)")
            .bind(hostile)
            .execute(registry.pool())
            .await;
        assert!(inserted.is_err() || is_reserved(hostile), "{hostile:?}");
    }
    execute(
        registry.pool(),
        "delete from projects where state = 'creating'".to_owned(),
    )
    .await;
    let after: i64 = sqlx::query_scalar("select count(*) from projects")
        .fetch_one(registry.pool())
        .await
        .unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn an_unknown_project_error_lists_up_to_ten_names_and_how_to_create_one() {
    let registry = registry().await;
    let error = registry.project(&name("nothing")).await.unwrap_err();
    assert!(error.to_string().contains("no projects yet"), "{error}");

    for n in 0..12 {
        execute(
            registry.pool(),
            format!(
                "insert into projects (name, database_name, state)
                values ('known_{n:02}', 'project_known_{n:02}', 'ready')"
            ),
        )
        .await;
    }
    let error = registry.project(&name("nothing")).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("known_00, known_01"), "{message}");
    assert!(
        message.contains("known_09") && !message.contains("known_10"),
        "{message}"
    );
    assert!(message.contains("quarry project create nothing"), "{message}");
}

#[tokio::test]
async fn a_renamed_project_keeps_its_id_and_database_and_frees_its_name() {
    let registry = registry().await;
    let project = create(&registry, "before").await;
    let other = create(&registry, "other").await;
    let renamed = registry.rename_project(&project, &name("after")).await.unwrap();

    assert_eq!(
        (renamed.id, &renamed.database_name),
        (project.id, &project.database_name)
    );
    assert!(registry.database(&renamed).await.is_ok());
    assert!(matches!(
        registry.project(&name("before")).await,
        Err(RegistryError::UnknownProject { .. })
    ));
    assert!(matches!(
        registry.rename_project(&other, &name("after")).await,
        Err(RegistryError::NameTaken { .. })
    ));
}

#[tokio::test]
async fn a_description_can_be_replaced_and_removed() {
    let registry = registry().await;
    let project = create(&registry, "described").await;
    let project = registry.update_project(&project, Some("text")).await.unwrap();
    assert_eq!(project.description.as_deref(), Some("text"));
    let project = registry.update_project(&project, None).await.unwrap();
    assert_eq!(project.description, None);
}

#[tokio::test]
async fn a_dropped_project_is_gone_with_its_database_though_somebody_uses_it() {
    let registry = registry().await;
    let project = create(&registry, "dropped").await;
    let database = registry.database(&project).await.unwrap();
    let in_use = database.acquire().await.unwrap();

    registry.drop_project(&project).await.unwrap();

    drop(in_use);
    assert_eq!(databases(&registry, "dropped").await.len(), 0);
    assert!(matches!(
        registry.database(&project).await,
        Err(RegistryError::UnknownProjectId(_))
    ));
    assert!(matches!(
        registry.drop_project(&project).await,
        Err(RegistryError::UnknownProjectId(_))
    ));
    let again = create(&registry, "dropped").await;
    assert_ne!(again.id, project.id);
}

#[tokio::test]
async fn a_project_whose_row_leads_to_another_database_is_not_dropped() {
    let registry = registry().await;
    let victim = create(&registry, "drop_victim").await;
    let mut project = create(&registry, "drop_wrong").await;
    project.database_name.clone_from(&victim.database_name);

    let error = registry.drop_project(&project).await.unwrap_err();

    assert!(matches!(
        error,
        RegistryError::WrongDatabase { stamp: Some(stamp), .. } if stamp == victim.id.0
    ));
    assert!(registry.database(&victim).await.is_ok());
    assert!(registry.project(&name("drop_wrong")).await.is_ok());
}

fn is_reserved(name: &str) -> bool {
    ["template0", "template1", "postgres", "mcp_registry"].contains(&name)
}

fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        " ",
        "template0",
        "template1",
        "postgres",
        "mcp_registry",
        "..",
        "/",
        "a/b",
        "a\\b",
        "a.b",
        "a-b",
        "A",
        "a b",
        "a\0",
        "\0",
        "a\n",
        "\n",
        "a\r\nb",
        "a\tb",
        "'",
        "\"",
        "`",
        ";",
        "--",
        "/*",
        "*/",
        "$$",
        "$1",
        "%s",
        "a'; drop database postgres; --",
        "a\"; drop table projects; --",
        "a' or '1'='1",
        "{}",
        "[]",
        "<a>",
        "a=b",
        "é",
        "ä",
        "ß",
        "ı",
        "日本",
        "а",
        "α",
        "𝒶",
        "a\u{301}",
        "a\u{200b}",
        "\u{202e}a",
        "\u{feff}a",
        "a\u{a0}b",
        "１",
        "ａ",
        "🦀",
        "a🦀",
        "\u{7f}",
        "\u{1}",
        "\u{85}",
        "\u{2028}",
        "project:a",
        "a@b",
        "a#b",
        "a?b",
        "a&b",
        "a|b",
        "a>b",
        "a(b)",
        "a,b",
        "a+b",
        "a~b",
        "a^b",
        "a!b",
        "${HOME}",
        "$(id)",
        "%00",
        "%27",
        "\\0",
        "\\x00",
        "Project",
        "aB",
        "PG_TEMP",
        "NULL\0",
        "null;",
        "true;",
        "a\u{0}b",
    ]
    .map(str::to_owned)
    .into();
    names.extend([41, 55, 63, 64, 65, 100, 255, 256, 1000, 70_000].map(|length| "a".repeat(length)));
    for character in "'\";\0\n\r\t `$%&()*+,-./:<=>?@[\\]^{|}~é".chars() {
        for place in ["{}a", "a{}", "a{}b", "a_{}_b"] {
            names.push(place.replace("{}", &character.to_string()));
        }
    }
    names
}
