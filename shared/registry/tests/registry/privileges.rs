//! Users without all rights, on a server of their own: whether the template exists decides what they may do.

use quarry_postgres::testing::{TestServer, test_server};
use quarry_registry::{Registry, RegistryError};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{create, options};

#[tokio::test]
async fn without_the_right_to_create_databases_the_error_carries_the_sql_for_an_administrator() {
    let server = test_server().await;
    run(&server.url(), "create role no_databases login password 'secret'").await;
    let url = url_of_role(server, "no_databases", "registry_of_no_databases");

    let error = Registry::open(&url, options()).await.unwrap_err();
    let sql = error.admin_sql().unwrap();
    assert!(sql.contains("alter role \"no_databases\" createdb"), "{sql}");
    assert!(
        sql.contains("create database \"registry_of_no_databases\" owner \"no_databases\""),
        "{sql}"
    );

    let report = Registry::initialize(&url).await.unwrap();
    assert!(!report.privileges.create_database);
    assert_eq!(report.missing.len(), 1);
    assert_eq!(report.admin_sql.as_deref(), Some(sql));
}

#[tokio::test]
async fn an_ordinary_user_gets_projects_once_an_administrator_has_provided_the_extension() {
    let server = TestServer::start_new().await;
    run(&server.url(), "create role ordinary login createdb password 'secret'").await;
    let url = url_of_role(&server, "ordinary", "registry_of_ordinary");

    let report = Registry::initialize(&url).await.unwrap();
    assert!(report.privileges.create_database && !report.privileges.superuser);
    assert_eq!(report.missing.len(), 1, "{report:?}");
    let sql = report.admin_sql.unwrap();

    // What psql does with the script: each line in the database connected to last.
    let mut database = server.url();
    for line in sql.lines().filter(|line| !line.starts_with("--")) {
        match line.strip_prefix("\\connect ") {
            Some(name) => database = server.url_of(name),
            None => run(&database, line).await,
        }
    }

    let report = Registry::initialize(&url).await.unwrap();
    assert_eq!(report.missing, Vec::<String>::new());
    assert!(report.template_created);
    assert!(!Registry::initialize(&url).await.unwrap().template_created);
    let registry = Registry::open(&url, options()).await.unwrap();
    let project = create(&registry, "of_ordinary").await;
    let project = registry.pin_embedding(&project, "model", 64).await.unwrap();
    registry.drop_project(&project).await.unwrap();
}

#[tokio::test]
async fn without_the_extension_a_project_is_refused_and_nothing_is_left() {
    let server = TestServer::start_new().await;
    run(&server.url(), "create role ordinary login createdb password 'secret'").await;
    let url = url_of_role(&server, "ordinary", "registry_of_ordinary");
    let registry = Registry::open(&url, options()).await.unwrap();

    let name = quarry_registry::ProjectName::parse("refused").unwrap();
    let error = registry.create_project(&name, None, "test 1").await.unwrap_err();

    assert!(matches!(error, RegistryError::MissingPrivilege { .. }));
    assert_eq!(registry.projects().await.unwrap(), []);
    let left: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname ~ '^(quarry|project)_'")
            .fetch_all(registry.pool())
            .await
            .unwrap();
    assert_eq!(left, Vec::<String>::new());
}

async fn run(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

fn url_of_role(server: &TestServer, role: &str, database: &str) -> String {
    format!("postgres://{role}:secret@127.0.0.1:{}/{database}", server.port())
}
