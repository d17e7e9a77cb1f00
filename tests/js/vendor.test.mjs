/** The vendored files are what their table says, and our own files keep the page's security policy. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { test } from "node:test";

const STATIC = new URL("../../plopi/static/", import.meta.url);

test("every vendored script has a row with its hash, and a licence", () => {
  const rows = [
    ...readFileSync(new URL("vendor/README.md", STATIC), "utf8").matchAll(
      /^\| `([^`]+)` \|.*?`([^`]+LICENSE)`.*`([0-9a-f]{64})` \|$/gm,
    ),
  ];
  const scripts = readdirSync(new URL("vendor/", STATIC)).filter((name) => /\.m?js$/.test(name));
  assert.deepEqual(rows.map(([, file]) => file).sort(), scripts.sort());
  for (const [, file, licence, hash] of rows) {
    assert.equal(
      createHash("sha256")
        .update(readFileSync(new URL(`vendor/${file}`, STATIC)))
        .digest("hex"),
      hash,
      file,
    );
    assert.ok(statSync(new URL(`vendor/${licence}`, STATIC)).size > 300);
  }
});

const own = (folder) =>
  readdirSync(new URL(folder, STATIC), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? own(`${folder}${entry.name}/`) : [`${folder}${entry.name}`],
  );

test("our scripts never make markup or code from text", () => {
  for (const file of own("js/")) {
    const source = readFileSync(new URL(file, STATIC), "utf8");
    assert.doesNotMatch(
      source,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(|DOMParser|setAttribute\("style"/,
      file,
    );
  }
});

test("layout touches neither the page, nor the clock, nor chance", () => {
  for (const file of own("js/layout/").filter((name) => !name.endsWith("worker.js"))) {
    const source = readFileSync(new URL(file, STATIC), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
    assert.doesNotMatch(source, /document|window\.|Math\.random|Date\b|performance/, file);
    assert.doesNotMatch(source, /from "\.\.\/(draw|ui|pages)/, file);
  }
});

test("pages hold no inline script or style, and take nothing from elsewhere", () => {
  for (const page of ["index.html", "profile.html"]) {
    const source = readFileSync(new URL(page, STATIC), "utf8");
    assert.doesNotMatch(source, /\son\w+=|style=|<style|javascript:|https?:/, page);
    for (const [script] of source.matchAll(/<script[^>]*>[^<]*<\/script>/g)) assert.match(script, /src="[^"]+"[^>]*><\/script>$/);
  }
});
