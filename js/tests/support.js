/** What the tests share. Servers end with their test, and processes are looked for without waiting a fixed time. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "fhirlite";

export const PATIENT = { resourceType: "Patient", id: "a" };

/** A server that ends with the test. */
export async function served(t, options) {
  const server = await start(options);
  t.after(() => server.stop());
  return server;
}

/** A folder that goes with the test. */
export function folderOf(t) {
  const folder = mkdtempSync(join(tmpdir(), "fhirlite-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A shell script instead of the program, for this test. */
export function instead(t, script) {
  const path = join(folderOf(t), "program");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  named(t, path);
}

/** FHIRLITE_BINARY, for this test. */
export function named(t, path) {
  const before = process.env.FHIRLITE_BINARY;
  process.env.FHIRLITE_BINARY = path;
  t.after(() => {
    if (before === undefined) delete process.env.FHIRLITE_BINARY;
    else process.env.FHIRLITE_BINARY = before;
  });
}

/** The environment of a process that begins tests or npm of its own. */
export function environment() {
  const { NODE_TEST_CONTEXT, NODE_OPTIONS, ...rest } = process.env;
  return rest;
}

/** The JSON at a URL. No connection stays open. */
export async function get(url, headers = {}) {
  const response = await fetch(url, { headers: { Connection: "close", ...headers } });
  return response.json();
}

/** How many resources of a type the server has. */
export async function count(server, type) {
  return (await get(`${server.fhirUrl}/${type}?_summary=count`)).total;
}

/** False also for a process that has ended and that nobody has waited for: Linux and macOS call its state Z. */
export function isAlive(pid) {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return !["", "Z"].includes(stdout.trim().slice(0, 1));
}

/** Asks until it is true, for a minute at most. */
export async function until(isTrue) {
  const deadline = Date.now() + 60_000;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, "it did not become true within a minute");
    await new Promise(setImmediate);
  }
}

/** The lines of a manifest's files, after a kick-off at a FHIR base. */
export async function exportOf(base, { headers = {}, read = (response) => response.text() } = {}) {
  const kickoff = await fetch(`${base}/$export`, { headers: { Prefer: "respond-async", ...headers } });
  assert.equal(kickoff.status, 202, await kickoff.clone().text());
  const job = kickoff.headers.get("content-location");
  let status = await fetch(job, { headers });
  while (status.status === 202) status = await fetch(job, { headers });
  const texts = [];
  for (const { url } of (await status.json()).output) texts.push(await read(await fetch(url, { headers })));
  return texts.flatMap((text) => text.split("\n").filter(Boolean));
}
