#!/usr/bin/env python3
"""Measures how one big repository is shared by many worker processes, and whether its load lets others in.

usage: measure.py DIRECTORY [--quarry PROGRAM] [--workers 1,2,4,8] [--request-ms 50] [--saves 20]

In a QUARRY_HOME of its own, which is stopped and removed at the end:
  1. a cold index of DIRECTORY by each number of workers, each with one job and one request to the endpoint at a time, with an
     endpoint that takes as long as it is told for every request: seconds, speed-up, files that were indexed twice
  2. the same with each directory in DIRECTORY as a repository of its own
  3. the same with the built-in model, which has only the machine's cores to share
  4. one file saved in another project while the only worker, with one job at a time, loads DIRECTORY: until it is searchable
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
PATIENCE_S = 1800


class Quarry:
    """The program in one installation."""

    def __init__(self, program: str, home: pathlib.Path):
        self.program = program
        # One of everything: what is shared is shared between processes.
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("QUARRY_")},
            "QUARRY_HOME": str(home),
            "QUARRY_WORKER_CONCURRENCY": "1",
            "QUARRY_EMBEDDING_CONCURRENCY": "1",
        }

    def run(self, *arguments: str) -> str:
        command = [self.program, *arguments]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([self.program, *arguments], env=self.environment, stderr=subprocess.DEVNULL)

    def number(self, statement: str, *flags: str) -> int:
        return int(self.run("psql", *flags, "--", "-X", "-qAtc", statement))

    def wait_until_zero(self, statement: str) -> None:
        """Looks through one session: a program started for every look would take the cores from what is measured."""
        command = [self.program, "psql", "--", "-X", "-qAt"]
        deadline = time.monotonic() + PATIENCE_S
        with subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            while True:
                psql.stdin.write(statement + ";\n")
                psql.stdin.flush()
                if int(psql.stdout.readline()) == 0:
                    return
                if time.monotonic() > deadline:
                    raise SystemExit(f"waited {PATIENCE_S} s: {statement}")
                time.sleep(0.05)


def stop(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def of_project(name: str) -> str:
    return f"project_id = (select id from projects where name = '{name}')"


def load(quarry: Quarry, repositories: list[pathlib.Path], project: str, workers: int) -> float:
    """Seconds of a cold index, the start of the workers not included, the vector index neither."""
    processes = [quarry.start("worker", "--projects", project) for _ in range(workers)]
    quarry.wait_until_zero(f"select {workers} - count(*) from workers where alive_until > clock_timestamp()")
    started = time.monotonic()
    for repository in repositories:
        quarry.run("index", str(repository), "--project", project)
    kinds = "kind in ('sync_repository', 'index_files')"
    quarry.wait_until_zero(f"select count(*) from jobs where {of_project(project)} and {kinds} and state <> 'idle'")
    seconds = time.monotonic() - started
    stop(processes)
    return seconds


def measure_speed_up(quarry: Quarry, repositories: list[pathlib.Path], numbers: list[int], name: str) -> None:
    alone = None
    for workers in numbers:
        project = f"{name}_{workers}"
        quarry.run("project", "create", project)
        seconds = load(quarry, repositories, project, workers)
        alone = alone or seconds * numbers[0]
        files = quarry.number("select count(*) from codebase.files", "--project", project)
        counted = "select coalesce(sum((counts ->> 'files_indexed')::bigint), 0) from runs where kind = 'index_files' and "
        twice = quarry.number(counted + of_project(project)) - files
        print(
            f"{name}, {len(repositories)} repositories, {workers} workers: {seconds:.1f} s, speed-up {alone / seconds:.1f}; {files} files, {twice} of them twice",
            flush=True,
        )
        quarry.run("project", "drop", project, "--yes")


def measure_fairness(quarry: Quarry, directory: pathlib.Path, other: pathlib.Path, saves: int) -> None:
    other.mkdir()
    saved = other / "saved.py"
    saved.write_text("saved = 0\n")
    quarry.run("index", str(other), "--project", "other", "--wait")
    worker = quarry.start("worker")
    quarry.run("index", str(directory), "--project", "load")
    waiting = f"select count(*) from jobs where kind = 'index_files' and state = 'leased' and {of_project('load')}"
    while quarry.number(waiting) == 0:
        time.sleep(0.05)
    taken = []
    for number in range(1, saves + 1):
        if quarry.number("select count(*) from dirty_files") == 0:
            break
        saved.write_text(f"saved = {number}\n")
        started = time.monotonic()
        quarry.run("index", str(other), "--project", "other", "--wait")
        taken.append(time.monotonic() - started)
    stop([worker])
    if not taken:
        raise SystemExit("the load was over before anything was saved: give it more files")
    print(
        f"one file saved in another project during the load, {len(taken)} times: p50 {statistics.median(taken):.2f} s,"
        f" slowest {max(taken):.2f} s (the command's own start included)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--quarry", default="target/release/quarry")
    parser.add_argument("--workers", default="1,2,4,8")
    parser.add_argument("--request-ms", type=float, default=50)
    parser.add_argument("--saves", type=int, default=20)
    arguments = parser.parse_args()
    numbers = [int(number) for number in arguments.workers.split(",")]
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        home = pathlib.Path(above) / "home"
        home.mkdir()
        quarry = Quarry(str(pathlib.Path(arguments.quarry).resolve()), home)
        command = [sys.executable, str(HERE / "slow_endpoint.py"), str(arguments.request_ms)]
        endpoint = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            print(f"load {os.getloadavg()[0]:.1f}", flush=True)
            quarry.environment["QUARRY_EMBEDDING_URL"] = endpoint.stdout.readline().strip()
            whole, parts = [arguments.directory], sorted(part for part in arguments.directory.iterdir() if part.is_dir())
            measure_speed_up(quarry, whole, numbers, "slow_endpoint")
            measure_speed_up(quarry, parts, numbers, "slow_endpoint_many")
            measure_fairness(quarry, arguments.directory, pathlib.Path(above) / "other", arguments.saves)
            del quarry.environment["QUARRY_EMBEDDING_URL"]
            measure_speed_up(quarry, whole, numbers, "built_in_model")
        finally:
            endpoint.terminate()
            subprocess.run([quarry.program, "down"], env=quarry.environment, stdout=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main()
