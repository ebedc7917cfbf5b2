// TypeScript clients of other people against the server: `client.mjs v1|v2 URL COMMAND…`. Each is driven over HTTP and over
// standard input and output: a call, an error's text, progress while a job is waited for, and giving up.
import assert from "node:assert/strict";

const [which, url, command, ...args] = process.argv.slice(2);
const query = "claim a job for a worker";

async function v1() {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const make = () => new Client({ name: "typescript-v1", version: "1" });
  const call = (client, params, options) => client.callTool(params, undefined, options);
  await check("v1 http", make(), new StreamableHTTPClientTransport(new URL(url)), call);
  await check("v1 stdio", make(), new StdioClientTransport({ command, args, env: process.env, stderr: "ignore" }), call);
}

async function v2() {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const make = () => new Client({ name: "typescript-v2", version: "2" });
  const call = (client, params, options) => client.callTool(params, options);
  await check("v2 http", make(), new StreamableHTTPClientTransport(new URL(url)), call);
  await check("v2 stdio", make(), new StdioClientTransport({ command, args, env: process.env, stderr: "ignore" }), call);
}

async function check(who, client, transport, call) {
  await client.connect(transport);
  const found = await call(client, { name: "search_code", arguments: { query } });
  assert.equal(found.structuredContent.hits[0].path, "src/claim.rs", who);
  const refused = await call(client, { name: "search_code", arguments: { qurey: query } });
  assert.ok(refused.isError && refused.content[0].text.includes("takes no argument `qurey`"), who);

  // The job cannot end: the worker of this check is stopped. So the call goes on until it is given up.
  const giveUp = new AbortController();
  const notes = [];
  const waiting = call(
    client,
    { name: "index_repository", arguments: { path: ".", wait_s: 30, mode: "full" } },
    { signal: giveUp.signal, onprogress: (note) => { notes.push(note); giveUp.abort("enough"); } },
  );
  await assert.rejects(waiting, `${who}: a call that was given up`);
  assert.ok(notes.length > 0, `${who}: no progress note`);
  await until(who, async () => {
    const listed = await call(client, { name: "list_jobs", arguments: { limit: 1 } });
    return listed.structuredContent.jobs[0].state === "cancelled";
  });
  await client.close();
  console.log(`${who}: called, refused, told about ${JSON.stringify(notes[0].message)}, given up, job cancelled`);
}

async function until(who, holds) {
  for (let tries = 0; tries < 100; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`${who}: the job of the call that was given up goes on`);
}

await { v1, v2 }[which]();
