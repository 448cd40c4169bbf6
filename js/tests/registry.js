/**
 * A registry of npm that has the tarballs of a folder, and sends clients to the real one for everything else. A command
 * runs with it:
 *
 *     node registry.js FOLDER COMMAND [ARGUMENT…]
 *
 * So `npm install fhirlite` does what it will do once the packages are published: it reads `optionalDependencies`, and
 * takes the package of this platform.
 */

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** A file of a tar archive. */
function entryOf(tar, wanted) {
  for (let at = 0; at + 512 <= tar.length; ) {
    const text = (from, length) => tar.toString("latin1", at + from, at + from + length).split("\0")[0];
    const size = parseInt(text(124, 12), 8) || 0;
    if (text(0, 100) === wanted) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`no ${wanted} in the tarball`);
}

/** What a registry says about the package in a tarball. */
function documentOf(tarball, bytes, base) {
  const manifest = JSON.parse(entryOf(gunzipSync(bytes), "package/package.json"));
  const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  const version = { ...manifest, dist: { tarball: `${base}/tarballs/${tarball}`, integrity } };
  return { name: manifest.name, "dist-tags": { latest: manifest.version }, versions: { [manifest.version]: version } };
}

function main([folder, command, ...rest]) {
  const upstream = spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).stdout.trim();
  const tarballs = new Map();
  for (const name of readdirSync(folder)) {
    if (name.endsWith(".tgz")) tarballs.set(name, readFileSync(join(folder, name)));
  }
  const documents = new Map();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url).slice(1);
    const tarball = tarballs.get(path.replace("tarballs/", ""));
    if (tarball) {
      response.end(tarball);
    } else if (documents.has(path)) {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(documents.get(path)));
    } else if (path.startsWith("@fhirlite/")) {
      response.writeHead(404).end();
    } else {
      response.writeHead(302, { Location: new URL(request.url, upstream).href }).end();
    }
  });
  server.listen(0, "127.0.0.1", () => {
    const base = `http://127.0.0.1:${server.address().port}`;
    for (const [name, bytes] of tarballs) {
      const document = documentOf(name, bytes, base);
      documents.set(document.name, document);
    }
    const child = spawn(command, rest, { stdio: "inherit", env: { ...process.env, npm_config_registry: base } });
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      process.exit(1);
    });
    child.on("exit", (code) => process.exit(code ?? 1));
  });
}

main(process.argv.slice(2));
