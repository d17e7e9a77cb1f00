/** What colours, areas and widths stand for, with numbers. */
import { CHANGE_STEPS, share, weight } from "../format.js";
import { colourClass } from "../draw/nodes.js";
import { h, replace, s } from "./dom.js";

const STEPS = [1, 2, 5];
/** So many colours stand before what else is marked; where the strip is too short for all, small groups are what is not seen. */
const FIRST = 5;
/** 0.1 % of a total must not come out as less than that. */
const EXACTLY = 1 + 1e-9;
/** The colour of garbage collection, which is hatched wherever it is drawn. */
const GC = 8;
/** Groups whose names ask for a word more. */
const WHAT = {
  "code from strings": "compiled from text: exec, python -c, methods that dataclasses and namedtuples make",
  "generated code": "without a source file: templates, notebooks, methods made by libraries",
  "unknown file": "the profile does not tell their files",
};
const PARTS = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** The largest "round" value (1, 2 or 5 times a power of ten) not above a limit. */
export function roundBelow(limit) {
  if (!(limit > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(limit));
  return Math.max(...STEPS.filter((step) => step * power <= limit * 1.000001)) * power;
}

/**
 * @param places {groups, scales}: the elements to fill
 * @param scales as on the screen, zoom and all
 */
export function drawLegend(places, payload, scales) {
  if (!payload.nodes.length) {
    replace(places.groups);
    replace(places.scales);
    return;
  }
  const { total, type } = payload;
  const all = payload.base ? changes(payload) : colours(payload);
  const first = payload.base ? all.length : FIRST;
  replace(places.groups, all.slice(0, first), marks(payload), all.slice(first));
  replace(places.scales, circleScale(scales, total, type), arrowScale(scales, total, type));
}

/** Groups with their shares, or in a diff what its colours say. @param more words on a sign that is no colour, or "" */
export function groupsLegend(element, payload, more = "") {
  replace(element, payload.base ? changes(payload) : colours(payload), more ? h("span", { class: "group" }, more) : null);
}

const swatch = (kind, words, title, share_) =>
  h(
    "span",
    { class: "group", title },
    h("span", { class: `swatch ${kind}` }),
    h("span", { class: "group-name" }, words),
    " ",
    share_ ? h("b", {}, share_) : null,
  );

function colours({ groups, type, total }) {
  const title = ({ name, self }) => [`${name}: ${weight(self, type.unit)} self`, WHAT[name]].filter(Boolean).join("; ");
  return groups
    .filter((group) => group.self > 0)
    .map((group) => swatch(`${colourClass(group)} ${group.color === GC ? "gc" : ""}`, group.name, title(group), share(group.self, total)));
}

/** In a diff: what the colours say, from much less to much more. */
function changes({ total, type, base }) {
  const [some, much] = CHANGE_STEPS.map((part) => share(part * total * EXACTLY, total));
  const amount = (part) => weight(part * total, type.unit);
  const [a, b] = CHANGE_STEPS.map(amount);
  return [
    swatch("less3", `less by > ${much}`, `more than ${b} less than in ${base.name}`),
    swatch("less2", `> ${some}`, `more than ${a} less`),
    swatch("less1", "a little", `less, by at most ${a}, and more than chance explains`),
    swatch("c0", "no change", "equal, or within what chance explains"),
    swatch("more1", "a little", `more, by at most ${a}, and more than chance explains`),
    swatch("more2", `> ${some}`, `more than ${a} more`),
    swatch("more3", `more by > ${much}`, `more than ${b} more than in ${base.name}`),
  ];
}

/** What is marked besides, where it occurs. */
function marks({ nodes, edges, groups, base }) {
  const gc = nodes.some((node) => node.kind === "gc" && (base || groups[node.group].color === null));
  return [
    base ? h("span", { class: "group", title: "The area that the circle had" }, "◌ before") : null,
    gc ? h("span", { class: "group" }, "▨ garbage collection") : null,
    nodes.some((node) => node.native && node.kind === "python") ? swatch("native", "native part", "Part of self in native code") : null,
    edges.some((edge) => edge.back) ? swatch("back", "calls back up", "Arrows that close a cycle") : null,
  ];
}

/** Two or three round shares whose circles are large enough to be compared and small enough for the strip. */
function circleScale(scales, total, type) {
  const top = roundBelow(scales.largestSelf / total);
  const values = PARTS.filter((part) => part <= top * 1.0001)
    .map((part) => part * total)
    .filter((value) => scales.radius(value) >= 3 && scales.radius(value) <= 20)
    .slice(-3);
  if (!values.length) return null;
  return h(
    "span",
    { class: "scale", title: `Area: ${values.map((value) => weight(value, type.unit)).join(", ")} self` },
    h("span", { class: "what" }, "self"),
    values.map((value) => h("span", { class: "sample" }, circle(scales.radius(value)), amount(value, total, type))),
  );
}

/** As a share; where that would be "<0.1%", which says nothing of a scale, in the sample type's unit. */
const amount = (value, total, type) =>
  value * EXACTLY >= 0.001 * total ? share(value * EXACTLY, total) : weight(value, type.unit);

function circle(r) {
  const size = Math.ceil(2 * r) + 1;
  return s(
    "svg",
    { width: size, height: size, viewBox: `0 0 ${size} ${size}`, "aria-hidden": "true" },
    s("circle", { class: "area", cx: size / 2, cy: size / 2, r: r.toFixed(2) }),
  );
}

function arrowScale(scales, total, type) {
  const top = roundBelow(scales.largestWeight / total) * total;
  const values = [top / 50, top / 5, top].filter((value) => scales.width(value) >= 0.8 && scales.width(value) <= 40).slice(-2);
  if (!values.length) return null;
  return h(
    "span",
    { class: "scale", title: `Width: ${values.map((value) => weight(value, type.unit)).join(", ")} cumulative` },
    h("span", { class: "what" }, "cum"),
    values.map((value) => h("span", { class: "sample" }, arrow(scales.width(value)), amount(value, total, type))),
  );
}

function arrow(width) {
  const height = Math.ceil(Math.max(10, width + 4));
  const y = height / 2;
  return s(
    "svg",
    { width: 26, height, viewBox: `0 0 26 ${height}`, "aria-hidden": "true" },
    s("path", { class: "arrow", d: `M0 ${y}H26`, "stroke-width": width.toFixed(2) }),
  );
}
