/**
 * docs/javascript.md: its commands and files, typed in their order in an empty folder, do what the page shows.
 *
 * A block of `js` with a name in its first line is a file. A block of `sh` is run, and a block of `text` behind it is
 * what it prints, where `…` stands for anything. A command whose output shows `fail 1` fails.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { environment, folderOf } from "./support.js";

const PAGE = process.env.FHIRLITE_DOCS && join(process.env.FHIRLITE_DOCS, "javascript.md");

/** The blocks of code of a page, each with its language. */
function blocksOf(text) {
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({ language, code }));
}

/** Whether lines are what is shown: `…` is any text, and a line of it any lines. */
function fits(shown, printed) {
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const lines = shown.map((line) => (line === "…" ? "(?:.*\\n)*?" : `.*${line.split("…").map(escape).join(".*")}.*\\n`));
  return new RegExp(`^(?:.*\\n)*?${lines.join("")}`).test(printed);
}

test("the page's commands do what it shows", { skip: !PAGE && "needs .ci/javascript" }, (t) => {
  let folder = join(folderOf(t), "empty");
  mkdirSync(folder);
  const blocks = blocksOf(readFileSync(PAGE, "utf8"));
  let ran = 0;
  for (const [number, { language, code }] of blocks.entries()) {
    const [, name] = code.match(/^\/\/ (\S+)\n/) ?? [];
    if (language === "js" && name) writeFileSync(join(folder, name), code);
    if (language !== "sh") continue;
    const next = blocks[number + 1];
    const shown = next?.language === "text" ? next.code.trimEnd().split("\n") : [];
    const env = { ...environment(), NODE_OPTIONS: "--test-reporter=spec", NO_COLOR: "1" };
    const done = spawnSync("bash", ["-ec", `${code}\npwd >"$0"`, join(folder, ".pwd")], { cwd: folder, env, encoding: "utf8" });
    const printed = done.stdout + done.stderr;
    assert.equal(done.status === 0, !shown.includes("ℹ fail 1"), `${code}${printed}`);
    assert.ok(fits(shown, printed), `${code}shown:\n${shown.join("\n")}\nprinted:\n${printed}`);
    if (existsSync(join(folder, ".pwd"))) folder = readFileSync(join(folder, ".pwd"), "utf8").trim();
    ran += 1;
  }
  assert.equal(ran, 5);
});

test("a page's output is compared, not only looked at", () => {
  assert.ok(fits(["a…c", "…", "d"], "x\nabc\ny\nd\n"));
  assert.ok(!fits(["a…c", "d"], "x\nabc\ny\nd\n"));
  assert.ok(!fits(["ℹ fail 0"], "ℹ fail 1\n"));
});

test("without the platform's package the command says what to do", { skip: !PAGE && "needs .ci/javascript" }, (t) => {
  const folder = folderOf(t);
  const run = (command, ...parts) => spawnSync(command, parts, { cwd: folder, env: environment(), encoding: "utf8" });
  assert.equal(run("npm", "install", "--omit=optional", "fhirlite").status, 0);
  const platform = `@fhirlite/${process.platform}-${process.arch}`;
  const lacking = run("npx", "fhirlite", "--version");
  assert.equal(lacking.status, 1);
  const said = `fhirlite: the package ${platform} is missing, which has the program for this machine; `;
  assert.ok(lacking.stderr.includes(said), lacking.stderr);
  // The command of the message helps.
  const command = lacking.stderr.match(/npm install \S+(?=;)/)[0];
  assert.equal(run("bash", "-c", command).status, 0);
  assert.match(run("npx", "fhirlite", "--version").stdout, /^fhirlite \d/);
});
