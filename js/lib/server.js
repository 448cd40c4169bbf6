/**
 * The server as a process: start it, wait for its line, ask it, stop it.
 *
 * Nothing here sleeps. The program prints one line of JSON when it is ready, and it ends when its standard input closes,
 * so also when this process dies.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contentsOf, sorted } from "./addition.js";
import { findFhirliteBinary } from "./binary.js";
import { SmartClient } from "./client.js";
import { ask, inCamelCase, segmentOf } from "./control.js";
import { FhirliteError } from "./error.js";

/** The most characters of the log that are kept. */
const LONGEST_LOG = 1 << 20;

/** Starts a server with a store of its own in memory, and waits until it is ready. */
export async function start(options = {}) {
  const { sources = [], sample = false, timeout = 30_000 } = options;
  const program = findFhirliteBinary();
  const folder = mkdtempSync(join(tmpdir(), "fhirlite-"));
  let server;
  try {
    const paths = sources.map((source, number) => pathOf(join(folder, `${number}.json`), source));
    const child = spawn(program, argumentsOf(folder, paths, options), { stdio: "pipe" });
    server = new Server(child, { sample, timeout, store: options.store ?? ":memory:" });
    await server._begin();
    return server;
  } catch (error) {
    await server?.stop();
    throw error;
  } finally {
    // What lay there was read before the server was ready.
    rmSync(folder, { recursive: true, force: true });
  }
}

function argumentsOf(folder, paths, options) {
  const { store = ":memory:", faults = [], auth = false, seed, arguments: more = [] } = options;
  const all = ["serve", store, ...paths, "--listen", "127.0.0.1:0", "--simulate", "--ready-json", "--exit-with-parent"];
  if (auth) all.push("--auth", "required");
  if (seed !== undefined) all.push("--seed", String(seed));
  // As rules of the start, so that a reset brings them back.
  if (faults.length > 0) all.push("--faults", pathOf(join(folder, "faults.json"), faults));
  return [...all, ...more];
}

/** The path of a file with this JSON; a string is a path already. */
function pathOf(path, value) {
  if (typeof value === "string") return value;
  writeFileSync(path, JSON.stringify(value));
  return path;
}

/** A server that runs. `start` makes it. */
export class Server {
  #child;
  #options;
  #log = "";
  #ended;
  #names = 0;

  constructor(child, options) {
    this.#child = child;
    this.#options = options;
    this.store = options.store;
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => (this.#log = (this.#log + text).slice(-LONGEST_LOG)));
    // The program may end before it has read what closes its input.
    child.stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => resolve({ code: null, error }));
      child.on("close", (code) => resolve({ code }));
    });
  }

  async _begin() {
    const line = await this.#firstLine();
    let ready;
    try {
      ready = JSON.parse(line);
    } catch {
      ready = {};
    }
    if (typeof ready.url !== "string") {
      const { code, error } = line ? { code: this.#child.exitCode } : await this.#ended;
      const why = error ? error.message : `exit code ${code}`;
      throw new FhirliteError(`fhirlite did not say that it is ready (${why}): ${line}\n${this.#log}`);
    }
    this.url = ready.url.replace(/\/$/, "");
    this.port = ready.port;
    this.pid = ready.pid;
    if (this.#options.sample) await this.#ask("POST", "/sample");
    this.#hold(false);
  }

  /** The first line of the program; empty where it ends without one. */
  #firstLine() {
    return new Promise((resolve, reject) => {
      const { timeout } = this.#options;
      let text = "";
      const timer = setTimeout(() => {
        reject(new FhirliteError(`fhirlite was not ready within ${timeout} ms\n${this.#log}`));
      }, timeout);
      const end = () => {
        clearTimeout(timer);
        resolve(text.split("\n")[0].trim());
      };
      this.#child.stdout.setEncoding("utf8");
      this.#child.stdout.on("data", (more) => {
        text = text.includes("\n") ? text : text + more;
        if (text.includes("\n")) end();
      });
      this.#child.stdout.on("end", end);
      this.#child.on("error", end);
    });
  }

  /** Whether this process waits for the program. A server that nobody stopped ends with the process that forgot it. */
  #hold(does) {
    const { stdin, stdout, stderr } = this.#child;
    for (const each of [this.#child, stdin, stdout, stderr]) does ? each.ref() : each.unref();
  }

  #ask(method, route, body) {
    return ask(this.url, this.#options.timeout, method, route, body);
  }

  /** The base of the HL7 routes. */
  get fhirUrl() {
    return `${this.url}/fhir`;
  }

  /** The base of the 1upHealth routes. */
  get oneupUrl() {
    return `${this.url}/bulk-data/r4`;
  }

  /** The token endpoint of the HL7 routes. */
  get tokenUrl() {
    return `${this.fhirUrl}/oauth2/token`;
  }

  /** What the program wrote to standard error. */
  get log() {
    return this.#log;
  }

  /** Adds resources, the resources of files and folders, or with `{ sample: true }` the sample data. */
  async add(...things) {
    const { resources, paths, sample, user } = sorted(things);
    const owner = user ? `?oneup_user_id=${user.oneupUserId}` : "";
    if (sample) await this.#ask("POST", `/sample${owner}`);
    if (resources.length > 0) await this.#ask("POST", `/import${owner}`, resources);
    for (const path of paths) {
      for (const content of contentsOf(path)) {
        await this.#ask("POST", `/import${owner}`, content).catch((error) => {
          throw new FhirliteError(`${path}: ${error.message}`);
        });
      }
    }
  }

  /** Deletes resources, named as `Patient/a`. */
  async delete(...names) {
    const entry = names.map((url) => ({ request: { method: "DELETE", url } }));
    await this.#ask("POST", "/import", { resourceType: "Bundle", type: "transaction", entry });
  }

  /** Registers a client: with scopes one of SMART Backend Services, without them one of 1upHealth. */
  async client({ scopes, clientId } = {}) {
    const scope = Array.isArray(scopes) ? scopes.join(" ") : scopes;
    const client = inCamelCase(await this.#ask("POST", "/clients", { client_id: clientId, scope }));
    return scope === undefined ? client : new SmartClient(client);
  }

  /** Registers a user of a 1upHealth client, a new client where none is named; gives their tokens. */
  async user({ appUserId = `user-${++this.#names}`, clientId } = {}) {
    return inCamelCase(await this.#ask("POST", "/users", { client_id: clientId, app_user_id: appUserId }));
  }

  /** Puts these rules in force. What it gives puts the earlier ones back, with `await using` or `restore`. */
  async faults(...rules) {
    const before = await this.#ask("GET", "/faults");
    await this.#ask("PUT", "/faults", rules);
    const restore = async () => void (await this.#ask("PUT", "/faults", before));
    return { restore, [Symbol.asyncDispose]: restore };
  }

  /** An HL7 base whose requests these rules apply to, and no others. Each call gives another base, or each name. */
  urlWith(rules, name = `${process.pid}-${++this.#names}`) {
    return `${this.url}/${segmentOf(rules, name)}/fhir`;
  }

  /** The requests so far with this method, and a path that matches a pattern such as `*.ndjson`. */
  async requests(method, path = "*") {
    const pattern = path.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
    const matches = new RegExp(`^${pattern}$`, "s");
    const all = await this.#ask("GET", "/requests");
    return all.filter((request) => (!method || request.method === method) && matches.test(request.path));
  }

  /** Forgets the requests so far. */
  async clearRequests() {
    await this.#ask("DELETE", "/requests");
  }

  /** Puts all back to what it was at the start: the store, the rules, the clock; clients, counts and requests go. */
  async reset() {
    await this.#ask("POST", "/reset");
    if (this.#options.sample) await this.#ask("POST", "/sample");
  }

  /** Moves the clock of the server ahead, so that tokens and jobs expire. */
  async clock(seconds) {
    await this.#ask("PUT", "/clock", { advance: seconds });
  }

  /** Ends the program; gives its exit code. A second call does nothing more. */
  async stop() {
    this.#hold(true);
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.#options.timeout);
    const { code } = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}
