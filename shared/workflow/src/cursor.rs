//! Where a page ended, as text that only this project's database can make: signed, and bound to the query it came from.
//! Pure but for the key, which the database keeps. Never reveals more than the sort keys of an entity that was shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sqlx::PgPool;

use crate::error::{WorkflowError, doing};
use crate::sorting::Place;

/// Longer texts were never cursors: four keys of 250 characters, escaped and encoded, are shorter.
const MAX_BYTES: usize = 16_000;

const TAG_BYTES: usize = 16;

/// What signs the cursors of a project.
#[derive(Debug, Clone, Copy)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// A key for tests and fuzzing.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn tag(&self, query: &str, payload: &[u8]) -> [u8; TAG_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&query.len().to_le_bytes());
        hasher.update(query.as_bytes());
        hasher.update(payload);
        let mut tag = [0; TAG_BYTES];
        hasher.finalize_xof().fill(&mut tag);
        tag
    }

    /// The cursor of a place in a query.
    pub(crate) fn sign(&self, query: &str, place: &Place) -> String {
        let payload = Value::from(vec![Value::Array(place.keys.clone()), place.id.to_string().into()]).to_string();
        let mut signed = self.tag(query, payload.as_bytes()).to_vec();
        signed.extend_from_slice(payload.as_bytes());
        URL_SAFE_NO_PAD.encode(signed)
    }

    /// The place a cursor stands for, if it is one of this query.
    pub(crate) fn open(&self, query: &str, cursor: &str) -> Result<Place, WorkflowError> {
        let refused = WorkflowError::InvalidCursor;
        if cursor.len() > MAX_BYTES {
            return Err(refused("this is no cursor"));
        }
        let signed = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| refused("this is no cursor"))?;
        let (tag, payload) = signed.split_at_checked(TAG_BYTES).ok_or(refused("this is no cursor"))?;
        // In the same time whatever differs.
        let differs = tag
            .iter()
            .zip(self.tag(query, payload))
            .fold(0, |differs, (a, b)| differs | (a ^ b));
        if differs != 0 {
            return Err(refused(
                "this cursor was changed, or belongs to another query: filter, sort and schema must stay",
            ));
        }
        let place: (Vec<Value>, uuid::Uuid) =
            serde_json::from_slice(payload).map_err(|_| refused("this cursor cannot be read"))?;
        Ok(Place {
            keys: place.0,
            id: place.1,
        })
    }
}

/// The project's key, made by the first who asks.
pub(crate) async fn cursor_key(pool: &PgPool) -> Result<CursorKey, WorkflowError> {
    let known = sqlx::query_scalar!("select key from workflow.cursor_key")
        .fetch_optional(pool)
        .await
        .map_err(doing("read the key of cursors"))?;
    let key = match known {
        Some(key) => key,
        None => {
            let random = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
            sqlx::query_scalar!(
                "insert into workflow.cursor_key (key) values ($1)
                 on conflict (only_one) do update set key = cursor_key.key
                 returning key",
                random
            )
            .fetch_one(pool)
            .await
            .map_err(doing("make the key of cursors"))?
        }
    };
    let key = <[u8; 32]>::try_from(key).map_err(|_| WorkflowError::InvalidCursor("the key of cursors is damaged"))?;
    Ok(CursorKey(key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use serde_json::json;
    use uuid::Uuid;

    use super::CursorKey;
    use crate::sorting::Place;

    #[test]
    fn a_cursor_is_good_for_its_query_under_its_key_only() {
        let key = CursorKey::from_bytes([7; 32]);
        let place = Place {
            keys: vec![json!("x"), json!(1.5)],
            id: Uuid::from_u128(9),
        };
        let cursor = key.sign("task {}", &place);
        assert_eq!(key.open("task {}", &cursor).unwrap(), place);
        assert!(key.open("task {\"a\":1}", &cursor).is_err());
        assert!(CursorKey::from_bytes([8; 32]).open("task {}", &cursor).is_err());
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let key = CursorKey::from_bytes([7; 32]);
        let place = Place {
            keys: vec![json!(3)],
            id: Uuid::from_u128(9),
        };
        let cursor = key.sign("q", &place);
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(key.open("q", std::str::from_utf8(&changed).unwrap()).is_err(), "{at}");
        }
        for no_cursor in ["", "x", "o10", &"A".repeat(20_000)] {
            assert!(key.open("q", no_cursor).is_err());
        }
    }
}
