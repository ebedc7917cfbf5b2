//! People who save: they write real files, each time with a higher number in them, and tell the queue of each save as a
//! watcher does, until it has taken it. In the end they know what every file has to say.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quarry_queue::Debounce;
use quarry_registry::{Project, Registry, RegistryOptions};

use uuid::Uuid;

use crate::wait::PATIENCE;
use crate::{Installation, Numbers, Tree};

/// Files of each of them; few, so that a file is often saved again while it is being indexed.
const FILES_EACH: u64 = 25;

/// A registry that does not take a save is told again after this.
const TELL_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// One repository that several people work in at once.
pub struct Savers<'a> {
    quarry: &'a Installation,
    tree: &'a Tree,
    registry: Registry,
    project: Project,
    repository: Uuid,
    host: String,
    aside: Tree,
    saves: AtomicU64,
    /// What each file says; none: it was deleted.
    final_texts: Mutex<BTreeMap<String, Option<u64>>>,
}

impl<'a> Savers<'a> {
    /// Indexes what is in the tree into the project of its directory's name. `url` leads to the registry.
    ///
    /// # Panics
    /// When that fails.
    pub async fn begin(quarry: &'a Installation, tree: &'a Tree, url: &str, host: &str) -> Savers<'a> {
        tree.write("src/first.py", "first = 1\n");
        let report = quarry.run(["index", tree.argument(), "--wait", "--json"]).await.json();
        let registry = Registry::open(url, RegistryOptions::default()).await.unwrap();
        let name = report["project"].as_str().unwrap();
        let projects = registry.projects().await.unwrap();
        let project = projects.into_iter().find(|project| project.name.as_str() == name);
        let repository = quarry.rows(name, "select id from codebase.repositories").await;
        Savers {
            quarry,
            tree,
            registry,
            project: project.expect("it was just indexed into"),
            repository: repository[0].parse().unwrap(),
            host: host.to_owned(),
            aside: Tree::new("aside"),
            saves: AtomicU64::new(0),
            final_texts: Mutex::default(),
        }
    }

    /// The name of the project.
    #[must_use]
    pub fn project(&self) -> &str {
        self.project.name.as_str()
    }

    /// The name of its database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.project.database_name
    }

    /// How many saves were made.
    #[must_use]
    pub fn saves(&self) -> u64 {
        self.saves.load(Ordering::SeqCst)
    }

    /// Person number `saver` saves a file every `pause` until `end`.
    ///
    /// # Panics
    /// When the disk refuses.
    pub async fn save_until(&self, saver: u64, end: Instant, pause: Duration) {
        while Instant::now() < end {
            self.save_once(saver).await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Person number `saver` saves one of their files.
    ///
    /// # Panics
    /// When the disk refuses.
    pub async fn save_once(&self, saver: u64) {
        let number = saver * FILES_EACH + Numbers::new(self.saves()).any() % FILES_EACH;
        let path = format!("src/part_{}/file_{number}.py", number % 5);
        self.change(&path);
        let tell = || {
            let (queue, host, paths) = (
                self.registry.pool(),
                Some(self.host.as_str()),
                std::slice::from_ref(&path),
            );
            let (project, repository) = (self.project.id.0, self.repository);
            quarry_queue::mark_dirty(queue, project, repository, host, paths, Debounce::default(), "saver")
        };
        while tell().await.is_err() {
            tokio::time::sleep(TELL_AGAIN_AFTER).await;
        }
    }

    /// Waits until so many workers are there.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn wait_for_workers(&self, count: i64) {
        crate::wait_until_async("the workers are there", async || {
            quarry_queue::workers_alive(self.registry.pool(), &self.host)
                .await
                .unwrap()
                == count
        })
        .await;
    }

    /// Numbers of the worker processes that have a run under way.
    ///
    /// # Panics
    /// When the registry does not answer.
    pub async fn busy_workers(&self) -> Vec<u32> {
        let workers = quarry_queue::workers(self.registry.pool()).await.unwrap();
        let busy = workers.into_iter().filter(|worker| worker.leases > 0);
        busy.map(|worker| worker.process_id).collect()
    }

    /// In the ways in which editors and tools do it.
    fn change(&self, path: &str) {
        let revision = self.saves.fetch_add(1, Ordering::SeqCst) + 1;
        let text = format!("revision = {revision}\n");
        let way = Numbers::new(revision).below(10);
        match way {
            0 if self.tree.path(path).exists() => self.tree.remove(path),
            1..4 => self.tree.write(path, text),
            _ => {
                self.aside.write(path, text);
                std::fs::create_dir_all(self.tree.path(path).parent().unwrap()).unwrap();
                std::fs::rename(self.aside.path(path), self.tree.path(path)).unwrap();
            }
        }
        let says = self.tree.path(path).exists().then_some(revision);
        self.final_texts.lock().unwrap().insert(path.to_owned(), says);
    }

    /// Waits until nothing is left to do, and says for how long.
    ///
    /// # Panics
    /// When work stands parked, or is not done within the harness's patience.
    pub async fn quiet(&self) -> Duration {
        let since = Instant::now();
        loop {
            let depth = quarry_queue::queue_depth(self.registry.pool(), None).await;
            match depth {
                Ok(depth) if depth.ready + depth.leased + depth.parked == 0 => return since.elapsed(),
                Ok(depth) if depth.parked == 0 && since.elapsed() < PATIENCE => {}
                Err(_) if since.elapsed() < PATIENCE => {}
                depth => panic!("not quiet: {depth:?}, {}", self.quarry.run(["jobs", "list"]).await),
            }
            tokio::time::sleep(TELL_AGAIN_AFTER).await;
        }
    }

    /// Files whose text in the index is not the one that was saved last, each with both.
    pub async fn wrong_files(&self) -> Vec<String> {
        let indexed = "select file_path, string_agg(content, '' order by start_line)
            from codebase.code_chunks where file_path like 'src/part%' group by file_path";
        let rows = self.quarry.rows(self.project(), indexed).await;
        let indexed: BTreeMap<&str, &str> = rows.iter().filter_map(|row| row.split_once('|')).collect();
        let final_texts = self.final_texts.lock().unwrap();
        let differing = final_texts.iter().filter_map(|(path, says)| {
            let saved = says.map(|revision| format!("revision = {revision}"));
            let found = indexed.get(path.as_str()).copied();
            (found != saved.as_deref()).then(|| format!("{path}: saved {saved:?}, indexed {found:?}"))
        });
        differing.collect()
    }

    /// Nothing saved is lost: the index has what was saved last, and equals that of a project that sees the tree for the
    /// first time.
    ///
    /// # Panics
    /// When it does not.
    pub async fn assert_nothing_lost(&self) {
        let wrong = self.wrong_files().await;
        assert!(
            wrong.is_empty(),
            "{} of {} files: {wrong:#?}",
            wrong.len(),
            self.saves()
        );
        let deadlocks = format!(
            "select sum(deadlocks) from pg_stat_database where datname in (current_database(), '{}')",
            self.database()
        );
        // The work is done again after one, so that nothing else shows locks that are taken in different orders.
        assert_eq!(self.quarry.registry_rows(&deadlocks).await, ["0"]);
        self.quarry.index(self.tree.root(), "fresh").await;
        assert_eq!(self.quarry.dump(self.project()).await, self.quarry.dump("fresh").await);
    }
}
