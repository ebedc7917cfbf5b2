//! The tokens that let clients in over HTTP: made, listed, revoked, and recognised by their secret. A secret is shown once,
//! when it is made; the table `tokens` holds its hash.
//! Never decides what a scope allows: the server that asks does.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::error::{RegistryError, doing};
use crate::open::Registry;
use crate::projects::Project;

/// Every token begins so: secret scanners recognise it.
const PREFIX: &str = "quarry_";

/// What a token allows. Each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenScope {
    /// Search and read.
    Read,
    /// Also index, cancel, and change entities.
    Write,
    /// Also make, rename and delete projects, and remove repositories.
    Admin,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// Unique among the tokens in use.
    pub name: &'a str,
    /// What it allows.
    pub scope: TokenScope,
    /// The only projects it is for; none: all, those that are made later included.
    pub projects: Option<&'a [Project]>,
    /// When it stops to work, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// Name and version of the client that made it.
    pub created_by: &'a str,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its identity; the first part of its secret.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scope: TokenScope,
    /// The names of the only projects it is for; none: all.
    pub projects: Option<Vec<String>>,
    /// Name and version of the client that made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops to work, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it does not work any more.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl TokenScope {
    /// As it stands in the table and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TokenScope::Read => "read",
            TokenScope::Write => "write",
            TokenScope::Admin => "admin",
        }
    }

    fn of_column(text: &str) -> TokenScope {
        match text {
            "admin" => TokenScope::Admin,
            "write" => TokenScope::Write,
            _ => TokenScope::Read, // the column's constraint leaves nothing else
        }
    }
}

impl Registry {
    /// Makes a token. The text is its secret, which nobody can find out again.
    pub async fn create_token(&self, new: &NewToken<'_>) -> Result<(Token, String), RegistryError> {
        let id = Uuid::new_v4();
        // Two random ids have 244 random bits: no guess and no slow hash is needed.
        let secret = format!(
            "{PREFIX}{}_{}{}",
            id.simple(),
            Uuid::new_v4().simple(),
            Uuid::new_v4().simple()
        );
        let secret_hash = hash(&secret);
        let project_ids: Vec<Uuid> = new
            .projects
            .unwrap_or_default()
            .iter()
            .map(|project| project.id.0)
            .collect();
        let mut transaction = self.pool().begin().await.map_err(doing("make the token"))?;
        sqlx::query!(
            "insert into tokens (id, name, secret_hash, scope, all_projects, created_by, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7)",
            id,
            new.name,
            secret_hash.as_slice(),
            new.scope.as_str(),
            new.projects.is_none(),
            new.created_by,
            new.expires_at,
        )
        .execute(&mut *transaction)
        .await
        .map_err(|error| token_error(error, new.name))?;
        sqlx::query!(
            "insert into token_projects (token_id, project_id)
            select $1, project_id
            from unnest($2::uuid[]) as given (project_id)",
            id,
            &project_ids,
        )
        .execute(&mut *transaction)
        .await
        .map_err(doing("limit the token to its projects"))?;
        transaction.commit().await.map_err(doing("make the token"))?;
        let made = self.tokens().await?.into_iter().find(|token| token.id == id);
        let token = made.ok_or_else(|| RegistryError::UnknownToken {
            name: new.name.to_owned(),
        })?;
        Ok((token, secret))
    }

    /// All tokens, revoked ones too, by name and age.
    pub async fn tokens(&self) -> Result<Vec<Token>, RegistryError> {
        let rows = sqlx::query_file_as!(TokenRow, "queries/tokens.sql", None::<Uuid>)
            .fetch_all(self.pool())
            .await
            .map_err(doing("list the tokens"))?;
        Ok(rows.into_iter().map(|row| row.parse().0).collect())
    }

    /// Makes the token in use with this name useless. Servers notice within seconds.
    pub async fn revoke_token(&self, name: &str) -> Result<(), RegistryError> {
        let revoked = sqlx::query!(
            "update tokens
            set revoked_at = clock_timestamp()
            where name = $1 and revoked_at is null",
            name,
        )
        .execute(self.pool())
        .await
        .map_err(doing("revoke the token"))?;
        if revoked.rows_affected() == 0 {
            return Err(RegistryError::UnknownToken { name: name.to_owned() });
        }
        Ok(())
    }

    /// The token with this secret, if there is one that still works. Notes that it was used.
    pub async fn token_by_secret(&self, secret: &str) -> Result<Option<Token>, RegistryError> {
        let Some(id) = id_in(secret) else { return Ok(None) };
        let row = sqlx::query_file_as!(TokenRow, "queries/tokens.sql", Some(id))
            .fetch_optional(self.pool())
            .await
            .map_err(doing("look up the token"))?;
        let Some((token, stored)) = row.map(TokenRow::parse) else {
            return Ok(None);
        };
        // The comparison of these hashes takes as long for one that almost fits.
        let fits = blake3::Hash::from_slice(&stored).is_ok_and(|stored| stored == hash(secret));
        let works = token.revoked_at.is_none() && token.expires_at.is_none_or(|at| at > Utc::now());
        if !(fits && works) {
            return Ok(None);
        }
        sqlx::query!(
            "update tokens
            set last_used_at = clock_timestamp()
            where id = $1 and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')",
            id,
        )
        .execute(self.pool())
        .await
        .map_err(doing("note the use of the token"))?;
        Ok(Some(token))
    }
}

fn id_in(secret: &str) -> Option<Uuid> {
    let (id, _) = secret.strip_prefix(PREFIX)?.split_once('_')?;
    Uuid::parse_str(id).ok()
}

fn hash(secret: &str) -> blake3::Hash {
    blake3::hash(secret.as_bytes())
}

fn token_error(error: sqlx::Error, name: &str) -> RegistryError {
    match error.as_database_error().and_then(|error| error.constraint()) {
        Some("tokens_in_use") => RegistryError::TokenNameTaken { name: name.to_owned() },
        Some("valid_token_name") => RegistryError::InvalidTokenName { name: name.to_owned() },
        _ => doing("make the token")(error),
    }
}

struct TokenRow {
    id: Uuid,
    name: String,
    secret_hash: Vec<u8>,
    scope: String,
    all_projects: bool,
    projects: Vec<String>,
    created_by: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TokenRow {
    fn parse(self) -> (Token, Vec<u8>) {
        let token = Token {
            id: self.id,
            name: self.name,
            scope: TokenScope::of_column(&self.scope),
            projects: (!self.all_projects).then_some(self.projects),
            created_by: self.created_by,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked_at: self.revoked_at,
        };
        (token, self.secret_hash)
    }
}
