/** Every name that the package exports, as its types have it. Lines with `@ts-expect-error` must be errors. */

import { FhirliteError, Server, SmartClient, findFhirliteBinary, start } from "fhirlite";
import type { AddOptions, Faults, JournalEntry, Jwk, Place, Resource, Rule, SecretClient, StartOptions, User } from "fhirlite";

export async function names(): Promise<void> {
  const place: Place = "file";
  const rule: Rule = { at: place, cut_bytes: 10, bom: true };
  const resource: Resource = { resourceType: "Patient", id: "a" };
  const options: StartOptions = { sources: ["a.ndjson", resource], sample: true, faults: [rule, "file: bom"], auth: true, store: "s.db", seed: 7, arguments: [], timeout: 1 };
  await using server: Server = await start(options);
  const texts: string[] = [server.url, server.fhirUrl, server.oneupUrl, server.tokenUrl, server.store, server.log, findFhirliteBinary()];
  const numbers: number[] = [server.port, server.pid];
  await server.add(resource, "more.ndjson", { sample: true });
  await server.delete("Patient/a");
  const faults: Faults = await server.faults("file: bom", rule);
  await faults.restore();
  const base: string = server.urlWith([rule], "name");
  const requests: JournalEntry[] = await server.requests("GET", "*.ndjson");
  const smart: SmartClient = await server.client({ scopes: ["system/*.rs"], clientId: "a" });
  const key: Jwk = smart.key;
  const token: string = await smart.token({ scope: "system/Patient.rs" });
  const assertion: string = smart.assertion({ seconds: -60 });
  const secret: SecretClient = await server.client();
  const user: User = await server.user({ clientId: secret.clientId, appUserId: "alice" });
  const additions: AddOptions = { user };
  await server.add(resource, additions);
  await server.clearRequests();
  await server.clock(60);
  await server.reset();
  const code: number | null = await server.stop();
  const error: Error = new FhirliteError("x");
  console.log(texts, numbers, base, requests, key, token, assertion, user, code, error);

  // @ts-expect-error: no such place
  await server.faults({ at: "nowhere" });
  // @ts-expect-error: no such option
  await start({ ports: 1 });
  // @ts-expect-error: a resource has a type
  await server.add({ id: "a" });
  // @ts-expect-error: no such option
  await server.add({ samples: true });
  // @ts-expect-error: a server is started, not made
  new Server();
  // @ts-expect-error: only a SMART client has tokens
  await secret.token();
}
