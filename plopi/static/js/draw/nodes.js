/** Circles: a disc of exact area, and a ring of fixed size for what owns too little to be seen. */
import { s } from "../ui/dom.js";
import { RING } from "../layout/exports.js";
import { changeClass, origin, share, signedShare, weight } from "../format.js";
import { drawLoop } from "./edges.js";

const LONG_PRESS_MS = 550;
/** Pixels that a resting finger may stray. */
const TREMBLE = 8;

export function makeNode(item, handlers) {
  const parts = {
    loop: s("path", { class: "loop" }),
    loopHead: s("path", { class: "loop-head" }),
    halo: s("circle", { class: "focus-halo" }),
    ring: s("circle", { class: "ring", r: RING }),
    disc: s("circle", { class: "disc" }),
    native: s("path", { class: "native-part" }),
    before: s("circle", { class: "before" }),
    hatch: s("circle", { class: "hatch" }),
    hit: s("circle", { class: "hit" }),
  };
  const group = s("g", { class: "node", "data-id": item.id, tabindex: -1, role: "button", "aria-haspopup": "menu" }, Object.values(parts));
  group.addEventListener("pointerenter", (event) => handlers.enterNode(item.id, event));
  group.addEventListener("pointerleave", () => handlers.leave());
  group.addEventListener("focus", () => handlers.focusNode(item.id));
  group.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    handlers.menu(item.id, event.clientX, event.clientY);
  });
  bindLongPress(group, (x, y) => handlers.menu(item.id, x, y));
  return { group, parts };
}

/** A finger that rests on a circle asks for its menu; one that moves or goes does not. */
function bindLongPress(group, open) {
  let timer = null;
  let at = null;
  const forget = () => clearTimeout(timer);
  group.addEventListener("pointerdown", ({ pointerType, clientX, clientY }) => {
    forget();
    at = [clientX, clientY];
    if (pointerType === "touch") timer = setTimeout(() => open(clientX, clientY), LONG_PRESS_MS);
  });
  group.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (at && Math.hypot(clientX - at[0], clientY - at[1]) > TREMBLE) forget();
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) group.addEventListener(end, forget);
}

/** @param loop the recursion's loop, or undefined */
export function drawNode({ group, parts }, item, payload, loop) {
  const { node, x, y, r } = item;
  const group_ = payload.groups[node.group];
  group.setAttribute(
    "class",
    ["node", `kind-${node.kind}`, payload.base ? changeOf(node, payload.total) : colourClass(group_), ...[...group.classList].filter((name) => name.startsWith("is-"))].join(
      " ",
    ),
  );
  group.setAttribute("aria-label", spoken(node, payload));
  for (const part of [parts.halo, parts.ring, parts.disc, parts.hatch, parts.before, parts.hit]) {
    part.setAttribute("cx", x.toFixed(2));
    part.setAttribute("cy", y.toFixed(2));
  }
  parts.disc.setAttribute("r", r.toFixed(4));
  parts.hatch.setAttribute("r", node.kind === "gc" ? r.toFixed(2) : "0");
  parts.native.setAttribute("d", node.native && node.kind === "python" ? sector(x, y, r, node.native / node.self) : "");
  parts.before.setAttribute("r", payload.base && Math.abs(item.before - r) >= 1 ? item.before.toFixed(4) : "0");
  parts.halo.setAttribute("r", (Math.max(r, RING) + 3).toFixed(2));
  parts.hit.setAttribute("r", Math.max(r, 10).toFixed(2));
  parts.loop.toggleAttribute("hidden", !loop);
  parts.loopHead.toggleAttribute("hidden", !loop);
  if (loop) drawLoop(parts, loop);
}

export const colourClass = (group) => (group && group.color !== null && group.color !== undefined ? `g${group.color}` : "gx");

/** A function in one sentence, for screen readers. */
export function spoken(node, { total, type }) {
  const recursion = node.recursive > 0 ? ", recursive" : "";
  const native = node.native ? `, of which native ${share(node.native, node.self)}` : "";
  const change =
    node.base_self === undefined
      ? ""
      : `, before ${weight(node.base_self, type.unit)} and ${weight(node.base_cum, type.unit)}, self ${signedShare(node.self - node.base_self, total)}`;
  return `${node.name}, self ${share(node.self, total)}, ${weight(node.self, type.unit)}${native}, cumulative ${share(node.cum, total)}, ${weight(node.cum, type.unit)}${change}${recursion}, ${origin(node)}`;
}

/** In a diff: the change of self, or of cum where a function has hardly any self on either side. */
function changeOf({ self, cum, base_self: baseSelf, base_cum: baseCum, noise }, total) {
  const own = Math.max(self, baseSelf) >= 0.002 * total;
  return own ? changeClass(self, baseSelf, noise?.self, total) : changeClass(cum, baseCum, noise?.cum, total);
}

/** A sector of a circle, from the top clockwise: a part (0..1) of its area. */
function sector(x, y, r, part) {
  if (!(part > 0) || !(r > 0)) return "";
  const at = (turn) => `${(x + Math.sin(turn) * r).toFixed(2)} ${(y - Math.cos(turn) * r).toFixed(2)}`;
  const arc = (to, large) => `A${r.toFixed(3)} ${r.toFixed(3)} 0 ${large} 1 ${at(to)}`;
  if (part > 0.995) return `M${at(0)}${arc(Math.PI, 0)}${arc(0, 0)}Z`;
  return `M${x.toFixed(2)} ${y.toFixed(2)}L${at(0)}${arc(2 * Math.PI * part, part > 0.5 ? 1 : 0)}Z`;
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
