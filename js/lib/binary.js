/**
 * Finds the program: where a variable says, or in the package of this platform, which npm installs beside this one
 * because of `optionalDependencies`. Nothing is downloaded, and nothing runs at installation.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { FhirliteError } from "./error.js";

/** The variable that names another program. */
const VARIABLE = "FHIRLITE_BINARY";

const require = createRequire(import.meta.url);
const { version, optionalDependencies } = require("../package.json");
/** The platforms that have a package, such as `linux-x64`. */
const PLATFORMS = Object.keys(optionalDependencies).map((name) => name.replace("@fhirlite/", ""));

/** The path of the program; an error that says what to do where there is none. */
export function findFhirliteBinary(
  environment = process.env,
  platform = `${process.platform}-${process.arch}`,
  resolve = require.resolve,
) {
  const named = environment[VARIABLE];
  if (named) {
    if (existsSync(named)) return named;
    throw new FhirliteError(`${VARIABLE} is ${named}, and there is no such file`);
  }
  if (!PLATFORMS.includes(platform)) {
    throw new FhirliteError(
      `there is no package for ${platform}, only for ${PLATFORMS.join(", ")}; ` +
        `build fhirlite with cargo, and set ${VARIABLE} to the program`,
    );
  }
  const name = `@fhirlite/${platform}`;
  try {
    return resolve(`${name}/bin/fhirlite${platform.startsWith("win32") ? ".exe" : ""}`);
  } catch {
    throw new FhirliteError(
      `the package ${name} is missing, which has the program for this machine; ` +
        `install without --omit=optional, and on this platform itself (do not copy node_modules from another one): ` +
        `npm install ${name}@${version}; or set ${VARIABLE} to a program`,
    );
  }
}
