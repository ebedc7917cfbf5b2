//! Decoded parts of the index that searches share, bounded by bytes, least recently used first out.
//! Keys are the random keys of immutable rows, or made of them, so that an entry can be missing but never wrong, and two projects in one
//! process cannot meet. Never asks Postgres.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::defined_names::Names;
use super::postings::TableEntry;

/// 24 bytes a chunk, and 30 for its names once a misspelt one was asked for: room for more than a million chunks, all
/// projects of the process together.
const CAPACITY_BYTES: usize = 64 << 20;

/// What a key stands for.
#[derive(Clone, Debug)]
pub(crate) enum Cached {
    /// The table of a segment.
    Table(Arc<[TableEntry]>),
    /// The names that a segment defines.
    Names(Arc<Names>),
    /// The numbers of a row of tombstones.
    Tombstones(Arc<[i64]>),
}

impl Cached {
    fn size_bytes(&self) -> usize {
        match self {
            Cached::Table(entries) => size_of_val::<[TableEntry]>(entries),
            Cached::Names(names) => names.size_bytes(),
            Cached::Tombstones(numbers) => size_of_val::<[i64]>(numbers),
        }
    }
}

/// The entries of one process.
pub(crate) static CACHE: Cache = Cache::with_capacity(CAPACITY_BYTES);

/// A cache; tests make their own, the rest of the crate uses [`CACHE`].
pub(crate) struct Cache {
    capacity_bytes: usize,
    entries: Mutex<Entries>,
}

struct Entries {
    by_key: Option<FxHashMap<Uuid, (u64, Cached)>>,
    size_bytes: usize,
    uses: u64,
}

impl Cache {
    const fn with_capacity(capacity_bytes: usize) -> Cache {
        Cache {
            capacity_bytes,
            entries: Mutex::new(Entries {
                by_key: None,
                size_bytes: 0,
                uses: 0,
            }),
        }
    }

    pub(crate) fn get(&self, key: Uuid) -> Option<Cached> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let now = entries.uses;
        let (last_use, cached) = entries.by_key.as_mut()?.get_mut(&key)?;
        *last_use = now;
        Some(cached.clone())
    }

    pub(crate) fn put(&self, key: Uuid, cached: Cached) {
        let size_bytes = cached.size_bytes();
        if size_bytes > self.capacity_bytes {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = &mut *entries;
        entries.uses += 1;
        let by_key = entries.by_key.get_or_insert_default();
        match by_key.entry(key) {
            Entry::Occupied(_) => return,
            Entry::Vacant(vacant) => vacant.insert((entries.uses, cached)),
        };
        entries.size_bytes += size_bytes;
        if entries.size_bytes > self.capacity_bytes {
            evict_to(entries, self.capacity_bytes / 4 * 3);
        }
    }
}

/// Drops a quarter at once: sorting by age at every insertion into a full cache would cost more than it saves.
fn evict_to(entries: &mut Entries, target_bytes: usize) {
    let Some(by_key) = entries.by_key.as_mut() else {
        return;
    };
    let mut ages: Vec<(u64, Uuid)> = by_key.iter().map(|(&key, &(last_use, _))| (last_use, key)).collect();
    ages.sort_unstable();
    for (_, key) in ages {
        if entries.size_bytes <= target_bytes {
            return;
        }
        if let Some((_, cached)) = by_key.remove(&key) {
            entries.size_bytes -= cached.size_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Cached {
        Cached::Tombstones(vec![0; count].into())
    }

    #[test]
    fn what_was_used_last_stays_when_the_bound_is_reached() {
        let cache = Cache::with_capacity(800);
        let keys: Vec<Uuid> = (0..10).map(|_| Uuid::new_v4()).collect();
        for &key in &keys {
            cache.put(key, numbers(10));
        }
        assert!(cache.get(keys[0]).is_some());
        cache.put(Uuid::new_v4(), numbers(10));
        assert!(cache.get(keys[0]).is_some());
        assert!(cache.get(keys[1]).is_none());
        assert!(cache.entries.lock().unwrap_or_else(PoisonError::into_inner).size_bytes <= 800);
    }

    #[test]
    fn what_is_larger_than_the_cache_is_not_kept() {
        let cache = Cache::with_capacity(800);
        let key = Uuid::new_v4();
        cache.put(key, numbers(101));
        assert!(cache.get(key).is_none());
    }
}
