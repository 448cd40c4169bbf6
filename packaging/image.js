#!/usr/bin/env node
/**
 * Makes a container image of a static program, without a daemon: an OCI layout in one tar, as `docker load`, `podman load`
 * and `skopeo copy oci-archive:FILE` take it.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 *
 *     node packaging/image.js --out FILE [--certificates FILE] [PROGRAM]
 *
 * Without PROGRAM it builds one for musl. Where that cannot be, it says what is missing and ends with code 77. The
 * certificates are for keys of SMART clients that are fetched by HTTPS.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { programAt } from "../js/scripts/program.js";
import { tarOf } from "./tar.js";

/** What the image can't be made without is not here. Other tools use this code for a test that is left out, too. */
const MISSING = 77;
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ARCHITECTURES = { x64: ["amd64", "x86_64"], arm64: ["arm64", "aarch64"] };

class Missing extends Error {}

function main() {
  const options = { out: { type: "string" }, certificates: { type: "string", default: "/etc/ssl/certs/ca-certificates.crt" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (!values.out) throw new Error("give --out FILE, the image");
  const program = positionals[0] ?? built();
  const { os, cpu, libc } = programAt(program);
  if (os !== "linux" || libc) {
    throw new Error(`${program}: needs ${libc || os}, which the image does not have; give a static program of Linux`);
  }
  const layer = tarOf(filesOf(program, values.certificates));
  const image = imageOf(layer, ARCHITECTURES[cpu][0]);
  writeFileSync(values.out, image);
  console.log(`${values.out}: ${(image.length / 1e6).toFixed(1)} MB, linux/${ARCHITECTURES[cpu][0]}`);
}

/** Builds a program for musl on this machine. */
function built() {
  const target = `${ARCHITECTURES[process.arch]?.[1] ?? process.arch}-unknown-linux-musl`;
  const root = run("rustc", ["--print", "sysroot"]).trim();
  if (!existsSync(join(root, "lib/rustlib", target))) {
    throw new Missing(`the standard library for ${target}; rustup target add ${target}, or give a static PROGRAM`);
  }
  const has = (tool) => !spawnSync(tool, ["--version"], { stdio: "ignore" }).error;
  const build = has("cargo-zigbuild") ? "zigbuild" : "build";
  if (build === "build" && !has("musl-gcc")) throw new Missing("a C compiler for musl: musl-gcc (Debian: musl-tools), or cargo-zigbuild");
  const strip = ["--config", "profile.release.strip=true"];
  run("cargo", [build, "--release", "--locked", "--bin", "fhirlite", "--target", target, ...strip], { cwd: ROOT });
  return join(ROOT, "target", target, "release/fhirlite");
}

function run(tool, parts, options = {}) {
  const done = spawnSync(tool, parts, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });
  if (done.error) throw new Missing(tool);
  if (done.status !== 0) throw new Error(`${tool} ${parts.join(" ")}: exit code ${done.status}`);
  return done.stdout;
}

/** The files of the image; the Dockerfile has the same ones. */
function filesOf(program, certificates) {
  const found = [
    { name: "LICENSE", bytes: readFileSync(join(ROOT, "LICENSE")) },
    { name: "data/", mode: 0o755 },
    { name: "fhirlite", bytes: readFileSync(program), mode: 0o755 },
    { name: "tmp/", mode: 0o1777 },
  ];
  if (existsSync(certificates)) {
    for (const name of ["etc/", "etc/ssl/", "etc/ssl/certs/"]) found.push({ name, mode: 0o755 });
    found.push({ name: "etc/ssl/certs/ca-certificates.crt", bytes: readFileSync(certificates) });
  }
  return found;
}

/** What the Dockerfile says about running the image. */
function settings() {
  const text = readFileSync(join(ROOT, "Dockerfile"), "utf8");
  const last = text.slice(text.lastIndexOf("\nFROM ") + 1);
  const value = (name) => last.match(new RegExp(`^${name} (.+)$`, "m"))[1];
  return {
    User: value("USER"),
    ExposedPorts: { [`${value("EXPOSE")}/tcp`]: {} },
    Entrypoint: JSON.parse(value("ENTRYPOINT")),
    Cmd: JSON.parse(value("CMD")),
    WorkingDir: value("WORKDIR"),
  };
}

function imageOf(layer, architecture) {
  const cargo = readFileSync(join(ROOT, "Cargo.toml"), "utf8");
  const version = cargo.match(/^version = "(.+)"$/m)[1];
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const blobs = [];
  const added = (mediaType, bytes) => {
    const hash = sha256(bytes);
    blobs.push({ name: `blobs/sha256/${hash}`, bytes });
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
  };
  const json = (value) => Buffer.from(JSON.stringify(value));
  const layers = [added("application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(layer, { level: 9 }))];
  const config = added("application/vnd.oci.image.config.v1+json", json({
    architecture,
    os: "linux",
    config: { ...settings(), Labels: { "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0" } },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
  }));
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = added(manifestType, json({ schemaVersion: 2, mediaType: manifestType, config, layers }));
  manifest.annotations = { "org.opencontainers.image.ref.name": version, "io.containerd.image.name": `docker.io/library/fhirlite:${version}` };
  const path = (blob) => blob.digest.replace("sha256:", "blobs/sha256/");
  return tarOf([
    { name: "oci-layout", bytes: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", bytes: json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [manifest] }) },
    // For a Docker that does not know the layout yet.
    { name: "manifest.json", bytes: json([{ Config: path(config), RepoTags: [`fhirlite:${version}`], Layers: layers.map(path) }]) },
    { name: "blobs/", mode: 0o755 },
    { name: "blobs/sha256/", mode: 0o755 },
    ...blobs,
  ]);
}

try {
  main();
} catch (error) {
  console.error(`image: ${error instanceof Missing ? "this machine lacks " : ""}${error.message}`);
  process.exitCode = error instanceof Missing ? MISSING : 1;
}
