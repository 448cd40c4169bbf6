/** The server as a process: how it starts, ends, and says what went wrong. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { FhirliteError, findFhirliteBinary, start } from "fhirlite";
import { PATIENT, count, environment, folderOf, get, instead, isAlive, named, served, until } from "./support.js";

const INDEX = import.meta.resolve("fhirlite");

test("it starts and ends", async () => {
  const server = await start();
  assert.equal(server.url, `http://127.0.0.1:${server.port}`);
  assert.ok(isAlive(server.pid));
  assert.equal(await server.stop(), 0);
  assert.ok(!isAlive(server.pid));
  assert.equal(await server.stop(), 0);
});

test("it has its URLs", async (t) => {
  const server = await served(t);
  assert.equal(server.fhirUrl, `${server.url}/fhir`);
  assert.equal(server.oneupUrl, `${server.url}/bulk-data/r4`);
  assert.equal((await get(`${server.fhirUrl}/metadata`)).resourceType, "CapabilityStatement");
  assert.deepEqual((await get(`${server.oneupUrl}/$export`)).output, []);
  const asked = await served(t, { auth: true });
  assert.equal((await get(`${asked.fhirUrl}/.well-known/smart-configuration`)).token_endpoint, asked.tokenUrl);
});

test("it begins with files and resources", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "b.ndjson"), '{"resourceType":"Patient","id":"b"}\n{"resourceType":"Patient","id":"c"}\n');
  const server = await served(t, { sources: [folder, PATIENT] });
  assert.equal(await count(server, "Patient"), 3);
});

test("a store is served as a copy", async (t) => {
  const folder = folderOf(t);
  const store = join(folder, "s.db");
  writeFileSync(join(folder, "a.json"), JSON.stringify(PATIENT));
  const imported = spawnSync(findFhirliteBinary(), ["import", store, join(folder, "a.json")]);
  assert.equal(imported.status, 0);
  const first = await served(t, { store });
  assert.equal(first.store, store);
  await first.add({ ...PATIENT, id: "b" });
  assert.equal(await count(first, "Patient"), 2);
  const second = await served(t, { store });
  assert.equal(await count(second, "Patient"), 1);
});

test("more arguments reach the program", async (t) => {
  const server = await served(t, { arguments: ["--base-url", "http://fixture.example"] });
  const manifest = await get(`${server.oneupUrl}/$export`);
  assert.match(manifest.request, /^http:\/\/fixture\.example\//);
});

test("a seed fixes the ids of jobs", async (t) => {
  const jobs = [];
  for (const seed of [7, 7, 8]) {
    const server = await served(t, { seed, sources: [PATIENT] });
    const kickoff = await fetch(`${server.fhirUrl}/$export`, { headers: { Prefer: "respond-async" } });
    jobs.push(new URL(kickoff.headers.get("content-location")).pathname);
  }
  assert.equal(jobs[0], jobs[1]);
  assert.notEqual(jobs[0], jobs[2]);
});

for (const [name, options, words] of [
  ["a path that is not there", { sources: ["/none.ndjson"] }, ["exit code 3", "/none.ndjson"]],
  ["an argument that is not there", { arguments: ["--nothing"] }, ["exit code 2", "--nothing"]],
  ["a wrong rule", { faults: ["file: wrong"] }, ["exit code 2", '"wrong" is no member']],
]) {
  test(`what went wrong at the start is said: ${name}`, async () => {
    await assert.rejects(start(options), (error) => {
      assert.ok(error instanceof FhirliteError);
      for (const word of words) assert.ok(error.message.includes(word), error.message);
      return true;
    });
  });
}

test("a program that says something else is an error", async (t) => {
  instead(t, "echo listening on somewhere; echo a remark >&2");
  await assert.rejects(start(), /did not say that it is ready .*: listening on somewhere\n/);
});

test("a program that says nothing is an error", async (t) => {
  instead(t, "exec cat");
  await assert.rejects(start({ timeout: 200 }), /not ready within 200 ms/);
});

test("a program that cannot be run is an error", async (t) => {
  named(t, fileURLToPath(import.meta.url));
  await assert.rejects(start(), /EACCES|did not say/);
});

test("a program that does not end is killed", async (t) => {
  instead(t, `echo "{\\"url\\":\\"http://127.0.0.1:1\\",\\"port\\":1,\\"pid\\":$$}"; exec sleep 600`);
  const server = await start({ timeout: 200 });
  assert.equal(await server.stop(), null);
  assert.ok(!isAlive(server.pid));
});

/** Runs code that starts a server and prints its process id; waits until both have ended. */
async function endsWith(t, code) {
  const begin = `import { start } from "${INDEX}"; const server = await start(); console.log(server.pid);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", begin + code], { env: environment() });
  t.after(() => child.kill("SIGKILL"));
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  const exit = await new Promise((resolve) => child.on("exit", (code, signal) => resolve(signal ?? code)));
  const pid = Number(chunks.join(""));
  assert.ok(pid > 0);
  await until(() => !isAlive(pid));
  return exit;
}

test("it ends with the process that started it", async (t) => {
  assert.equal(await endsWith(t, "process.exit(0);"), 0);
  assert.equal(await endsWith(t, 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000);'), "SIGKILL");
});

test("a forgotten server keeps no process alive", async (t) => {
  assert.equal(await endsWith(t, "await server.requests();"), 0);
});

test("it has a log", async (t) => {
  const server = await served(t);
  await until(() => server.log.includes("SIMULATION"));
});

test("a server is disposed of", async () => {
  const server = await start();
  await server[Symbol.asyncDispose]();
  assert.ok(!isAlive(server.pid));
});

test("a server that is gone is an error", async () => {
  const server = await start();
  await server.stop();
  await assert.rejects(server.requests(), { name: "FhirliteError", message: /^GET \/requests: .*ECONNREFUSED/ });
});

test("twenty servers run beside each other", async () => {
  const servers = await Promise.all(Array.from({ length: 20 }, () => start({ sources: [PATIENT] })));
  assert.equal(new Set(servers.map((server) => server.port)).size, 20);
  await Promise.all(servers.map((server) => server.stop()));
});

test("twenty tests with a server and a store each", async (t) => {
  const begin = performance.now();
  for (let number = 0; number < 20; number++) {
    const server = await start({ sources: [PATIENT] });
    assert.equal(await count(server, "Patient"), 1);
    await server.stop();
  }
  t.diagnostic(`twenty servers one after the other: ${((performance.now() - begin) / 1000).toFixed(2)} s`);
});
