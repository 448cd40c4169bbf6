#!/usr/bin/env node
/**
 * Makes the npm tarballs: the package `fhirlite`, and for each program the package of its platform.
 *
 *     node js/scripts/pack.js --out FOLDER PROGRAM…
 *
 * A program is packed without its debug symbols where `strip` is there and knows its kind. Nothing is published: `npm
 * publish FOLDER/*.tgz --access public` does that, the platforms first.
 */

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { programAt } from "./program.js";

const JS = fileURLToPath(new URL("..", import.meta.url));
const ROOT = resolve(JS, "..");
const manifest = JSON.parse(readFileSync(join(JS, "package.json"), "utf8"));

function main() {
  const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
  if (!values.out) throw new Error("give --out FOLDER, where the tarballs come");
  checkVersions();
  const stage = mkdtempSync(join(tmpdir(), "fhirlite-pack-"));
  try {
    const folders = [packageOfWrapper(stage), ...positionals.map((program) => packageOfPlatform(stage, program))];
    mkdirSync(values.out, { recursive: true });
    for (const tarball of packed(folders, resolve(values.out))) {
      console.log(`${tarball}  ${(statSync(tarball).size / 1e6).toFixed(2)} MB`);
    }
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** The versions of Cargo.toml, of the package and of its platforms are one. */
function checkVersions() {
  const cargo = readFileSync(join(ROOT, "Cargo.toml"), "utf8").match(/^version = "(.+)"$/m)[1];
  for (const [name, version] of [["js/package.json", manifest.version], ...Object.entries(manifest.optionalDependencies)]) {
    if (version !== cargo) throw new Error(`Cargo.toml has version ${cargo}, and ${name} ${version}`);
  }
}

function packageOfWrapper(stage) {
  const folder = join(stage, "fhirlite");
  mkdirSync(folder);
  for (const name of [...manifest.files, "package.json", "README.md"]) {
    cpSync(join(JS, name), join(folder, name), { recursive: true });
  }
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  return folder;
}

function packageOfPlatform(stage, program) {
  const { os, cpu, libc, glibc } = programAt(program);
  const platform = `${os}-${cpu}`;
  const name = `@fhirlite/${platform}`;
  if (!(name in manifest.optionalDependencies)) throw new Error(`${program}: js/package.json does not name ${name}`);
  if (libc === "musl") throw new Error(`${program}: needs musl at run time; link it statically, or with glibc`);
  const folder = join(stage, platform);
  mkdirSync(join(folder, "bin"), { recursive: true });
  const file = join(folder, "bin", os === "win32" ? "fhirlite.exe" : "fhirlite");
  copyFileSync(program, file);
  chmodSync(file, 0o755);
  strip(file);
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  const needs = glibc ? `It needs glibc ${glibc} or newer.` : "";
  writeFileSync(join(folder, "README.md"), `# ${name}\n\nThe program of \`fhirlite\` for ${platform}. Install \`fhirlite\`. ${needs}\n`);
  const { version, license } = manifest;
  const description = `The program of fhirlite for ${platform}`;
  const own = { name, version, description, license, os: [os], cpu: [cpu], files: ["bin"], preferUnplugged: true };
  if (libc) own.libc = [libc];
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(own, null, 2)}\n`);
  console.log(`${name}: ${(statSync(file).size / 1e6).toFixed(1)} MB${glibc ? `, glibc ${glibc} or newer` : ""}`);
  return folder;
}

/** Removes debug symbols. A `strip` that does not know this kind of program leaves it as it is. */
function strip(file) {
  const before = readFileSync(file);
  if (spawnSync("strip", [file], { stdio: "ignore" }).status !== 0) {
    writeFileSync(file, before);
    console.log(`${file}: not stripped`);
  }
}

/** Packs folders; the paths of the tarballs. */
function packed(folders, out) {
  const done = spawnSync("npm", ["pack", "--json", "--pack-destination", out, ...folders], {
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (done.status !== 0) throw new Error(`npm pack: ${done.stderr ?? done.error?.message}`);
  // npm 11 lists the packages, newer ones name them.
  return Object.values(JSON.parse(done.stdout)).map(({ filename }) => join(out, filename.replace("@", "").replace("/", "-")));
}

try {
  main();
} catch (error) {
  console.error(`pack: ${error.message}`);
  process.exitCode = 1;
}
