// graphile-worker as its documentation sets it up. A worker process prints `ready` and one line per started job.
import { makeWorkerUtils, run, Logger } from "graphile-worker";
import pg from "pg";
import { indexFile, parse, saveFile, stamp } from "./shared_steps.mjs";

const { command, connectionString, options } = parse();
const silent = new Logger(() => () => {});
const commands = { prepare, work, enqueue, fill, save };
await commands[command]();

async function prepare() {
  const utils = await makeWorkerUtils({ connectionString, logger: silent });
  await utils.migrate();
  await utils.release();
}

async function work() {
  const files = new pg.Pool({ connectionString, max: 10 });
  const tasks = {
    noop: () => {},
    stamp: ({ id }) => stamp("started", id),
    hold: ({ id }) => (stamp("started", id), new Promise(() => {})),
    index: ({ path }) => indexFile(files, path),
  };
  // What its documentation recommends for throughput: fetch and complete in batches.
  const batched = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
  const runner = await run({
    connectionString,
    logger: silent,
    concurrency: Number(options.concurrency ?? 1),
    maxPoolSize: 12,
    noHandleSignals: true,
    parsedCronItems: [],
    taskList: tasks,
    ...(options.batched ? { preset: { worker: batched } } : {}),
  });
  stamp("ready", 0);
  await runner.promise;
}

async function enqueue() {
  const utils = await makeWorkerUtils({ connectionString, logger: silent });
  for (let id = 0; id < Number(options.count); id++) {
    await new Promise((wake) => setTimeout(wake, 1000 / Number(options.rate)));
    stamp("enqueued", id);
    await utils.addJob(options.task, { id });
  }
  await utils.release();
}

async function fill() {
  const pool = new pg.Pool({ connectionString });
  await pool.query(
    "select graphile_worker.add_jobs(array(select row('noop', '{}', null, null, null, null, null, null)::graphile_worker.job_spec from generate_series(1, $1::int)))",
    [options.count],
  );
  await pool.end();
}

// One job per path: a save that meets its waiting job joins it.
async function save() {
  const utils = await makeWorkerUtils({ connectionString, logger: silent });
  const files = new pg.Pool({ connectionString, max: 1 });
  await saveFile(files, options, (path) => utils.addJob("index", { path }, { jobKey: path }));
  await files.end();
  await utils.release();
}
