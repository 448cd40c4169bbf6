/** What lies in the package: the command, the types, the examples. `.ci/javascript` runs these where it is installed. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as fhirlite from "fhirlite";
import { environment, named } from "./support.js";

const require = createRequire(import.meta.url);
const FOLDER = dirname(require.resolve("fhirlite/package.json"));
const HERE = fileURLToPath(new URL("..", import.meta.url));
const manifest = require("fhirlite/package.json");
const command = join(FOLDER, manifest.bin.fhirlite);
const { findFhirliteBinary } = fhirlite;

/** Runs node, without the variables of the runner of these tests. */
function node(...parts) {
  return spawnSync(process.execPath, parts, { encoding: "utf8", cwd: HERE, env: environment() });
}

/** The path of a tool that lies in node_modules; the test is left out where it does not. */
function tool(t, name, path) {
  const found = join(HERE, "node_modules", name, path);
  if (existsSync(found)) return found;
  t.skip(`${name} is not installed here`);
  return null;
}

test("the program is found", () => {
  const none = () => {
    throw new Error("not found");
  };
  assert.equal(findFhirliteBinary({}, "linux-x64", (name) => name), "@fhirlite/linux-x64/bin/fhirlite");
  assert.equal(findFhirliteBinary({}, "win32-x64", (name) => name), "@fhirlite/win32-x64/bin/fhirlite.exe");
  assert.throws(() => findFhirliteBinary({}, "linux-x64", none), /@fhirlite\/linux-x64 is missing, .* npm install @fhirlite\/linux-x64@/);
  assert.throws(() => findFhirliteBinary({}, "aix-ppc64", none), /no package for aix-ppc64, only for darwin-arm64, /);
  assert.throws(() => findFhirliteBinary({ FHIRLITE_BINARY: "/none" }), /FHIRLITE_BINARY is \/none, and there is no/);
  assert.equal(findFhirliteBinary({ FHIRLITE_BINARY: command }), command);
});

test("no script runs at installation, and nothing else comes with it", () => {
  assert.deepEqual(Object.keys(manifest.scripts), ["test"]);
  assert.equal(manifest.dependencies, undefined);
  const versions = new Set([manifest.version, ...Object.values(manifest.optionalDependencies)]);
  assert.equal(versions.size, 1);
});

/** Whether this Node has `await using`, runs TypeScript, and lets CommonJS require a module. */
const IS_NEW = Number(process.versions.node.split(".")[0]) >= 24;

test("CommonJS can require it", { skip: !IS_NEW && "needs Node 24" }, () => {
  assert.equal(require("fhirlite").start, fhirlite.start);
});

test("the types have every name, and no other", () => {
  const types = readFileSync(join(FOLDER, manifest.types), "utf8");
  const declared = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(declared.sort(), Object.keys(fhirlite).sort());
  const members = types.split("export class Server")[1].split("\n}")[0].matchAll(/^  (?:readonly )?(\w+)[(:]/gm);
  const own = ["url", "port", "pid", "store", ...Object.getOwnPropertyNames(fhirlite.Server.prototype)];
  const wanted = new Set([...members].map((match) => match[1]).concat("constructor", "_begin"));
  assert.deepEqual([...wanted].sort(), own.sort());
});

test("the command runs the program with its arguments, input and exit code", () => {
  const version = node(command, "--version");
  assert.equal(version.stdout, `fhirlite ${manifest.version}\n`);
  const wrong = node(command, "serve", "--nothing");
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--nothing/);
});

test("a signal to the command ends the program", async () => {
  const parts = [command, "serve", ":memory:", "--simulate", "--listen", "0", "--ready-json"];
  const child = spawn(process.execPath, parts, { stdio: ["ignore", "pipe", "ignore"], env: environment() });
  const { pid } = JSON.parse(await new Promise((resolve) => child.stdout.once("data", resolve)));
  child.kill("SIGTERM");
  assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("the command says where the program is missing", (t) => {
  named(t, "/none");
  const done = node(command);
  assert.equal(done.status, 1);
  assert.match(done.stderr, /^fhirlite: FHIRLITE_BINARY is \/none/);
});

test("the types are right in strict mode", (t) => {
  const tsc = tool(t, "typescript", "bin/tsc");
  if (!tsc) return;
  const done = node(tsc, "--project", "tests/types");
  assert.equal(done.stdout + done.stderr, "");
  assert.equal(done.status, 0);
});

for (const [name, isRunHere] of [["node.test.js", true], ["using.test.ts", IS_NEW]]) {
  test(`the example for node's runner is green: ${name}`, { skip: !isRunHere && "needs Node 24" }, () => {
    const done = node("--test", "--test-reporter=tap", `examples/${name}`);
    assert.equal(done.status, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /^# pass [1-9]/m);
  });
}

test("the example for vitest is green", (t) => {
  const vitest = tool(t, "vitest", "vitest.mjs");
  if (!vitest) return;
  const done = node(vitest, "run", "examples/vitest.test.js", "--no-color");
  assert.equal(done.status, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /Tests +3 passed/);
});
