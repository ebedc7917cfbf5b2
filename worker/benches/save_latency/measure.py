#!/usr/bin/env python3
"""Measures how long a saved file takes until it is searchable, and what watching costs.

usage: measure.py DIRECTORY [--quarry PROGRAM] [--saves N]

Works on a copy of DIRECTORY with a git repository in it, in a QUARRY_HOME of its own that it stops and removes at the end:
  1. `quarry up`: N files saved one by one at random moments, each with a word of its own, until the word is in the index
  2. a branch switch that changes 500 files, and a commit that changes none
  3. a directory of 1 000 files renamed: texts that were embedded for it
  4. `quarry watch` alone, idle: CPU and memory
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

PROJECT = "save_latency"
POLL_S = 0.002
PATIENCE_S = 120


class Database:
    """One psql that stays connected, so that asking costs a round trip and nothing else."""

    def __init__(self, quarry: list[str], environment: dict, *arguments: str):
        command = [*quarry, "psql", *arguments, "--", "-X", "-q", "-A", "-t"]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def rows(self, statement: str) -> list[str]:
        self.process.stdin.write(f"{statement};\n\\echo END-OF-ROWS\n")
        self.process.stdin.flush()
        rows = []
        while (line := self.process.stdout.readline().rstrip("\n")) != "END-OF-ROWS":
            if self.process.poll() is not None:
                raise SystemExit("psql ended")
            rows.append(line)
        return rows

    def wait_until(self, statement: str, wanted: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.rows(statement) != [wanted]:
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {PATIENCE_S} s for {wanted}: {statement}")
            time.sleep(POLL_S)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def git(root: pathlib.Path, *arguments: str) -> None:
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, stdout=subprocess.DEVNULL)


def holding(word: str, path: str) -> str:
    return (
        "select count(*) > 0 from codebase.code_chunks where repository_id = (select id from codebase.repositories)"
        f" and file_path = '{path}' and position('{word}' in content) > 0"
    )


def save(database: Database, root: pathlib.Path, path: str, number: int) -> float:
    """Returns seconds from before the save until the index holds it."""
    word = f"savedword{number}x{random.getrandbits(32)}"
    text = (root / path).read_text() + f"\n# {word}\n"
    started = time.monotonic()
    (root / path).write_text(text)
    database.wait_until(holding(word, path), "t")
    return time.monotonic() - started


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))] * 1000


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def start(quarry: list[str], environment: dict, said: str, *arguments: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [*quarry, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    while said not in (line := process.stdout.readline()):
        if not line:
            raise SystemExit(f"quarry {arguments[0]} ended")
    return process


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(60)


def measure_saves(database: Database, root: pathlib.Path, files: list[str], count: int) -> None:
    chosen = random.sample(files, count)
    save(database, root, files[0], -1)
    taken = []
    for number, path in enumerate(chosen):
        time.sleep(random.uniform(0.1, 1.0))
        taken.append(save(database, root, path, number))
    print(
        f"{count} saves: p50 {statistics.median(taken) * 1000:.0f} ms, p95 {percentile(taken, 0.95):.0f} ms,"
        f" slowest {max(taken) * 1000:.0f} ms",
        flush=True,
    )


def measure_git(database: Database, registry: Database, root: pathlib.Path, files: list[str]) -> None:
    changed = sorted(random.sample(files, 500))
    git(root, "switch", "-q", "-c", "other")
    for path in changed:
        (root / path).write_text((root / path).read_text() + "\n# wordofthebranch\n")
    git(root, "commit", "-qam", "change 500 files")
    held = (
        "select count(distinct file_path) from codebase.code_chunks where position('wordofthebranch' in content) > 0"
    )
    database.wait_until(held, "500")
    settle(registry)
    before = int(registry.rows("select count(*) from runs where kind = 'sync_repository'")[0])
    started = time.monotonic()
    git(root, "switch", "-q", "-")
    switched = time.monotonic()
    database.wait_until(held, "0")
    seen = time.monotonic()
    settle(registry)
    syncs = int(registry.rows("select count(*) from runs where kind = 'sync_repository'")[0]) - before
    print(
        f"branch switch, 500 files: {seen - switched:.2f} s after git ended (which took {switched - started:.2f} s),"
        f" {syncs} comparisons of the tree",
        flush=True,
    )
    git(root, "commit", "-q", "--allow-empty", "-m", "change nothing")
    commit = subprocess.check_output(["git", "-C", str(root), "rev-parse", "HEAD"], text=True).strip()
    started = time.monotonic()
    database.wait_until("select git_commit from codebase.repositories", commit)
    print(f"commit that changes no file: known after {time.monotonic() - started:.2f} s", flush=True)


def measure_rename(database: Database, registry: Database, root: pathlib.Path, files: list[str]) -> None:
    directory = root / "thousand"
    directory.mkdir()
    for number, path in enumerate(random.sample(files, 1000)):
        shutil.copy(root / path, directory / f"{number}_{pathlib.Path(path).name}")
    count = "select count(*) from codebase.files where path like '{}/%'"
    wanted = database.rows("select 1000 - 1000")[0]
    settle(registry)
    held = database.rows(count.format("thousand"))[0]
    embedded = "select coalesce(sum((counts ->> 'embedded')::bigint), 0) from runs"
    before = int(registry.rows(embedded)[0])
    started = time.monotonic()
    directory.rename(root / "renamed")
    database.wait_until(count.format("renamed"), held)
    database.wait_until(count.format("thousand"), wanted)
    seen = time.monotonic() - started
    settle(registry)
    print(f"directory of {held} files renamed: {seen:.2f} s, {int(registry.rows(embedded)[0]) - before} texts embedded")


def settle(registry: Database) -> None:
    """Waits until nothing is left to do, for a second."""
    quiet_since = None
    while quiet_since is None or time.monotonic() < quiet_since + 1:
        busy = registry.rows("select count(*) from jobs where state in ('ready', 'leased')") != ["0"]
        quiet_since = None if busy else quiet_since or time.monotonic()
        time.sleep(0.05)


def measure_idle(quarry: list[str], environment: dict, root: pathlib.Path, seconds: float) -> None:
    started = time.monotonic()
    watcher = start(quarry, environment, "watching", "watch", str(root), "--project", PROJECT)
    ready = time.monotonic() - started
    time.sleep(3)
    before, began = cpu_s(watcher.pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_s(watcher.pid) - before) / (time.monotonic() - began)
    print(f"watcher alone: ready after {ready:.2f} s, idle {share * 100:.2f} % of a core, {memory_mib(watcher.pid):.0f} MiB")
    stop(watcher)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--quarry", default="target/release/quarry")
    parser.add_argument("--saves", type=int, default=200)
    arguments = parser.parse_args()
    quarry = [arguments.quarry]
    random.seed(7)
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        root, home = pathlib.Path(above) / "tree", pathlib.Path(above) / "home"
        home.mkdir()
        shutil.copytree(arguments.directory, root, symlinks=True)
        files = sorted(str(path.relative_to(root)) for path in root.rglob("*.py") if path.stat().st_size < 100_000)
        environment = {**os.environ, "QUARRY_HOME": str(home), "QUARRY_WATCH_RESCAN_S": "0"}
        git(root, "init", "-q")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "all of it")
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)
        try:
            up = start(quarry, environment, "Ctrl-C stops everything", "up", str(root), "--project", PROJECT)
            database = Database(quarry, environment, "--project", PROJECT)
            registry = Database(quarry, environment)
            settle(registry)
            measure_saves(database, root, files, arguments.saves)
            measure_git(database, registry, root, files)
            measure_rename(database, registry, root, files)
            database.close()
            registry.close()
            stop(up)
            measure_idle(quarry, environment, root, 30)
        finally:
            subprocess.run([*quarry, "down"], env=environment, stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main()
