//! `quarry service` writes one file that the system accepts, and has the system load it. The system's own command is a
//! script here that notes what it was asked.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use system_tests::{Installation, Tree};

use crate::installation;

/// An installation whose `systemctl` notes its arguments in `asked` and says that nothing runs unless `running` is there.
async fn with_systemctl(bin: &Tree) -> Installation {
    let (quarry, _endpoint) = installation().await;
    let script =
        "#!/bin/sh\necho \"$@\" >> \"$HOME/asked\"\ncase \"$*\" in *is-active*) test -e \"$HOME/running\";; esac\n";
    bin.write("systemctl", script);
    std::fs::set_permissions(bin.path("systemctl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    quarry.with("PATH", &format!("{}:/usr/bin:/bin", bin.argument()))
}

fn unit(quarry: &Installation) -> PathBuf {
    quarry.home().join(".config/systemd/user/quarry.service")
}

/// What systemctl was asked since the last look.
fn asked(quarry: &Installation) -> Vec<String> {
    let path = quarry.home().join("asked");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_installed_once_shown_and_removed() {
    let (bin, tree) = (Tree::new("bin"), Tree::new("my code (50%)"));
    let quarry = with_systemctl(&bin).await;
    let status = quarry.run(["service", "status"]).await.succeeded();
    assert!(status.stdout.contains("not installed"), "{status}");

    let install = [
        "service",
        "install",
        tree.argument(),
        "--project",
        "mine",
        "--nice",
        "7",
        "--cpu-percent",
        "150",
    ];
    let shown = quarry.run(install.iter().copied().chain(["--print"])).await.succeeded();
    assert!(
        !unit(&quarry).exists() && asked(&quarry).is_empty(),
        "--print only prints"
    );
    let installed = quarry.run(install).await.succeeded();
    let text = std::fs::read_to_string(unit(&quarry)).unwrap();
    assert!(
        shown.stdout.contains(&text) && installed.stdout.contains(&text),
        "{installed}"
    );
    let command = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let quoted = tree.argument().replace('%', "%%");
    let home = quarry.home().display();
    assert!(
        command.ends_with(&format!(
            "\"--home\" \"{home}\" \"up\" \"--project\" \"mine\" \"{quoted}\""
        )),
        "{command}"
    );
    for line in [
        "Nice=7",
        "IOSchedulingPriority=7",
        "CPUQuota=150%",
        "MemoryHigh=50%",
        "WantedBy=default.target",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let loaded = [
        "--user daemon-reload",
        "--user enable quarry.service",
        "--user restart quarry.service",
    ];
    assert_eq!(asked(&quarry), loaded);

    // The database of the tests is in the environment: it is named, its password is not, and neither is in the unit.
    assert!(
        installed.stderr.contains("does not see QUARRY_DATABASE_URL"),
        "{installed}"
    );
    assert!(!text.contains("postgres://") && !installed.stderr.contains("postgres://"));

    let again = quarry.run(install).await.succeeded();
    assert!(again.stdout.contains("was installed already"), "{again}");
    assert_eq!(asked(&quarry).last().unwrap(), "--user start quarry.service");
    std::fs::write(quarry.home().join("running"), "").unwrap();
    let status = quarry.run(["service", "status"]).await.succeeded();
    assert!(status.stdout.starts_with("runs: "), "{status}");
    asked(&quarry);

    quarry.run(["service", "remove"]).await.succeeded();
    assert!(!unit(&quarry).exists());
    assert_eq!(
        asked(&quarry),
        ["--user disable --now quarry.service", "--user daemon-reload"]
    );
    let removed = quarry.run(["service", "remove"]).await.succeeded();
    assert!(removed.stdout.contains("not installed"), "{removed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_is_one_that_systemd_accepts() {
    let (bin, tree) = (Tree::new("bin"), Tree::new("odd $name 'and' \"quotes\" 5%"));
    let quarry = with_systemctl(&bin).await;
    quarry.run(["service", "install", tree.argument()]).await.succeeded();
    let verified = std::process::Command::new("systemd-analyze")
        .args(["verify", "--user", "--man=no"])
        .arg(unit(&quarry))
        .env("XDG_RUNTIME_DIR", quarry.home())
        .output();
    let Ok(verified) = verified else {
        eprintln!("there is no systemd-analyze here");
        return;
    };
    assert!(
        verified.status.success() && verified.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_service_is_refused_and_nothing_is_written() {
    let (bin, tree) = (Tree::new("bin"), Tree::new("here"));
    let quarry = with_systemctl(&bin).await;
    let broken = Tree::new("two\nlines");
    for (path, reason) in [
        (broken.argument(), "control characters"),
        ("/nowhere", "open the directory"),
    ] {
        quarry.run(["service", "install", path]).await.failed(1, &[reason]);
    }
    quarry.run(["service", "install"]).await.failed(2, &["PATH"]);
    assert!(!unit(&quarry).exists() && asked(&quarry).is_empty());
    // As in a container that has systemd's programs and no systemd.
    bin.write("systemctl", "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n");
    let unloaded = quarry.run(["service", "install", tree.argument()]).await;
    assert_eq!(unloaded.status, Some(1), "{unloaded}");
    for words in [
        "is written and was not loaded",
        "daemon-reload",
        "Failed to connect to bus",
    ] {
        assert!(unloaded.stderr.contains(words), "{words}: {unloaded}");
    }
    let quarry = quarry.with("PATH", "/nowhere");
    quarry
        .run(["service", "install", tree.argument()])
        .await
        .failed(1, &["neither systemd nor launchd", "quarry up"]);
}
