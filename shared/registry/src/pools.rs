//! Connection pools of project databases: made on first use by one caller while the others wait, kept by project id,
//! forgotten when idle. Hands out pools whose database has been checked to be the project's own and current.
//! Never opens more connections than the server leaves to us: every pool reserves its connections beforehand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::time::timeout;

use crate::connection_budget::ConnectionBudget;
use crate::connection_check::answers;
use crate::error::{RegistryError, is_missing_database};
use crate::migrations::{Schema, Standing};
use crate::open::{MAX_LIFETIME, Registry, RegistryOptions};
use crate::projects::{Project, ProjectId};
use crate::stamp;

/// How long to wait for returned connections before looking again for a pool that can be forgotten.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How long closing a pool waits for those who use it; the server ends what is left.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How often idle pools are looked for while others are in use.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

pub(crate) struct ProjectPools {
    server: PgConnectOptions,
    options: RegistryOptions,
    slots: Mutex<Slots>,
    budget: OnceCell<ConnectionBudget>,
}

struct Slots {
    by_project: HashMap<ProjectId, Arc<Slot>>,
    swept_at: Instant,
}

struct Slot {
    pool: OnceCell<PgPool>,
    used_at: Mutex<Instant>,
}

impl Registry {
    /// The pool of the project's database, migrated to the newest schema. Ask for it whenever it is needed rather than
    /// keeping it: asking is cheap, and a pool that nobody asked for during ten minutes is forgotten.
    pub async fn database(&self, project: &Project) -> Result<PgPool, RegistryError> {
        let pools = self.project_pools();
        let slot = pools.slot(project.id, Instant::now());
        let opened = slot.pool.get_or_try_init(|| pools.open(self.pool(), project)).await;
        let result = match opened {
            Ok(pool) => pools.recheck(pool, project).await.map(|()| pool.clone()),
            Err(error) => Err(error),
        };
        match result {
            Err(RegistryError::DatabaseMissing {
                project: name,
                database,
            }) => {
                pools.close(project.id).await;
                // Dropped by another process, or lost: the registry knows.
                self.project_by_id(project.id).await?;
                Err(RegistryError::DatabaseMissing {
                    project: name,
                    database,
                })
            }
            result => result,
        }
    }

    /// Forgets pools that nobody asked for since ten minutes before `now`. A long-lived process may call it from time
    /// to time; opening pools does so too. Returns how many were forgotten.
    pub fn evict_idle(&self, now: Instant) -> usize {
        self.project_pools().evict_idle(now)
    }

    /// How many project pools this process holds.
    pub fn open_projects(&self) -> usize {
        self.project_pools().lock().by_project.len()
    }

    /// Closes every connection. Other clones of this registry cannot be used any more.
    pub async fn close(&self) {
        let ids: Vec<ProjectId> = self.project_pools().lock().by_project.keys().copied().collect();
        for id in ids {
            self.project_pools().close(id).await;
        }
        self.pool().close().await;
    }
}

impl ProjectPools {
    pub(crate) fn new(server: PgConnectOptions, options: RegistryOptions) -> Self {
        Self {
            server,
            options,
            slots: Mutex::new(Slots {
                by_project: HashMap::new(),
                swept_at: Instant::now(),
            }),
            budget: OnceCell::new(),
        }
    }

    /// Forgets the project's pool and closes it; callers that still hold it get an error from then on.
    pub(crate) async fn close(&self, id: ProjectId) {
        let slot = self.lock().by_project.remove(&id);
        if let Some(pool) = slot.as_ref().and_then(|slot| slot.pool.get())
            && timeout(CLOSE_WITHIN, pool.close()).await.is_err()
        {
            tracing::warn!(project.id = %id, "connections of project {id} were still in use when its pool closed");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().expect("no code panics while it holds the pools")
    }

    fn slot(&self, id: ProjectId, now: Instant) -> Arc<Slot> {
        let mut slots = self.lock();
        if slots.by_project.get(&id).is_some_and(|slot| self.is_cramped(slot)) {
            slots.by_project.remove(&id);
        }
        let slot = slots
            .by_project
            .entry(id)
            .or_insert_with(|| {
                Arc::new(Slot {
                    pool: OnceCell::new(),
                    used_at: Mutex::new(now),
                })
            })
            .clone();
        slot.touch(now);
        if now.duration_since(slots.swept_at) > SWEEP_EVERY {
            slots.evict_idle(now, self.options.project_idle_timeout);
        }
        slot
    }

    fn evict_idle(&self, now: Instant) -> usize {
        self.lock().evict_idle(now, self.options.project_idle_timeout)
    }

    async fn open(&self, registry: &PgPool, project: &Project) -> Result<PgPool, RegistryError> {
        let reserved = self.reserve(registry, project.id).await?;
        let connections =
            u32::try_from(reserved.num_permits()).expect("a pool reserves no more than project_max_connections");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .idle_timeout(self.options.project_idle_timeout)
            .max_lifetime(MAX_LIFETIME)
            .acquire_timeout(self.options.acquire_timeout)
            // The pool owns its reservation through this hook, so that it is given back when the last clone goes,
            // not when the cache forgets the pool while somebody still uses it.
            .after_release(move |connection, _| {
                let _reserved = &reserved;
                Box::pin(answers(connection))
            })
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(answers(connection)))
            .connect_lazy_with(self.server.clone().database(&project.database_name));
        let mut connection = acquire(&pool, project).await?;
        prepare(&mut connection, project).await?;
        drop(connection);
        Ok(pool)
    }

    /// A pool that lost all its connections may have lost its database too.
    async fn recheck(&self, pool: &PgPool, project: &Project) -> Result<(), RegistryError> {
        if pool.size() > 0 {
            return Ok(());
        }
        let mut connection = acquire(pool, project).await?;
        stamp::check(&mut connection, project).await
    }

    /// Reserves connections for a new pool, forgetting the pool used longest ago while there are none.
    async fn reserve(&self, registry: &PgPool, id: ProjectId) -> Result<OwnedSemaphorePermit, RegistryError> {
        let budget = self
            .budget
            .get_or_try_init(|| ConnectionBudget::ask(registry, &self.options))
            .await?;
        let deadline = Instant::now() + self.options.acquire_timeout;
        loop {
            if let Some(reserved) = budget.try_reserve() {
                return Ok(reserved);
            }
            self.evict_least_recently_used(id);
            if let Some(reserved) = budget.reserve_within(LOOK_AGAIN_AFTER).await {
                return Ok(reserved);
            }
            if Instant::now() >= deadline {
                return Err(RegistryError::NoConnectionLeft {
                    cap: budget.cap(),
                    waited_secs: self.options.acquire_timeout.as_secs(),
                });
            }
        }
    }

    /// A pool that opened when connections were short is replaced once there are plenty; its clones keep working.
    fn is_cramped(&self, slot: &Slot) -> bool {
        match (slot.pool.get(), self.budget.get()) {
            (Some(pool), Some(budget)) => {
                pool.options().get_max_connections() < self.options.project_max_connections
                    && budget.share() == self.options.project_max_connections
            }
            _ => false,
        }
    }

    fn evict_least_recently_used(&self, except: ProjectId) {
        let mut slots = self.lock();
        let oldest = slots
            .by_project
            .iter()
            .filter(|(id, slot)| **id != except && slot.is_idle())
            .min_by_key(|(_, slot)| slot.used_at())
            .map(|(id, _)| *id);
        if let Some(id) = oldest {
            slots.by_project.remove(&id);
        }
    }
}

impl Slots {
    fn evict_idle(&mut self, now: Instant, idle_timeout: Duration) -> usize {
        let before = self.by_project.len();
        self.by_project.retain(|_, slot| {
            let unused = now.saturating_duration_since(slot.used_at());
            unused < idle_timeout || slot.is_busy()
        });
        self.swept_at = now;
        before - self.by_project.len()
    }
}

impl Slot {
    fn touch(&self, now: Instant) {
        *self.used() = now;
    }

    fn used_at(&self) -> Instant {
        *self.used()
    }

    fn used(&self) -> MutexGuard<'_, Instant> {
        self.used_at.lock().expect("no code panics while it holds the time")
    }

    /// Open, and no connection of it is in use. Whoever holds a clone keeps a working pool when it is forgotten.
    fn is_idle(&self) -> bool {
        self.pool
            .get()
            .is_some_and(|pool| pool.size() as usize == pool.num_idle())
    }

    fn is_busy(&self) -> bool {
        self.pool
            .get()
            .is_some_and(|pool| pool.size() as usize > pool.num_idle())
    }
}

async fn acquire(
    pool: &PgPool,
    project: &Project,
) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, RegistryError> {
    pool.acquire().await.map_err(|source| {
        if is_missing_database(&source) {
            RegistryError::DatabaseMissing {
                project: project.name.to_string(),
                database: project.database_name.clone(),
            }
        } else {
            RegistryError::Connect {
                database: project.database_name.clone(),
                source,
            }
        }
    })
}

/// Whose database it is comes first: nothing is migrated in a database that is not ours.
async fn prepare(connection: &mut PgConnection, project: &Project) -> Result<(), RegistryError> {
    stamp::check(connection, project).await?;
    let database = &project.database_name;
    if Schema::Project.standing(connection, database).await? == Standing::Behind {
        Schema::Project.migrate(connection, database).await?;
    }
    Ok(())
}
