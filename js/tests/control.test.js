/** What a test asks of a server: resources, rules, requests, the clock, clients and users. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { PATIENT, count, exportOf, folderOf, get, served } from "./support.js";

test("resources are added, replaced and deleted", async (t) => {
  const server = await served(t);
  await server.add(PATIENT, { ...PATIENT, id: "b" });
  await server.add({ ...PATIENT, active: true });
  assert.equal(await count(server, "Patient"), 2);
  assert.equal((await get(`${server.fhirUrl}/Patient/a`)).active, true);
  await server.delete("Patient/a", "Patient/b");
  assert.equal(await count(server, "Patient"), 0);
});

test("files and folders are added, compressed too", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "a.ndjson"), '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n');
  writeFileSync(join(folder, "b.json.gz"), gzipSync('{"resourceType":"Patient","id":"c"}'));
  writeFileSync(join(folder, "notes.txt"), "not FHIR");
  const server = await served(t);
  await server.add(join(folder, "a.ndjson"), { ...PATIENT, id: "d" });
  assert.equal(await count(server, "Patient"), 3);
  await server.add(folder);
  assert.equal(await count(server, "Patient"), 4);
});

test("what cannot be added is said", async (t) => {
  const folder = folderOf(t);
  const wrong = join(folder, "wrong.ndjson");
  writeFileSync(wrong, '{"resourceType":"Patient","id":"a"}\n{"id":"b"}\n');
  const server = await served(t);
  await assert.rejects(server.add(wrong), (error) => error.message.startsWith(`${wrong}: POST /import: body:2: `));
  await assert.rejects(server.add("/none.json"), /^FhirliteError: \/none\.json: ENOENT/);
  await assert.rejects(server.add({ ...PATIENT, id: "a b" }), /id "a b"/);
  await assert.rejects(server.add({ id: "a" }), /takes resources, paths, and \{sample, user\}, not \{"id":"a"\}/);
  await assert.rejects(server.add(undefined), /takes resources/);
  writeFileSync(wrong, "");
  await assert.rejects(server.add(folderOf(t)), /there is no \.json/);
  assert.equal(await count(server, "Patient"), 0);
});

test("the sample data are there, after a reset too", async (t) => {
  const server = await served(t, { sample: true });
  assert.equal(await count(server, "Patient"), 25);
  await server.add({ ...PATIENT, id: "one-more" });
  await server.reset();
  assert.equal(await count(server, "Patient"), 25);
});

test("the sample data come later", async (t) => {
  const server = await served(t);
  await server.add({ sample: true }, PATIENT);
  assert.equal(await count(server, "Patient"), 26);
  await server.reset();
  assert.equal(await count(server, "Patient"), 0);
});

test("faults are in force and put back", async (t) => {
  const first = { at: "status", polls: 1 };
  const server = await served(t, { faults: ["status: polls=1"] });
  const rules = ["file: bom", { at: "read", status: 500 }];
  const faults = await server.faults(...rules);
  assert.deepEqual(await get(`${server.url}/faults`), [{ at: "file", bom: true }, { at: "read", status: 500 }]);
  await faults.restore();
  assert.deepEqual(await get(`${server.url}/faults`), [first]);
  await server.faults();
  assert.deepEqual(await get(`${server.url}/faults`), []);
  await server.reset();
  assert.deepEqual(await get(`${server.url}/faults`), [first]);
});

test("faults are disposed of", async (t) => {
  const server = await served(t);
  const faults = await server.faults("file: bom");
  await faults[Symbol.asyncDispose]();
  assert.deepEqual(await get(`${server.url}/faults`), []);
});

test("a wrong rule is refused with the reason", async (t) => {
  const server = await served(t);
  await server.faults("file: bom");
  await assert.rejects(server.faults("file: bon"), { name: "FhirliteError", message: /^PUT \/faults: rule 1: "bon" is no/ });
  assert.equal((await get(`${server.url}/faults`)).length, 1);
});

test("a cut download is a short body, and the second one is whole", async (t) => {
  const server = await served(t, { sources: [PATIENT] });
  await server.faults("file: cut_bytes=10; times=1");
  await assert.rejects(exportOf(server.fhirUrl), /terminated/);
  const lines = await exportOf(server.fhirUrl);
  assert.equal(JSON.parse(lines[0]).id, "a");
  const [cut, whole] = await server.requests("GET", "*.ndjson");
  assert.deepEqual([cut.fault, whole.fault], ["file: times=1; cut_bytes=10", ""]);
});

test("requests are found and counted", async (t) => {
  const server = await served(t);
  for (const path of ["Patient/a.b", "Patient/a-b", "metadata"]) await get(`${server.fhirUrl}/${path}`);
  assert.equal((await server.requests()).length, 3);
  assert.equal((await server.requests("GET", "*/Patient/*")).length, 2);
  assert.equal((await server.requests("GET", "*/a.b")).length, 1);
  assert.equal((await server.requests("POST")).length, 0);
  const [request] = await server.requests(undefined, "*/metadat?");
  assert.deepEqual([request.method, request.path, request.status], ["GET", "/fhir/metadata", 200]);
  await server.clearRequests();
  assert.deepEqual(await server.requests(), []);
});

test("the clock ends jobs", async (t) => {
  const server = await served(t, { sources: [PATIENT] });
  const kickoff = await fetch(`${server.fhirUrl}/$export`, { headers: { Prefer: "respond-async" } });
  const job = kickoff.headers.get("content-location");
  assert.equal((await fetch(job)).status, 200);
  await server.clock(30 * 24 * 3600);
  assert.equal((await fetch(job)).status, 404);
});

test("a clock does not go back", async (t) => {
  const server = await served(t);
  await assert.rejects(server.clock(-1), /advance is -1/);
});

test("parallel tests have bases of their own", async (t) => {
  const server = await served(t, { sources: [PATIENT] });
  const rules = ["read: status=503; times=1"];
  const bases = [server.urlWith(rules), server.urlWith(rules), server.urlWith(rules, "a"), server.urlWith(rules, "a")];
  const statuses = [];
  for (const base of bases) statuses.push((await fetch(`${base}/Patient/a`)).status);
  assert.deepEqual(statuses, [503, 503, 503, 200]);
  assert.equal((await fetch(`${server.fhirUrl}/Patient/a`)).status, 200);
});

test("a replaced fetch does not matter", async (t) => {
  const server = await served(t);
  t.mock.method(globalThis, "fetch", () => assert.fail("not this one"));
  assert.deepEqual(await server.requests(), []);
});

test("a SMART client gets a token and exports", async (t) => {
  const server = await served(t, { auth: true, sources: [PATIENT] });
  assert.equal((await fetch(`${server.fhirUrl}/$export`, { headers: { Prefer: "respond-async" } })).status, 401);
  const client = await server.client({ scopes: ["system/Patient.rs", "system/Group.rs"], clientId: "exporter" });
  assert.deepEqual([client.clientId, client.scope], ["exporter", "system/Patient.rs system/Group.rs"]);
  assert.equal(client.tokenUrl, server.tokenUrl);
  assert.match(client.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/);
  assert.equal(client.jwks.keys[0].kid, client.key.kid);
  assert.equal(client.jwks.keys[0].d, undefined);
  const headers = { Authorization: `Bearer ${await client.token()}` };
  assert.equal(JSON.parse((await exportOf(server.fhirUrl, { headers }))[0]).id, "a");
  await server.clock(3600);
  assert.equal((await fetch(`${server.fhirUrl}/Patient/a`, { headers })).status, 401);
});

test("what the token endpoint refuses is an error", async (t) => {
  const server = await served(t, { auth: true });
  const client = await server.client({ scopes: "system/*.rs" });
  const faults = await server.faults("token: error=invalid_client; status=401; times=1");
  await assert.rejects(client.token(), /status 401.*invalid_client/s);
  await client.token();
  await faults.restore();
  await assert.rejects(client.token({ tokenUrl: `${server.url}/nowhere` }), /status 404/);
  const form = { grant_type: "client_credentials", scope: client.scope };
  form.client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
  form.client_assertion = client.assertion({ seconds: 3600 });
  const refused = await fetch(client.tokenUrl, { method: "POST", body: new URLSearchParams(form) });
  assert.equal(refused.status, 401);
});

test("a 1upHealth client and its users", async (t) => {
  const server = await served(t, { auth: true });
  const client = await server.client();
  assert.ok(client.clientId && client.clientSecret && client.tokenUrl);
  const alice = await server.user({ clientId: client.clientId, appUserId: "alice" });
  assert.deepEqual([alice.clientId, alice.appUserId, alice.clientSecret], [client.clientId, "alice", undefined]);
  const bob = await server.user();
  assert.ok(bob.clientSecret && bob.oneupUserId && bob.refreshToken && bob.tokenUrl && bob.expiresIn > 0);
  await server.add(PATIENT, { user: alice });
  const types = async (user) => {
    const manifest = await get(`${server.oneupUrl}/$export`, { Authorization: `Bearer ${user.accessToken}` });
    return manifest.output?.map((each) => each.type);
  };
  assert.deepEqual([await types(alice), await types(bob)], [["Patient"], []]);
  await server.reset();
  assert.equal(await types(alice), undefined);
});
