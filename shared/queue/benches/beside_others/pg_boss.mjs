// pg-boss as its documentation sets it up, with its listener and its heartbeat switched on.
import { PgBoss } from "pg-boss";
import pg from "pg";
import { indexFile, parse, saveFile, stamp } from "./shared_steps.mjs";

const QUEUES = ["noop", "stamp", "hold", "index"];
const { command, connectionString, options } = parse();
const boss = new PgBoss({ connectionString, max: 12, useListenNotify: true });
boss.on("error", () => {});
const commands = { prepare, work, enqueue, fill, save };
await boss.start();
await commands[command]();
if (command !== "work") await boss.stop({ graceful: false });

async function prepare() {
  // `short`: one waiting job per key beside the one that runs. Ten seconds is the shortest heartbeat it allows.
  for (const name of QUEUES) {
    const policy = name === "index" ? "short" : "standard";
    await boss.createQueue(name, { notify: true, heartbeatSeconds: 10, policy });
  }
}

async function work() {
  const files = new pg.Pool({ connectionString, max: 10 });
  const each = (handle) => async (jobs) => {
    for (const job of jobs) await handle(job.data);
  };
  const tasks = {
    noop: () => {},
    stamp: ({ id }) => stamp("started", id),
    hold: ({ id }) => (stamp("started", id), new Promise(() => {})),
    index: ({ path }) => indexFile(files, path),
  };
  const batchSize = options.batched ? 500 : 1;
  const localConcurrency = Number(options.concurrency ?? 1);
  const pace = { pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5, batchSize, localConcurrency };
  for (const name of (options.tasks ?? "stamp").split(",")) await boss.work(name, pace, each(tasks[name]));
  stamp("ready", 0);
}

async function enqueue() {
  for (let id = 0; id < Number(options.count); id++) {
    await new Promise((wake) => setTimeout(wake, 1000 / Number(options.rate)));
    stamp("enqueued", id);
    await boss.send(options.task, { id });
  }
}

async function fill() {
  for (let rest = Number(options.count); rest > 0; rest -= 10_000) {
    await boss.insert("noop", Array.from({ length: Math.min(rest, 10_000) }, () => ({ data: {} })));
  }
}

async function save() {
  const files = new pg.Pool({ connectionString, max: 1 });
  await saveFile(files, options, (path) => boss.send("index", { path }, { singletonKey: path }));
  await files.end();
}
