/** Graph payloads for tests: small ones drawn as text, and two that the viewer made of real runs of pylint. */
import { readFileSync } from "node:fs";
import { makeScales } from "../../plopi/static/js/layout/scales.js";

export const SIZE = { width: 940, height: 640 };
export const MARGIN = { left: 16, right: 14, top: 16, bottom: 18 };

/** One payload by file name: "pylint-pstats" or "pylint-sampled". */
export function real(name) {
  return JSON.parse(readFileSync(new URL(`data/${name}.json`, import.meta.url), "utf8"));
}

/**
 * A payload from lines like "main > work 80": arrows with weights. Self is what a function gets and does not pass on.
 */
export function drawn(text) {
  const arrows = text
    .trim()
    .split("\n")
    .map((line) => /^\s*(\w+) > (\w+) (\d+)$/.exec(line).slice(1));
  const names = [...new Set(arrows.flatMap(([caller, callee]) => [caller, callee]))];
  const gets = (name) => arrows.filter(([, callee]) => callee === name).reduce((sum, [, , weight]) => sum + Number(weight), 0);
  const passes = (name) => arrows.filter(([caller]) => caller === name).reduce((sum, [, , weight]) => sum + Number(weight), 0);
  const nodes = names.map((name, id) => {
    const cum = Math.max(gets(name), passes(name));
    return {
      id,
      label: name,
      name,
      file: `${name}.py`,
      line: 1,
      group: 0,
      self: cum - passes(name),
      cum,
      kind: "python",
      recursive: 0,
      depth: id,
      root: gets(name) === 0,
    };
  });
  const edges = arrows.map(([caller, callee, weight]) => ({
    caller: names.indexOf(caller),
    callee: names.indexOf(callee),
    weight: Number(weight),
    residual: false,
    wrappers: [],
  }));
  return {
    v: 1,
    type: { name: "cpu", unit: "nanoseconds" },
    total: nodes.reduce((sum, node) => sum + node.self, 0),
    nodes,
    edges,
    groups: [],
  };
}

/** The request that drawing would make of a payload, with letters of one width. */
export function request(payload, kind = "layered", size = SIZE, known = []) {
  const scales = makeScales(payload, size);
  return {
    kind,
    size,
    margin: MARGIN,
    known,
    nodes: payload.nodes.map(({ id, self, label, depth, root }) => ({
      id,
      depth,
      root,
      r: scales.radius(self),
      labelWidth: Math.min(150, label.length * 6.3),
      labelHeight: 27,
    })),
    edges: payload.edges.map(({ caller, callee, weight }) => ({ caller, callee, weight, width: scales.width(weight) })),
  };
}
