/**
 * What is added to a server: resources, files, and folders with the files below them. The server takes the text of a file
 * as it is.
 */

import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { FhirliteError } from "./error.js";

/** The names of files that hold resources. */
const NAMES = /\.(json|ndjson|jsonl)(\.gz)?$/i;

/** What `Server.add` takes, by its kind: resources, paths, and the members of options. */
export function sorted(things) {
  const found = { resources: [], paths: [] };
  for (const thing of things) {
    if (typeof thing === "string") found.paths.push(thing);
    else if (thing?.resourceType !== undefined) found.resources.push(thing);
    else if (thing && Object.keys(thing).every((name) => ["sample", "user"].includes(name))) Object.assign(found, thing);
    else throw new FhirliteError(`add takes resources, paths, and {sample, user}, not ${JSON.stringify(thing)}`);
  }
  return found;
}

/** The content of a file, or of all files with resources in a folder, in the order of their names. */
export function contentsOf(path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [contentOf(path)];
  const found = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && NAMES.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  if (found.length === 0) throw new FhirliteError(`${path}: there is no .json, .ndjson or .gz in this folder`);
  return found.map(contentOf);
}

function contentOf(path) {
  try {
    const bytes = readFileSync(path);
    return path.toLowerCase().endsWith(".gz") ? gunzipSync(bytes) : bytes;
  } catch (error) {
    throw new FhirliteError(`${path}: ${error.message}`);
  }
}
