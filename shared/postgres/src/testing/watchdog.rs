//! Ends a throw-away server when the process that wanted it ends, in whatever way: exit, panic, Ctrl-C or SIGKILL.
//! A shell waits on a pipe that only this process holds open. Never outlives the clean-up it was started for.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Stops the server as a crash would (its files go anyway), then removes the directory. Repeats, because initdb or pg_ctl
/// may have been running when the process died and go on for a moment.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
cd /
runs() {
    kill -0 "$1" 2>/dev/null || return 1
    # A finished process whose number nobody has collected yet still counts for kill.
    case $(cat "/proc/$1/stat" 2>/dev/null) in *") Z "*) return 1 ;; esac
}
read -r nothing
rounds=0
while [ $rounds -lt 50 ]; do
    pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
    if [ -n "$pid" ]; then
        kill -QUIT "$pid" 2>/dev/null
        waits=0
        while runs "$pid" && [ $waits -lt 100 ]; do sleep 0.05; waits=$((waits + 1)); done
        runs "$pid" && kill -KILL "$pid" 2>/dev/null
    fi
    rm -rf "$2" 2>/dev/null
    [ -e "$2" ] || { [ -n "$pid" ] && exit; [ $rounds -ge 5 ] && exit; sleep 0.1; }
    rounds=$((rounds + 1))
done
"#;

/// Ends the server of `data_dir` and removes `directory`, when dropped or when this process ends.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    pub(super) fn over(data_dir: &Path, directory: &Path) -> std::io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "sh"]).arg(data_dir).arg(directory);
        // A group of its own: Ctrl-C on a terminal goes to the whole group of the tests. No output of ours: whoever reads
        // the test's output would wait for this shell.
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Watchdog {
            shell: command.spawn()?,
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}
