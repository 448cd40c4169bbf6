#!/usr/bin/env node
/**
 * Makes what a release offers for download: an archive for each program, and the Homebrew formula with their checksums.
 *
 *     node packaging/release.js --out FOLDER --repository URL PROGRAM…
 *
 * `cargo binstall` finds the archives by `[package.metadata.binstall]` in Cargo.toml, once `repository` is there too. A
 * release offers them at URL/releases/download/vVERSION/NAME. Nothing is uploaded.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { programAt } from "../js/scripts/program.js";
import { tarOf } from "./tar.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CPUS = { x64: "x86_64", arm64: "aarch64" };

function main() {
  const options = { out: { type: "string" }, repository: { type: "string" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (!values.out || !values.repository) throw new Error("give --out FOLDER and --repository URL");
  const version = readFileSync(join(ROOT, "Cargo.toml"), "utf8").match(/^version = "(.+)"$/m)[1];
  mkdirSync(values.out, { recursive: true });
  const sums = new Map();
  for (const program of positionals) {
    const target = targetOf(program);
    const path = join(values.out, `fhirlite-${target}.tgz`);
    writeFileSync(path, archiveOf(program, target));
    sums.set(target, createHash("sha256").update(readFileSync(path)).digest("hex"));
    console.log(`${sums.get(target)}  ${basename(path)}`);
  }
  const formula = formulaOf(values.repository, version, sums);
  if (formula) writeFileSync(join(values.out, "fhirlite.rb"), formula);
}

/** The target of Rust that a program was built for. */
function targetOf(program) {
  const { os, cpu, libc } = programAt(program);
  if (os === "darwin") return `${CPUS[cpu]}-apple-darwin`;
  if (os === "win32") return `${CPUS[cpu]}-pc-windows-msvc`;
  return `${CPUS[cpu]}-unknown-linux-${libc === "glibc" ? "gnu" : "musl"}`;
}

function archiveOf(program, target) {
  const name = target.includes("windows") ? "fhirlite.exe" : "fhirlite";
  const license = { name: "LICENSE", bytes: readFileSync(join(ROOT, "LICENSE")) };
  return gzipSync(tarOf([{ name, bytes: readFileSync(program), mode: 0o755 }, license]), { level: 9 });
}

/** The formula of this version; null where the program of a platform that it names is not here. */
function formulaOf(repository, version, sums) {
  const text = readFileSync(join(ROOT, "packaging/fhirlite.rb.in"), "utf8");
  const lacking = [...text.matchAll(/@SHA256 (\S+)@/g)].map((match) => match[1]).filter((target) => !sums.has(target));
  if (lacking.length > 0) {
    console.log(`no formula for Homebrew: it also needs ${lacking.join(", ")}`);
    return null;
  }
  return text
    .replace(/^# .*\n/gm, "")
    .replaceAll("@REPOSITORY@", repository)
    .replaceAll("@VERSION@", version)
    .replace(/@SHA256 (\S+)@/g, (_, target) => sums.get(target));
}

try {
  main();
} catch (error) {
  console.error(`release: ${error.message}`);
  process.exitCode = 1;
}
