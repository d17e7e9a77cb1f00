/** What colours, areas and widths stand for, with numbers. */
import { share, weight } from "../format.js";
import { h, replace, s } from "./dom.js";

const STEPS = [1, 2, 5];
/** 0.1 % of a total must not come out as less than that. */
const EXACTLY = 1 + 1e-9;
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
  const { total, type, groups, nodes } = payload;
  const gc = nodes.some((node) => node.kind === "gc" && groups[node.group].color === null);
  groupsLegend(places.groups, payload, gc ? "▨ garbage collection" : "");
  replace(places.scales, circleScale(scales, total, type), arrowScale(scales, total, type));
}

/** @param more words on a sign that is no colour, or "" */
export function groupsLegend(element, { groups, total, type }, more = "") {
  replace(
    element,
    groups
      .filter((group) => group.self > 0)
      .map((group) =>
        h(
          "span",
          { class: "group", title: [`${group.name}: ${weight(group.self, type.unit)} self`, WHAT[group.name]].filter(Boolean).join("; ") },
          h("span", { class: `swatch ${group.color === null ? "" : `g${group.color}`}` }),
          h("span", { class: "group-name" }, group.name),
          h("b", {}, share(group.self, total)),
        ),
      ),
    more ? h("span", { class: "group" }, more) : null,
  );
}

/** Two or three round shares whose circles are large enough to be compared and small enough for the strip. */
function circleScale(scales, total, type) {
  const top = roundBelow(scales.largestSelf / total);
  const values = PARTS.filter((part) => part <= top * 1.0001)
    .map((part) => part * total)
    .filter((value) => value >= 0.001 * total && scales.radius(value) >= 3 && scales.radius(value) <= 20)
    .slice(-3);
  if (!values.length) return null;
  return h(
    "span",
    { class: "scale", title: `Area: ${values.map((value) => weight(value, type.unit)).join(", ")} self` },
    h("span", { class: "what" }, "self"),
    values.map((value) => h("span", { class: "sample" }, circle(scales.radius(value)), share(value * EXACTLY, total))),
  );
}

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
    values.map((value) => h("span", { class: "sample" }, arrow(scales.width(value)), share(value * EXACTLY, total))),
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
