/** The tarballs that `pack.js` makes, of programs that are heads and nothing else. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { elf, folderOf, machO } from "./heads.js";
import { programAt } from "./program.js";

const PACK = fileURLToPath(new URL("pack.js", import.meta.url));

const SYMBOLS = ["GLIBC_2.4", "GLIBC_2.28", "GLIBC_2.3.4", "GLIBC_PRIVATE"];

function windows(machine) {
  const bytes = Buffer.alloc(128);
  bytes.write("MZ");
  bytes.writeUInt32LE(64, 60);
  bytes.write("PE\0\0", 64, "latin1");
  bytes.writeUInt16LE(machine, 68);
  return bytes;
}

test("the platform of a program is read from its head", (t) => {
  const path = join(folderOf(t), "program");
  for (const [bytes, expected] of [
    [elf(62, "/lib64/ld-linux-x86-64.so.2", SYMBOLS), { os: "linux", cpu: "x64", libc: "glibc", glibc: "2.28" }],
    [elf(183, "/lib/ld-musl-aarch64.so.1", SYMBOLS), { os: "linux", cpu: "arm64", libc: "musl", glibc: "" }],
    [elf(62, ""), { os: "linux", cpu: "x64", libc: "", glibc: "" }],
    [machO(0x0100000c), { os: "darwin", cpu: "arm64" }],
    [windows(0x8664), { os: "win32", cpu: "x64" }],
  ]) {
    writeFileSync(path, bytes);
    assert.deepEqual(programAt(path), expected);
  }
  for (const bytes of [elf(40, ""), machO(7), windows(0x14c), Buffer.from("#!/bin/sh\n"), Buffer.alloc(0)]) {
    writeFileSync(path, bytes);
    assert.throws(() => programAt(path), /not a 64-bit program/);
  }
});

test("each program has a package of its platform", (t) => {
  const folder = folderOf(t);
  const programs = { linux: elf(62, ""), mac: machO(0x01000007), windows: windows(0x8664) };
  for (const [name, bytes] of Object.entries(programs)) writeFileSync(join(folder, name), bytes);
  const out = join(folder, "out");
  const done = spawnSync(process.execPath, [PACK, "--out", out, ...Object.keys(programs)], { cwd: folder, encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  const version = readdirSync(out).find((name) => /^fhirlite-\d/.test(name)).match(/\d.*\.tgz$/)[0];
  const platforms = ["darwin-x64", "linux-x64", "win32-x64"].map((platform) => `fhirlite-${platform}-${version}`);
  assert.deepEqual(readdirSync(out).sort(), [`fhirlite-${version}`, ...platforms].sort());
  const listed = (name, ...more) => spawnSync("tar", ["xzOf", join(out, name), ...more], { encoding: "utf8" }).stdout;
  const manifest = JSON.parse(listed(platforms[2], "package/package.json"));
  assert.deepEqual([manifest.name, manifest.os, manifest.cpu, manifest.libc], ["@fhirlite/win32-x64", ["win32"], ["x64"], undefined]);
  assert.equal(manifest.scripts, undefined);
  assert.ok(listed(platforms[2], "package/bin/fhirlite.exe").startsWith("MZ"));
  assert.match(listed(platforms[0], "package/LICENSE"), /Apache License/);
});

test("what cannot be packed is said", (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "musl"), elf(62, "/lib/ld-musl-x86_64.so.1", SYMBOLS));
  writeFileSync(join(folder, "script"), "#!/bin/sh\n");
  writeFileSync(join(folder, "arm"), windows(0xaa64));
  const refused = (...parts) => spawnSync(process.execPath, [PACK, ...parts], { cwd: folder, encoding: "utf8" });
  for (const [program, words] of [["musl", /needs musl/], ["script", /not a 64-bit/], ["arm", /does not name @fhirlite\/win32-arm64/]]) {
    const done = refused("--out", "out", program);
    assert.equal(done.status, 1);
    assert.match(done.stderr, words);
  }
  assert.match(refused("musl").stderr, /give --out FOLDER/);
});
