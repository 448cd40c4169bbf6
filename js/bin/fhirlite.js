#!/usr/bin/env node
/** `npx fhirlite …`: runs the program with the same arguments, and ends as it ends. */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { findFhirliteBinary } from "../lib/binary.js";

function fail(message) {
  console.error(`fhirlite: ${message}`);
  process.exit(1);
}

let program;
try {
  program = findFhirliteBinary();
} catch (error) {
  fail(error.message);
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // A terminal sends Ctrl-C to the program too, for which a second one means "at once".
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("error", (error) => fail(`${program}: ${error.message}`));
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
