/** What the head of a program says: for which platform it is, and what it needs there. */

import { readFileSync } from "node:fs";

const ELF = { 62: "x64", 183: "arm64" };
const MACH_O = { 0x01000007: "x64", 0x0100000c: "arm64" };
const PE = { 0x8664: "x64", 0xaa64: "arm64" };

/**
 * The platform of a program as npm names it, `os` and `cpu`; on Linux also `libc`, empty for a static program, and
 * `glibc`, the least version that it runs with.
 */
export function programAt(path) {
  const bytes = readFileSync(path);
  const found = elf(bytes) ?? machO(bytes) ?? portable(bytes);
  if (!found?.cpu) throw new Error(`${path}: not a 64-bit program of Linux, macOS or Windows for x64 or arm64`);
  return found;
}

function elf(bytes) {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2) return null;
  const found = { os: "linux", cpu: ELF[bytes.readUInt16LE(18)], libc: "", glibc: "" };
  const first = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  for (let number = 0; number < bytes.readUInt16LE(56); number++) {
    const header = first + number * size;
    // PT_INTERP: the loader of the libc that the program is linked with.
    if (bytes.readUInt32LE(header) !== 3) continue;
    const start = Number(bytes.readBigUInt64LE(header + 8));
    const loader = bytes.toString("latin1", start, start + Number(bytes.readBigUInt64LE(header + 32)));
    found.libc = loader.includes("musl") ? "musl" : "glibc";
  }
  if (found.libc === "glibc") found.glibc = newestGlibc(bytes);
  return found;
}

/** The newest version of a symbol that the program takes from glibc. */
function newestGlibc(bytes) {
  const minors = [...bytes.toString("latin1").matchAll(/\0GLIBC_2\.(\d+)(?=[.\0])/g)].map((match) => Number(match[1]));
  return `2.${Math.max(...minors)}`;
}

function machO(bytes) {
  if (bytes.length < 32 || bytes.readUInt32LE(0) !== 0xfeedfacf) return null;
  return { os: "darwin", cpu: MACH_O[bytes.readUInt32LE(4)] };
}

function portable(bytes) {
  if (bytes.length < 64 || bytes.toString("latin1", 0, 2) !== "MZ") return null;
  const head = bytes.readUInt32LE(60);
  if (head + 6 > bytes.length || bytes.readUInt32BE(head) !== 0x50450000) return null;
  return { os: "win32", cpu: PE[bytes.readUInt16LE(head + 4)] };
}
