// What is measured. Each takes a system and a fresh database and returns one row of its table.
import { finished, kill, pause, start, startWorker, until } from "./processes.mjs";

/** Enqueue → start on an idle system, 20 requests a second, one worker process. Milliseconds. */
export async function latency(system, database) {
  const worker = await startWorker(system, database, "--tasks", "stamp");
  const count = 400;
  const enqueuing = start(system, ["enqueue", database.url, "--task", "stamp", "--count", `${count}`, "--rate", "20"]);
  const ready = worker.said("started", count);
  await finished(enqueuing);
  await ready;
  await kill(worker);
  const began = new Map(worker.stamps.filter((stamp) => stamp.what === "started").map((stamp) => [stamp.id, stamp.micros]));
  const waits = enqueuing.stamps.map((stamp) => (began.get(stamp.id) - stamp.micros) / 1000).sort((a, b) => a - b);
  const at = (percent) => Number(waits[Math.floor((waits.length * percent) / 100)].toFixed(1));
  return { "p50 ms": at(50), "p95 ms": at(95), "p99 ms": at(99) };
}

/** 50 000 jobs that do nothing, two worker processes, fetched and completed in batches. Jobs a second. */
export async function throughput(system, database) {
  const count = 50_000;
  await finished(start(system, ["fill", database.url, "--count", `${count}`]));
  const began = performance.now();
  const flags = ["--tasks", "noop", "--batched", "--concurrency", "24"];
  const workers = [start(system, ["work", database.url, ...flags]), start(system, ["work", database.url, ...flags])];
  const seconds = await until(300, async () => (await database.number(system.left)) === 0);
  for (const worker of workers) await kill(worker);
  if (seconds === null) return { "jobs/s": "not done in 300 s" };
  return { "jobs/s": Math.round(count / ((performance.now() - began) / 1000)) };
}

/** SIGKILL of a worker that runs a job → the job starts in another worker. Seconds; patience 60 s. */
export async function rescue(system, database) {
  const first = await startWorker(system, database, "--tasks", "hold");
  await finished(start(system, ["enqueue", database.url, "--task", "hold", "--count", "1", "--rate", "1000"]));
  await first.said("started");
  const second = await startWorker(system, database, "--tasks", "hold");
  await kill(first);
  const seconds = await until(60, () => second.stamps.some((stamp) => stamp.what === "started"));
  await kill(second);
  return { "started again after s": seconds === null ? "> 60" : Number(seconds.toFixed(1)), setting: system.rescue };
}

/** 10 000 saves of 100 files at 1 000 a second, two workers of four: how often a file is indexed for it. */
export async function coalescing(system, database) {
  const flags = ["--tasks", "index", "--concurrency", "4"];
  const workers = [await startWorker(system, database, ...flags), await startWorker(system, database, ...flags)];
  await finished(start(system, ["save", database.url, "--count", "10000", "--rate", "1000"]));
  const quiet = await until(120, async () => (await database.number(system.left)) === 0);
  for (const worker of workers) await kill(worker);
  return {
    "files indexed": await database.number("select count(*)::int as n from runs_of_files"),
    "quiet after the last save, s": quiet === null ? "> 120" : Number(quiet.toFixed(2)),
    "out of date at the end": await outOfDate(database),
  };
}

/** 100 saves a second for 20 s over 100 files, four workers, one of them killed and replaced every 500 ms. */
export async function kills(system, database) {
  const flags = ["--tasks", "index", "--concurrency", "4"];
  const workers = [];
  const replace = () => {
    const worker = start(system, ["work", database.url, ...flags]);
    workers.push(worker);
    return worker.said("ready").then(() => (worker.isReady = true));
  };
  await Promise.all([replace(), replace(), replace(), replace()]);
  const saving = start(system, ["save", database.url, "--count", "2000", "--rate", "100"]);
  let saves = true;
  saving.ended.then(() => (saves = false));
  let killed = 0;
  while (saves) {
    await pause(500);
    const victim = workers.find((worker) => worker.isReady);
    if (!victim) continue;
    workers.splice(workers.indexOf(victim), 1);
    await kill(victim);
    replace();
    killed++;
  }
  await finished(saving);
  const settled = await until(30, async () => (await outOfDate(database)) === 0);
  const row = {
    kills: killed,
    "out of date 30 s after the last save": settled === null ? await outOfDate(database) : 0,
    "index = tree after s": settled === null ? "> 30" : Number(settled.toFixed(1)),
  };
  for (const worker of workers) await kill(worker);
  return row;
}

const outOfDate = (database) =>
  database.number(
    "select count(*)::int as n from tree left join indexed using (path) where tree.version <> coalesce(indexed.version, -1) and tree.version > 0",
  );
