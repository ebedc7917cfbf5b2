#!/usr/bin/env python3
"""Measures `quarry index --wait` on a tree: cold, with nothing changed, with one file changed.

usage: measure.py DIRECTORY [--quarry PROGRAM]

Makes and drops a project of its own; the tree gets one comment line. Peak memory is that of the command, which is the
worker here: Postgres and the embedding endpoint are processes of their own.
"""
import argparse
import json
import os
import pathlib
import subprocess
import time

PROJECT = "cold_index_benchmark"


def run(program: str, *arguments: str) -> tuple[dict, float, float, int]:
    """Returns (report, wall s, CPU s, peak KiB) of one command."""
    started = time.monotonic()
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{program} {' '.join(arguments)} failed")
    return json.loads(output), time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--quarry", default="target/release/quarry")
    arguments = parser.parse_args()
    drop = [arguments.quarry, "project", "drop", PROJECT, "--yes"]
    subprocess.run(drop, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    index = ["index", str(arguments.directory), "--project", PROJECT, "--wait", "--json"]
    print(f"load {os.getloadavg()[0]:.1f}")
    for name in ("cold", "nothing changed", "one file changed"):
        if name == "one file changed":
            changed = sorted(arguments.directory.rglob("*.py"))[0]
            changed.write_text(changed.read_text() + f"\n# {time.time()}\n")
        report, wall, cpu, peak = run(arguments.quarry, *index)
        print(f"{name}: {wall:.2f} s wall, {cpu:.2f} s CPU, {peak / 1024:.0f} MiB peak; "
              f"{report['files_total']} files, {report['files_indexed']} indexed, {report['chunks']} chunks")
        if name == "cold":
            print("  stages, ms summed over threads: " + ", ".join(f"{stage} {ms}" for stage, ms in report["stage_ms"].items()))
    subprocess.run(drop, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
