/** Dockerfile, image, archives, formula and Cargo.toml agree. Programs are heads and nothing else, but for the one that runs. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { elf, folderOf, machO } from "../js/scripts/heads.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "..");
const read = (name) => readFileSync(join(ROOT, name), "utf8");
const cargo = read("Cargo.toml");
const valueOf = (key) => cargo.match(new RegExp(`^${key} = "(.+)"$`, "m"))[1];
const VERSION = valueOf("version");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function run(script, parts, cwd, env = process.env) {
  return spawnSync(process.execPath, [join(HERE, script), ...parts], { cwd, env, encoding: "utf8" });
}

/** Unpacks an archive with the tar of the system. */
function unpacked(folder, archive) {
  const done = spawnSync("tar", ["xf", archive, "--one-top-level=unpacked"], { cwd: folder, encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  return join(folder, "unpacked");
}

/** The image of a program, its manifest and its settings; every digest and size is compared. */
function imageOf(folder, program) {
  writeFileSync(join(folder, "program"), program);
  const done = run("image.js", ["--out", "image.tar", "program"], folder);
  assert.equal(done.status, 0, done.stderr);
  const layout = unpacked(folder, "image.tar");
  const json = (path) => JSON.parse(readFileSync(join(layout, path), "utf8"));
  const blob = ({ digest, size }) => {
    const bytes = readFileSync(join(layout, "blobs", digest.replace(":", "/")));
    assert.deepEqual([bytes.length, `sha256:${sha256(bytes)}`], [size, digest]);
    return bytes;
  };
  assert.equal(json("oci-layout").imageLayoutVersion, "1.0.0");
  const manifest = JSON.parse(blob(json("index.json").manifests[0]));
  const settings = JSON.parse(blob(manifest.config));
  const layer = gunzipSync(blob(manifest.layers[0]));
  assert.deepEqual(settings.rootfs.diff_ids, [`sha256:${sha256(layer)}`]);
  const [docker] = json("manifest.json");
  for (const path of [docker.Config, ...docker.Layers]) assert.ok(existsSync(join(layout, path)));
  return { settings, docker, layer };
}

test("an image holds the program and what the Dockerfile says", (t) => {
  const folder = folderOf(t);
  const program = elf(183);
  const { settings, docker, layer } = imageOf(folder, program);
  assert.equal(settings.architecture, "arm64");
  assert.deepEqual(docker.RepoTags, [`fhirlite:${VERSION}`]);
  assert.deepEqual(settings.config.Entrypoint, ["/fhirlite"]);
  assert.deepEqual(Object.keys(settings.config.ExposedPorts), ["8080/tcp"]);
  writeFileSync(join(folder, "layer.tar"), layer);
  const listed = spawnSync("tar", ["tvf", "layer.tar"], { cwd: folder, encoding: "utf8" }).stdout;
  assert.match(listed, /^-rwxr-xr-x 0\/0 +512 1970-01-01 00:00 fhirlite$/m);
  assert.match(listed, /^drwxrwxrwt .* tmp\/$/m);
  const again = readFileSync(join(folder, "image.tar"));
  run("image.js", ["--out", "again.tar", "program"], folder);
  assert.deepEqual(readFileSync(join(folder, "again.tar")), again);
});

test("an image is not made of a program that would not start in it", (t) => {
  const folder = folderOf(t);
  for (const [bytes, words] of [[elf(62, "/lib64/ld-linux-x86-64.so.2"), /needs glibc/], [machO(0x0100000c), /needs darwin/]]) {
    writeFileSync(join(folder, "program"), bytes);
    const done = run("image.js", ["--out", "image.tar", "program"], folder);
    assert.equal(done.status, 1);
    assert.match(done.stderr, words);
  }
});

test("what an image cannot be made without is named, with a code of its own", (t) => {
  const done = run("image.js", ["--out", "image.tar"], folderOf(t), { ...process.env, PATH: "" });
  assert.deepEqual([done.status, done.stderr], [77, "image: this machine lacks rustc\n"]);
});

test("the image's command serves what is mounted, and says that it is ready", { skip: !process.env.FHIRLITE_PROGRAM && "needs .ci/javascript" }, async (t) => {
  const folder = folderOf(t);
  const { settings } = imageOf(folder, elf(62));
  const data = folderOf(t);
  writeFileSync(join(data, "a.json"), '{"resourceType":"Patient","id":"a"}');
  const { Cmd, WorkingDir } = settings.config;
  assert.ok(Cmd.includes(WorkingDir) && Cmd.includes("0.0.0.0:8080"));
  const parts = Cmd.map((part) => (part === WorkingDir ? data : part.replace("0.0.0.0:8080", "127.0.0.1:0")));
  const child = spawn(process.env.FHIRLITE_PROGRAM, parts, { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill());
  const said = String(await new Promise((resolve) => child.stdout.once("data", resolve)));
  const url = said.match(/listening on (\S+)/)[1];
  assert.equal((await fetch(`${url}/health`)).status, 200);
  assert.equal((await fetch(`${url}/fhir/Patient/a`)).status, 200);
});

test("the Dockerfile names what is there", () => {
  const text = read("Dockerfile");
  const program = cargo.match(/\[\[bin\]\]\nname = "(.+)"/)[1];
  assert.ok(text.includes(`--bin ${program} `) && text.includes(`cp target/release/${program} LICENSE /image/`));
  assert.ok(text.includes(`ENTRYPOINT ["/${program}"]`));
  for (const name of ["LICENSE", "Cargo.lock"]) assert.ok(existsSync(join(ROOT, name)));
  // Nothing that cargo reads is kept from the build.
  const ignored = read(".dockerignore").trim().split("\n");
  assert.deepEqual(ignored, ["/target", "/.git", "**/node_modules", "**/*.db"]);
});

test("archives are where cargo binstall looks, and the formula has their checksums", (t) => {
  const folder = folderOf(t);
  const programs = {
    "x86_64-unknown-linux-musl": elf(62),
    "aarch64-unknown-linux-musl": elf(183),
    "x86_64-unknown-linux-gnu": elf(62, "/lib64/ld-linux-x86-64.so.2"),
    "x86_64-apple-darwin": machO(0x01000007),
    "aarch64-apple-darwin": machO(0x0100000c),
  };
  for (const [target, bytes] of Object.entries(programs)) writeFileSync(join(folder, target), bytes);
  const url = "https://git.example/fhirlite";
  const done = run("release.js", ["--out", "out", "--repository", url, ...Object.keys(programs)], folder);
  assert.equal(done.status, 0, done.stderr);
  const formula = readFileSync(join(folder, "out", "fhirlite.rb"), "utf8");
  assert.ok(formula.includes(`version "${VERSION}"`) && formula.includes(`license "${valueOf("license")}"`));
  assert.doesNotMatch(formula, /@/);
  const pattern = valueOf("pkg-url").replace("{ repo }", url).replace("{ version }", VERSION);
  assert.equal(valueOf("pkg-fmt"), "tgz");
  for (const [target, bytes] of Object.entries(programs)) {
    const link = pattern.replace("{ target }", target);
    const archive = readFileSync(join(folder, "out", link.split("/").pop()));
    assert.ok(gunzipSync(archive).includes(bytes));
    const stands = formula.includes(`url "${link}"\n      sha256 "${sha256(archive)}"`);
    assert.equal(stands, !target.endsWith("gnu"), target);
  }
  const inside = valueOf("bin-dir").replace("{ bin }", "fhirlite").replace("{ binary-ext }", "");
  const archive = join("out", "fhirlite-x86_64-apple-darwin.tgz");
  assert.ok(existsSync(join(unpacked(folder, archive), inside)));
  const few = run("release.js", ["--out", "few", "--repository", url, "x86_64-apple-darwin"], folder);
  assert.match(few.stdout, /no formula for Homebrew: it also needs aarch64-apple-darwin, aarch64-unknown-linux-musl/);
  assert.ok(!existsSync(join(folder, "few", "fhirlite.rb")));
});

test("the formula's own test passes", { skip: !process.env.FHIRLITE_PROGRAM && "needs .ci/javascript" }, (t) => {
  const formula = read("packaging/fhirlite.rb.in");
  const folder = folderOf(t);
  const [, name, text] = formula.match(/testpath\/"(.+)"\)\.write '(.+)'/);
  writeFileSync(join(folder, name), text);
  const program = (...parts) => spawnSync(process.env.FHIRLITE_PROGRAM, parts, { cwd: folder, encoding: "utf8" });
  const [, command] = formula.match(/system bin\/"fhirlite", (.+)$/m);
  assert.equal(program(...JSON.parse(`[${command}]`)).status, 0);
  const [, wanted, parts] = formula.match(/assert_match '(.+)', shell_output\("#\{bin\}\/fhirlite (.+)"\)/);
  assert.ok(program(...parts.split(" ")).stdout.includes(wanted));
  for (const shell of ["bash", "zsh", "fish"]) assert.equal(program("completions", shell).status, 0);
});

test("the page names the version and the commands that are there", () => {
  const page = read("packaging/README.md");
  for (const [image] of page.matchAll(/fhirlite:\d[\d.]*/g)) assert.equal(image, `fhirlite:${VERSION}`);
  const scripts = [...page.matchAll(/node (\S+\.js)/g)].map((match) => match[1]);
  assert.equal(new Set(scripts).size, 3);
  for (const script of scripts) assert.ok(existsSync(join(ROOT, script)), script);
});
