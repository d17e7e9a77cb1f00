/** Circles: a disc of exact area, and a ring of fixed size for what owns too little to be seen. */
import { s } from "../ui/dom.js";
import { RING } from "../layout/exports.js";
import { origin, share, weight } from "../format.js";
import { drawLoop } from "./edges.js";

export function makeNode(item, handlers) {
  const parts = {
    loop: s("path", { class: "loop" }),
    loopHead: s("path", { class: "loop-head" }),
    halo: s("circle", { class: "focus-halo" }),
    ring: s("circle", { class: "ring", r: RING }),
    disc: s("circle", { class: "disc" }),
    hatch: s("circle", { class: "hatch" }),
    hit: s("circle", { class: "hit" }),
  };
  const group = s("g", { class: "node", "data-id": item.id, tabindex: -1, role: "button" }, Object.values(parts));
  group.addEventListener("pointerenter", (event) => handlers.enterNode(item.id, event));
  group.addEventListener("pointerleave", () => handlers.leave());
  group.addEventListener("focus", () => handlers.focusNode(item.id));
  return { group, parts };
}

/** @param loop the recursion's loop, or undefined */
export function drawNode({ group, parts }, item, payload, loop) {
  const { node, x, y, r } = item;
  const group_ = payload.groups[node.group];
  group.setAttribute(
    "class",
    ["node", `kind-${node.kind}`, colourClass(group_), ...[...group.classList].filter((name) => name.startsWith("is-"))].join(
      " ",
    ),
  );
  group.setAttribute("aria-label", spoken(node, payload));
  for (const part of [parts.halo, parts.ring, parts.disc, parts.hatch, parts.hit]) {
    part.setAttribute("cx", x.toFixed(2));
    part.setAttribute("cy", y.toFixed(2));
  }
  parts.disc.setAttribute("r", r.toFixed(4));
  parts.hatch.setAttribute("r", node.kind === "gc" ? r.toFixed(2) : "0");
  parts.halo.setAttribute("r", (Math.max(r, RING) + 4.5).toFixed(2));
  parts.hit.setAttribute("r", Math.max(r, 10).toFixed(2));
  parts.loop.toggleAttribute("hidden", !loop);
  parts.loopHead.toggleAttribute("hidden", !loop);
  if (loop) drawLoop(parts, loop);
}

export const colourClass = (group) => (group && group.color !== null && group.color !== undefined ? `g${group.color}` : "gx");

/** A function in one sentence, for screen readers. */
export function spoken(node, { total, type }) {
  const recursion = node.recursive > 0 ? ", recursive" : "";
  return `${node.name}, self ${share(node.self, total)}, ${weight(node.self, type.unit)}, cumulative ${share(node.cum, total)}, ${weight(node.cum, type.unit)}${recursion}, ${origin(node)}`;
}

/** What `<gc>` is filled with. */
export function gcPattern(id = "gc-hatch") {
  return s(
    "defs",
    {},
    s(
      "pattern",
      { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { class: "gc-line", width: 3, height: 6 }),
    ),
  );
}
