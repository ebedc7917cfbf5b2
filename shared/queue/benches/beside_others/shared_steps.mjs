// What the programs of all systems do alike: arguments, stamps on standard output, saving and indexing a "file", which is a
// row with a version. Indexing reads the version, works for twenty milliseconds and writes the version it has read.
import { writeSync } from "node:fs";
import { parseArgs } from "node:util";

export function parse() {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { concurrency: text, tasks: text, task: text, count: text, rate: text, batched: { type: "boolean" } },
  });
  const [command, connectionString] = positionals;
  return { command, connectionString, options: values };
}

// Written at once, so that a killed process has said everything it did. Microseconds since 1970.
export function stamp(what, id) {
  const micros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  writeSync(1, `${what} ${id} ${micros}\n`);
}

export async function saveFile(files, options, enqueue) {
  const [count, rate] = [Number(options.count), Number(options.rate)];
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const early = began + (n * 1000) / rate - performance.now();
    if (early > 1) await new Promise((wake) => setTimeout(wake, early));
    const path = `f${(n * 37) % 100}`;
    await files.query("update tree set version = version + 1 where path = $1", [path]);
    await enqueue(path);
  }
}

export async function indexFile(files, path) {
  const { rows } = await files.query("select version from tree where path = $1", [path]);
  await new Promise((wake) => setTimeout(wake, 20));
  await files.query(
    `with counted as (insert into runs_of_files (path) values ($1))
     insert into indexed (path, version) values ($1, $2) on conflict (path) do update set version = excluded.version`,
    [path, rows[0].version],
  );
}
