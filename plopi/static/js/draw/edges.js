/** Arrows: shaft of exact width, a hairline for what is too thin to see, head, and a wide invisible stroke to point at. */
import { s } from "../ui/dom.js";
import { shaftOf } from "../layout/exports.js";

const HIT_WIDTH = 9;
/** Narrower arrows step back, so that the heavy ones are seen first. */
const THIN = 1;

const CHANGES = ["c0", "more1", "more2", "more3", "less1", "less2", "less3"];

const path = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

export function makeEdge(item, handlers) {
  const parts = {
    casing: s("path", { class: "casing" }),
    rail: s("path", { class: "rail" }),
    shaft: s("path", { class: "shaft" }),
    head: s("path", { class: "head" }),
    hit: s("path", { class: "hit" }),
  };
  const group = s("g", { class: "edge", "data-key": item.key }, Object.values(parts));
  group.addEventListener("click", (event) => handlers.pickEdge(item.key, event));
  group.addEventListener("pointerenter", (event) => handlers.enterEdge(item.key, event));
  group.addEventListener("pointerleave", () => handlers.leave());
  return { group, parts };
}

/** Brings an arrow's elements to a route {points, head}. */
export function drawEdge({ group, parts }, item, route) {
  const { points, head } = route;
  const shaft = shaftOf(points, head.length * 0.9);
  const line = path(shaft.points);
  parts.casing.setAttribute("d", line);
  parts.casing.setAttribute("stroke-width", (item.width + 3).toFixed(3));
  parts.rail.setAttribute("d", line);
  parts.shaft.setAttribute("d", line);
  parts.shaft.setAttribute("stroke-width", item.width.toFixed(4));
  parts.head.setAttribute("d", arrowhead(points.at(-1), shaft.end, head));
  parts.hit.setAttribute("d", path(points));
  parts.hit.setAttribute("stroke-width", Math.max(HIT_WIDTH, item.width + 4).toFixed(1));
  group.classList.toggle("thin", item.width < THIN);
  group.classList.toggle("heavy", item.heavy);
  group.classList.toggle("residual", item.edge.residual);
  group.classList.toggle("back", Boolean(item.edge.back));
  for (const name of CHANGES) group.classList.toggle(name, name === item.change);
}

function arrowhead([x, y], [bx, by], { length, half }) {
  const distance = Math.hypot(x - bx, y - by) || 1;
  const ux = (x - bx) / distance;
  const uy = (y - by) / distance;
  const cx = x - ux * length;
  const cy = y - uy * length;
  return `M${x.toFixed(1)} ${y.toFixed(1)}L${(cx - uy * half).toFixed(1)} ${(cy + ux * half).toFixed(1)}L${(cx + uy * half).toFixed(1)} ${(cy - ux * half).toFixed(1)}Z`;
}

/** @param loop as `loopOf` gives it */
export function drawLoop(parts, { points, head }) {
  const shaft = shaftOf(points, head.length * 0.8);
  parts.loop.setAttribute("d", path(shaft.points));
  parts.loopHead.setAttribute("d", arrowhead(points.at(-1), shaft.end, head));
}
