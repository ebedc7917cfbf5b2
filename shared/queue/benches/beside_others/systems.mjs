// The systems that are compared, each behind the same five commands: prepare, work, enqueue, fill, save.
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const node = (file) => (args) => [process.execPath, [here(file), ...args]];

export const systems = [
  {
    name: "quarry",
    program: (args) => [here("../../../../target/release/examples/beside_others"), args],
    left: "select count(*)::int as n from jobs where state <> 'idle'",
    rescue: "leases of 8 s, its default",
  },
  {
    name: "graphile-worker",
    program: node("graphile.mjs"),
    left: "select count(*)::int as n from graphile_worker._private_jobs",
    rescue: "4 h, fixed",
  },
  {
    name: "pg-boss",
    program: node("pg_boss.mjs"),
    left: "select count(*)::int as n from pgboss.job where state in ('created', 'retry', 'active')",
    rescue: "heartbeat of 10 s, the shortest it allows; 15 min without",
  },
];
