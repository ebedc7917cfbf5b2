#!/usr/bin/env python3
"""How good are the answers? Assembles the packages, indexes them with the built `quarry`, asks every query in every way and prints the tables.

usage: run.py [--split dev|test|both] [--set NAME] [--way WAY]… [--compare ONE OTHER]… [--keep] [--profile release|debug]

A WAY is NAME=MODE[,WEIGHT=VALUE]…; see README.md. The corpora, the index and the hits lie in target/search_quality.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import assemble
import generate
import questions
from score import Judged

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WAYS = ["bm25=bm25", "dense=semantic,neutral", "hybrid-unranked=hybrid,neutral", "lexical=lexical", "hybrid=hybrid"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=["dev", "test", "both"], default="both")
    parser.add_argument("--set", action="append", help="docstring, question, lookup or howto")
    parser.add_argument("--way", action="append")
    parser.add_argument("--compare", nargs=2, action="append", metavar=("ONE", "OTHER"))
    parser.add_argument("--keep", action="store_true", help="ask the index that an earlier run left")
    parser.add_argument("--profile", choices=["release", "debug"], default="release")
    parser.add_argument("--by", choices=["category", "language"], action="append", default=[])
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "search_quality")
    arguments = parser.parse_args()
    work = arguments.work
    started = time.monotonic()
    packages = assemble.assemble(work / "archives", work / "trees")
    queries = all_queries(packages, work)
    build(arguments.profile)
    environment = dict(os.environ, QUARRY_HOME=str(work / "home"), QUARRY_LOG="warn")
    quarry = ROOT / "target" / arguments.profile / "quarry"
    splits = ["dev", "test"] if arguments.split == "both" else [arguments.split]
    asked = [query for query in queries if query["split"] in splits and (not arguments.set or query["set"] in arguments.set)]
    if not arguments.keep:
        index(quarry, environment, work, asked)
    (work / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in asked))
    hits = work / "hits.jsonl"
    example = ROOT / "target" / arguments.profile / "examples" / "search_quality"
    subprocess.run([example, work / "queries.jsonl", hits, *(arguments.way or WAYS)], env=environment, check=True)
    judged = Judged(asked, hits)
    for split in splits:
        print("\n" + judged.table(split))
        for by in arguments.by:
            print("\n" + judged.table(split, by))
        print("\n" + judged.measures(split))
        for one, other in arguments.compare or ([] if arguments.way else [("hybrid", "bm25"), ("hybrid", "lexical")]):
            print("\n" + judged.compare(one, other, split))
    subprocess.run([quarry, "down"], env=environment, check=False, capture_output=True)
    print(f"\n{len(asked)} queries over {len(packages)} packages in {time.monotonic() - started:.0f} s")


def all_queries(packages: list, work: pathlib.Path) -> list[dict]:
    trees, stripped = work / "trees", work / "stripped"
    queries = []
    for package in packages:
        if package.pool:
            continue
        texts = generate.read_tree(trees / package.name)
        for query in generate.documentation_queries(package, texts, stripped / package.name):
            queries.append(query | {"project": project_name(package.name) + "_stripped"})
        written = HERE / "questions" / f"{package.name}.txt"
        for query in generate.lookup_queries(package, texts) + questions.hand_written(written, trees / package.name, package, "question"):
            queries.append(query | {"project": project_name(package.name)})
    for query in questions.hand_written(HERE / "questions" / "web.txt", trees / "web", None, "howto"):
        queries.append(query | {"project": "web"})
    return [query | {"id": f"{number:04}"} for number, query in enumerate(queries)]


def project_name(name: str) -> str:
    return name.replace("-", "_")


def build(profile: str) -> None:
    flags = ["--release"] if profile == "release" else []
    subprocess.run(["cargo", "build", "-q", *flags, "-p", "quarry-worker", "--bins", "--example", "search_quality"], cwd=ROOT, check=True)


def index(quarry: pathlib.Path, environment: dict, work: pathlib.Path, queries: list[dict]) -> None:
    trees = {query["project"]: work / ("stripped" if query["project"].endswith("_stripped") else "trees") / query["tree"] for query in queries}
    for project, tree in sorted(trees.items()):
        started = time.monotonic()
        report = subprocess.run([quarry, "index", tree, "--project", project, "--wait", "--json"], env=environment, check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        report = json.loads(report)
        print(f"{project}: {report['files_total']} files, {report['chunks']} chunks, {time.monotonic() - started:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
