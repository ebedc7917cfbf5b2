#!/usr/bin/env python3
"""Measures the MCP server as agents meet it: cold start, memory, many clients at once, and a Postgres that goes away.

usage: measure.py DIRECTORY [--quarry PROGRAM] [--searches N] [--only cold,memory,load,away]

Works on a copy of DIRECTORY, indexed with the built-in model into a home and a Postgres of its own, both ended at the end:
  cold    `quarry mcp` over standard input and output, from its start to the first answers, 25 times
  memory  of a server that has answered 100 searches and is idle
  load    over HTTP, N searches each, all different: one client, 16 clients that do not pause, 16 that pause as agents do
  away    over HTTP, 16 clients while Postgres is stopped for 30 s
"""
import argparse
import contextlib
import os
import pathlib
import random
import threading
import time

from clients import Answer, Http, HttpServer, Stdio
from home import PROJECT, Home
from processes import cpu_s, memory_mib
from questions import questions

STARTS = 25
CLIENTS = 16
SEARCHES_BEFORE_IDLE = 100
IDLE_S = 10

# An agent reads what it got and thinks before it asks again; few ask more than once in some seconds.
PAUSE_S = 1.0

AWAY_S = 30
AROUND_S = 8
AWAY_PAUSE_S = 0.5


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))] * 1000


def spread(values: list[float]) -> str:
    parts = [f"p{share * 100:.0f} {percentile(values, share):.1f}" for share in (0.5, 0.95, 0.99)]
    return f"{', '.join(parts)}, slowest {max(values) * 1000:.1f} ms"


def search(client: Http | Stdio, question: str) -> Answer:
    return client.call("search_code", {"query": question})


def measure_cold_start(home: Home, asked: list[str]) -> None:
    greeted, answered = [], []
    for number in range(STARTS):
        client = Stdio([home.quarry, "mcp"], home.environment, str(home.tree))
        answer = search(client, asked[number])
        if answer.failed:
            raise SystemExit(answer.text)
        greeted.append(client.greeted_s)
        answered.append(answer.ended - client.started)
        client.close()
    print(f"cold start to the answer to initialize: {spread(greeted)}")
    print(f"cold start to the answer of search_code: {spread(answered)} (wanted: p50 300)", flush=True)


def measure_memory(home: Home, asked: list[str]) -> None:
    client = Stdio([home.quarry, "mcp"], home.environment, str(home.tree))
    greeted = memory_mib(client.process.pid)
    for question in asked[:SEARCHES_BEFORE_IDLE]:
        search(client, question)
    time.sleep(IDLE_S)
    idle = memory_mib(client.process.pid)
    client.close()
    for when, memory in (("greeted", greeted), (f"idle after {SEARCHES_BEFORE_IDLE} searches", idle)):
        print(f"memory, {when}: " + ", ".join(f"{name} {mib:.1f} MiB" for name, mib in memory.items()), flush=True)


def searched_by(address: str, clients: int, asked: list[str], pause_s: float) -> list[Answer]:
    """Each client takes the next question when it has its answer and has paused."""
    left, answers, begin = iter(asked), [], threading.Barrier(clients)
    lock = threading.Lock()

    def one(number: int) -> None:
        client, pauses = Http(address), random.Random(number)
        begin.wait()
        time.sleep(pauses.uniform(0, pause_s))
        while True:
            with lock:
                question = next(left, None)
            if question is None:
                return
            answers.append(search(client, question))
            time.sleep(pauses.expovariate(1 / pause_s) if pause_s else 0)

    together(clients, one)
    return answers


def together(clients: int, one) -> None:
    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure_load(home: Home, server: HttpServer, asked: list[str], count: int) -> None:
    searched_by(server.address, 1, asked[-50:], 0)
    paid_by = {"server": server.process.pid, "Postgres": home.postgres_pid(), "model": home.model_pid()}
    base = None
    for number, (clients, pause_s, how) in enumerate(
        ((1, 0, "one client"), (CLIENTS, 0, f"{CLIENTS} clients without pauses"),
         (CLIENTS, PAUSE_S, f"{CLIENTS} clients with pauses of {PAUSE_S:.0f} s on average"))
    ):
        before, started = {name: cpu_s(pid) for name, pid in paid_by.items()}, time.monotonic()
        answers = searched_by(server.address, clients, asked[number * count : (number + 1) * count], pause_s)
        taken = time.monotonic() - started
        seconds = [answer.seconds for answer in answers]
        errors = [answer.text for answer in answers if answer.failed]
        base = base or percentile(seconds, 0.95)
        cost = ", ".join(f"{name} {(cpu_s(pid) - before[name]) / count * 1000:.1f}" for name, pid in paid_by.items())
        print(f"{how}: {spread(seconds)}, {count / taken:.0f} searches/s, {len(errors)} errors,"
              f" p95 {percentile(seconds, 0.95) / base:.1f} of one client's; CPU ms a search: {cost}", flush=True)
        for error in sorted(set(errors))[:3]:
            print(f"  {error}")
    print("memory of that server: " + ", ".join(f"{name} {mib:.1f} MiB" for name, mib in memory_mib(server.process.pid).items()))


def measure_away(home: Home, server: HttpServer, asked: list[str]) -> None:
    answers: list[Answer] = []
    over, left, lock = threading.Event(), iter(asked * 10), threading.Lock()

    def one(number: int) -> None:
        client, pauses = Http(server.address), random.Random(number)
        while not over.wait(pauses.expovariate(1 / AWAY_PAUSE_S)):
            with lock:
                question = next(left)
            answers.append(search(client, question))

    asking = threading.Thread(target=together, args=(CLIENTS, one))
    asking.start()
    time.sleep(AROUND_S)
    home.stop_postgres()
    gone = time.monotonic()
    time.sleep(AWAY_S)
    started = time.monotonic()
    home.start_postgres()
    back = time.monotonic()
    time.sleep(AROUND_S)
    over.set()
    asking.join()
    during = [answer for answer in answers if gone <= answer.started and answer.ended <= started]
    first = min((answer.ended for answer in answers if answer.ended > started and not answer.failed), default=None)
    failures = [answer for answer in during if answer.failed]
    told = [answer for answer in failures if "is Postgres running?" in answer.text]
    print(f"Postgres away for {started - gone:.0f} s: {len(during)} calls meanwhile, {len(failures)} failed,"
          f" {len(told)} of them said so; {spread([answer.seconds for answer in during])} (wanted: p95 2500)")
    print(f"  for example: {during[len(during) // 2].text}")
    if first is None:
        raise SystemExit("the server never answered again")
    late = [answer for answer in answers if answer.started > back and answer.failed]
    print(f"Postgres back: first answer {max(0.0, first - back):.2f} s after it took connections (wanted: 3),"
          f" {len(late)} calls made after that failed", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--quarry", default="target/release/quarry", type=os.path.abspath)
    parser.add_argument("--searches", default=1_000, type=int)
    parser.add_argument("--only", default="cold,memory,load,away")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    count = arguments.searches
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    asked = questions(arguments.directory, 3 * count + 50)
    home = Home(arguments.quarry, arguments.directory)
    try:
        report = home.index()
        print(f"{report['files_indexed']} files, {report['chunks']} chunks in project {PROJECT}", flush=True)
        if "cold" in parts:
            measure_cold_start(home, asked)
        if "memory" in parts:
            measure_memory(home, asked)
        serving = lambda: contextlib.closing(HttpServer(home.quarry, home.environment, str(home.tree)))
        if "load" in parts:
            with serving() as server:
                measure_load(home, server, asked, count)
        if "away" in parts:
            with serving() as server:
                measure_away(home, server, asked)
    finally:
        home.end()


if __name__ == "__main__":
    main()
