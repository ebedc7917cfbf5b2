//! How a client program of Postgres reaches the registry or a project's database: version of the server and libpq's
//! environment. Hands nothing out that has to stand on a command line, which every user of the machine can read.

use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::{RegistryError, doing};
use crate::open::{Registry, parse_url};

/// What psql, pg_dump and the like need.
#[derive(Clone)]
pub struct ClientTarget {
    /// Major version of the server: programs of the same version fit.
    pub server_major: u32,
    /// Variables that libpq reads, the password among them.
    pub environment: Vec<(&'static str, String)>,
}

impl Registry {
    /// The way to `database`, or to the registry's own. `database_url` is the one the registry was opened with.
    ///
    /// # Errors
    /// When the URL is not valid or the server does not answer.
    pub async fn client_target(
        &self,
        database_url: &str,
        database: Option<&str>,
    ) -> Result<ClientTarget, RegistryError> {
        let number = sqlx::query_scalar!(r#"select current_setting('server_version_num')::int as "number!""#)
            .fetch_one(self.pool())
            .await
            .map_err(doing("ask the server for its version"))?;
        let (server, registry) = parse_url(database_url, self.options())?;
        let database = database.unwrap_or(registry.as_str());
        Ok(ClientTarget {
            server_major: number.unsigned_abs() / 10_000,
            environment: environment(&server, password(database_url), database),
        })
    }
}

fn environment(server: &PgConnectOptions, password: Option<String>, database: &str) -> Vec<(&'static str, String)> {
    let host = match server.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => server.get_host().to_owned(),
    };
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", server.get_port().to_string()),
        ("PGUSER", server.get_username().to_owned()),
        ("PGDATABASE", database.to_owned()),
        (
            "PGSSLMODE",
            format!("{:?}", server.get_ssl_mode())
                .to_lowercase()
                .replace("verifyca", "verify-ca")
                .replace("verifyfull", "verify-full"),
        ),
    ];
    variables.extend(password.map(|password| ("PGPASSWORD", password)));
    variables
}

/// Without one libpq looks into its own password file.
fn password(database_url: &str) -> Option<String> {
    let url = Url::parse(database_url).ok()?;
    let encoded = url.password()?;
    Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_decoded() {
        assert_eq!(
            password("postgres://me:p%40ss%2Fword@localhost/db").as_deref(),
            Some("p@ss/word")
        );
        assert_eq!(password("postgres://me@localhost/db"), None);
    }

    #[test]
    fn libpq_gets_every_part_of_the_way() {
        let server: PgConnectOptions = "postgres://me:x@example.org:5433/db?sslmode=verify-full"
            .parse()
            .expect("valid");
        let variables = environment(&server, None, "project_a");
        assert!(variables.contains(&("PGHOST", "example.org".to_owned())));
        assert!(variables.contains(&("PGPORT", "5433".to_owned())));
        assert!(variables.contains(&("PGDATABASE", "project_a".to_owned())));
        assert!(variables.contains(&("PGSSLMODE", "verify-full".to_owned())));
    }
}
