// Databases and processes of a measurement. Every process that was started is ended.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import pg from "pg";

export async function freshDatabase(server, system) {
  const name = `beside_others_${process.pid}_${system.name.replace("-", "_")}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  await finished(start(system, ["prepare", url.href]));
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query(`
    create table tree as select 'f' || n as path, 0::bigint as version from generate_series(0, 99) as n;
    alter table tree add primary key (path);
    create table indexed (path text primary key, version bigint not null);
    create table runs_of_files (path text not null)`);
  return {
    url: url.href,
    number: async (query) => (await client.query(query)).rows[0].n,
    async drop() {
      await client.end();
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

export function start(system, args) {
  const [file, all] = system.program(args.filter((arg) => arg !== null));
  const child = spawn(file, all, { stdio: ["ignore", "pipe", "inherit"] });
  const stamps = [];
  const waiting = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [what, id, micros] = line.split(" ");
    stamps.push({ what, id: Number(id), micros: Number(micros) });
    for (const look of waiting) look();
  });
  const ended = new Promise((end) => child.on("close", end));
  const said = (what, count = 1) =>
    new Promise((resolve, reject) => {
      const look = () => stamps.filter((stamp) => stamp.what === what).length >= count && resolve();
      waiting.push(look);
      ended.then(() => reject(new Error(`${system.name} ${args[0]} ended before it said ${what}`)));
      look();
    });
  return { child, stamps, said, ended };
}

export async function startWorker(system, database, ...flags) {
  const worker = start(system, ["work", database.url, ...flags]);
  await worker.said("ready");
  return worker;
}

export async function finished(process) {
  const status = await process.ended;
  if (status !== 0) throw new Error(`a program of the measurement ended with status ${status}`);
  return process;
}

export async function kill(process) {
  process.child.kill("SIGKILL");
  await process.ended;
}

export const pause = (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds));

export async function until(seconds, holds) {
  const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    if (await holds()) return (performance.now() - began) / 1000;
    await pause(10);
  }
  return null;
}
