//! The database server has a bad day under workers that load and people who save: sessions end, the server crashes, the
//! network between loses every packet, the disk is full. Nothing saved is lost, nothing stands parked, and the workers go
//! on by themselves once it is over.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::future::join_all;
use quarry_postgres::testing::{StopMode, TestServer, test_database, test_server};
use system_tests::{FakeEndpoint, Installation, LossyNetwork, Running, Savers, Tree, wait_until, wait_until_async};
use tempfile::TempDir;

use crate::PROGRAM;

const HOST: &str = "trouble";

async fn installation(url: &str, endpoint: &FakeEndpoint) -> Installation {
    Installation::with_registry(PROGRAM, url)
        .await
        .with("QUARRY_EMBEDDING_URL", endpoint.url())
        .with("QUARRY_HOST", HOST)
        .with("QUARRY_WORKER_LEASE_S", "2")
        .with("QUARRY_WORKER_HEARTBEAT_S", "1")
}

/// How long it lasts: a trouble a second.
fn troubles() -> u32 {
    if std::env::var_os("QUARRY_TEST_LONG").is_some() {
        30
    } else {
        6
    }
}

async fn save_while(savers: &Savers<'_>, trouble: impl AsyncFn()) {
    let end = Instant::now() + Duration::from_secs(troubles().into());
    let saving = join_all((0..2).map(|saver| savers.save_until(saver, end, Duration::from_millis(20))));
    let troubling = async {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        while Instant::now() < end {
            seconds.tick().await;
            trouble().await;
        }
    };
    tokio::join!(saving, troubling);
}

/// The same processes that were there before the trouble end in good order.
async fn end_well(workers: impl IntoIterator<Item = Running>) {
    for worker in workers {
        worker.terminate().await;
        worker.finish().await.succeeded();
    }
}

/// The history tells the server's trouble from failures of the jobs.
async fn assert_no_attempt_was_spent(quarry: &Installation) {
    let failed = "select kind, error from runs where outcome = 'failed'";
    assert_eq!(quarry.registry_rows(failed).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_end_every_second_lose_nothing() {
    let (endpoint, database) = (FakeEndpoint::start().await, test_database().await);
    let quarry = installation(&database.url, &endpoint).await;
    let tree = Tree::new("sessions");
    tree.write_modules(200);
    let savers = Savers::begin(&quarry, &tree, &database.url, HOST).await;
    endpoint.answer_after(Duration::from_millis(10));
    let workers = [quarry.start(["worker"]), quarry.start(["worker"])];
    savers.wait_for_workers(2).await;
    let path = [tree.argument(), "--project", savers.project()];
    save_while(&savers, async || {
        let loading = quarry.start([&["index", "--full"], &path[..]].concat());
        let server = test_server().await;
        server.terminate_backends(Some(&database.name)).await;
        server.terminate_backends(Some(savers.database())).await;
        // It may have been its own sessions that ended.
        loading.finish().await;
    })
    .await;
    savers.quiet().await;
    assert_no_attempt_was_spent(&quarry).await;
    end_well(workers).await;
    savers.assert_nothing_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_again_and_again_loses_nothing() {
    let endpoint = FakeEndpoint::start().await;
    let server = TestServer::start_new().await;
    let database = server.create_database().await;
    let quarry = installation(&database.url, &endpoint).await;
    // Test servers forget the last moments before a crash; the promise is for servers that do not.
    quarry.registry_rows("alter system set synchronous_commit = on").await;
    quarry.registry_rows("select pg_reload_conf()").await;
    let tree = Tree::new("crashes");
    tree.write_modules(50);
    let savers = Savers::begin(&quarry, &tree, &database.url, HOST).await;
    endpoint.answer_after(Duration::from_millis(10));
    let workers = [quarry.start(["worker"]), quarry.start(["worker"])];
    savers.wait_for_workers(2).await;
    save_while(&savers, async || {
        // On a busy machine the one before may still be recovering when it is told to stop.
        let restarted = async || server.restart(StopMode::Immediate).await.is_ok();
        wait_until_async("the server has crashed and is there again", restarted).await;
    })
    .await;
    savers.quiet().await;
    assert_no_attempt_was_spent(&quarry).await;
    end_well(workers).await;
    savers.assert_nothing_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_packets_are_swallowed_is_replaced_and_comes_back_by_itself() {
    let (endpoint, database) = (FakeEndpoint::start().await, test_database().await);
    let port = test_server().await.port();
    let network = LossyNetwork::before(port).await;
    let quarry = installation(&database.url, &endpoint).await;
    let tree = Tree::new("swallowed");
    let savers = Savers::begin(&quarry, &tree, &database.url, HOST).await;
    let through = database
        .url
        .replace(&format!(":{port}/"), &format!(":{}/", network.port()));
    let elsewhere = quarry.another_machine().with("QUARRY_DATABASE_URL", &through);
    let far = elsewhere.start(["worker"]);

    endpoint.hold();
    savers.save_once(0).await;
    wait_until("the far worker is in the middle of a run", || endpoint.held() > 0).await;
    network.cut();
    endpoint.release();
    savers.save_once(1).await;
    let near = quarry.start(["worker"]);
    savers.quiet().await;
    assert!(savers.wrong_files().await.is_empty());
    end_well([near]).await;

    network.mend();
    savers.save_once(2).await;
    savers.quiet().await;
    end_well([far]).await;
    savers.assert_nothing_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_out() {
    let endpoint = FakeEndpoint::start().await;
    let server = TestServer::start_new().await;
    let Some(disk) = SmallDisk::mount(&server.data_dir()) else {
        return;
    };
    let database = server.create_database().await;
    let quarry = installation(&database.url, &endpoint).await;
    let tree = Tree::new("full");
    let savers = Savers::begin(&quarry, &tree, &database.url, HOST).await;
    let tablespace = format!("create tablespace small location '{}'", disk.directory().display());
    quarry.registry_rows(&tablespace).await;
    let move_there = format!("alter database {} set tablespace small", savers.database());
    quarry.registry_rows(&move_there).await;

    disk.fill();
    tree.write_modules(400);
    let worker = quarry.start(["worker"]);
    quarry
        .run(["index", tree.argument(), "--project", savers.project()])
        .await
        .succeeded();
    wait_until_async("the disk is full", async || {
        let interrupted = "select 1 from runs where outcome = 'interrupted' and error like '%No space left%'";
        !quarry.registry_rows(interrupted).await.is_empty()
    })
    .await;
    savers.save_once(0).await;
    let lanes = quarry.run(["jobs", "list", "--json"]).await.succeeded();
    assert!(lanes.stdout.contains("No space left"), "{lanes}");
    disk.make_room();
    savers.quiet().await;
    assert_no_attempt_was_spent(&quarry).await;
    end_well([worker]).await;
    savers.assert_nothing_lost().await;
}

/// A file system of its own with little room; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// None where this user may not mount.
    fn mount(data_dir: &Path) -> Option<SmallDisk> {
        let at = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=64m,mode=0711", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(at.path()).output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            eprintln!("skipped: only root may mount a small disk, and not in every container");
            return None;
        }
        let disk = SmallDisk(at);
        std::fs::create_dir(disk.directory()).unwrap();
        // The server's own account.
        let owner = data_dir.metadata().unwrap();
        chown(disk.directory(), Some(owner.uid()), Some(owner.gid())).unwrap();
        Some(disk)
    }

    fn directory(&self) -> std::path::PathBuf {
        self.0.path().join("tablespace")
    }

    fn fill(&self) {
        let mut ballast = File::create(self.0.path().join("ballast")).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}
