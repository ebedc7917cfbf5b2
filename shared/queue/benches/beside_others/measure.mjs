// Runs every measurement on every system, one after the other, each in a database of its own on one server.
//   node measure.mjs URL-OF-THE-SERVER [--only latency,throughput,rescue,coalescing,kills] [--rounds N]
import { parseArgs } from "node:util";
import { throughput, latency, rescue, coalescing, kills } from "./measurements.mjs";
import { freshDatabase } from "./processes.mjs";
import { systems } from "./systems.mjs";

const all = { latency, throughput, rescue, coalescing, kills };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string", default: Object.keys(all).join(",") }, rounds: { type: "string", default: "3" } },
});
const [server] = positionals;
if (!server) throw new Error("usage: node measure.mjs postgres://…/postgres [--only latency,…] [--rounds N]");

for (const name of values.only.split(",")) {
  const table = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const system of systems) {
      const database = await freshDatabase(server, system);
      try {
        const result = await all[name](system, database);
        (table[system.name] ??= []).push(result);
      } finally {
        await database.drop();
      }
    }
  }
  console.log(`\n${name}: median of ${values.rounds}`);
  console.table(Object.fromEntries(Object.entries(table).map(([system, results]) => [system, median(results)])));
}

function median(results) {
  const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const columns = Object.keys(results[0]);
  return Object.fromEntries(
    columns.map((column) => {
      const values = results.map((result) => result[column]);
      return [column, values.every((value) => typeof value === "number") ? middle(values) : values[0]];
    }),
  );
}
