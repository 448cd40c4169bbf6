/** For tests: heads of programs, and folders that go with their test. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder for one test. */
export function folderOf(t) {
  const folder = mkdtempSync(join(tmpdir(), "fhirlite-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The head of a program of Linux, with a loader or, if that is empty, a static one; `symbols` are versions of glibc that it needs. */
export function elf(machine, loader = "", symbols = ["GLIBC_2.17"]) {
  const bytes = Buffer.alloc(512);
  bytes.writeUInt32BE(0x7f454c46, 0);
  bytes[4] = 2;
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(loader ? 1 : 0, 56);
  bytes.writeUInt32LE(3, 64);
  bytes.writeBigUInt64LE(256n, 72);
  bytes.writeBigUInt64LE(BigInt(loader.length), 96);
  bytes.write(`${loader}\0${symbols.join("\0")}\0`, 256, "latin1");
  return bytes;
}

/** The head of a program of macOS. */
export function machO(kind) {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(0xfeedfacf, 0);
  bytes.writeUInt32LE(kind, 4);
  return bytes;
}
