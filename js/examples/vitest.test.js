/** Tests for vitest: `npx vitest run`. They share a server; each finds it as it was at its start. */

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { start } from "fhirlite";
import { exportAll } from "./exporter.js";

let server;
beforeAll(async () => {
  server = await start({ sources: ["a", "b"].map((id) => ({ resourceType: "Patient", id })) });
});
beforeEach(() => server.reset());
afterAll(() => server.stop());

test("a cut download is tried again", async () => {
  await server.faults("file: cut_bytes=10; times=1");
  expect(await exportAll(server.fhirUrl)).toHaveLength(2);
  expect(await server.requests("GET", "*.ndjson")).toHaveLength(2);
});

test("four cut downloads are too many", async () => {
  await server.add({ resourceType: "Patient", id: "c" });
  await server.faults("file: cut_bytes=10; times=4");
  await expect(exportAll(server.fhirUrl)).rejects.toThrow();
});

test("the test before left nothing", async () => {
  expect(await exportAll(server.fhirUrl)).toHaveLength(2);
});
