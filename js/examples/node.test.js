/** Tests for node's runner: `node --test`. Each test has a server of its own. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "fhirlite";
import { exportAll } from "./exporter.js";

const patients = ["a", "b"].map((id) => ({ resourceType: "Patient", id }));

test("a cut download is tried again", async (t) => {
  const server = await start({ sources: patients });
  t.after(() => server.stop());
  await server.faults("file: cut_bytes=10; times=1");
  assert.equal((await exportAll(server.fhirUrl)).length, 2);
  assert.equal((await server.requests("GET", "*.ndjson")).length, 2);
});

test("the exporter waits for a slow export", async (t) => {
  const server = await start({ sources: patients, faults: ["status: polls=2; retry_after=0"] });
  t.after(() => server.stop());
  assert.equal((await exportAll(server.fhirUrl)).length, 2);
});
