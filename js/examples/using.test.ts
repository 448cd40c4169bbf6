/** A test in TypeScript with `await using`, which ends what it names with the block. Node 24 runs it as it is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "fhirlite";
import { exportAll } from "./exporter.js";

test("an exporter with a token survives a cut download", async () => {
  await using server = await start({ auth: true, sources: [{ resourceType: "Patient", id: "a" }] });
  const client = await server.client({ scopes: "system/*.rs" });
  {
    await using _ = await server.faults({ at: "file", cut_bytes: 10, times: 1 });
    assert.equal((await exportAll(server.fhirUrl, await client.token())).length, 1);
  }
  assert.equal((await server.requests("GET", "*.ndjson")).length, 2);
});
