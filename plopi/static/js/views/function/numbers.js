/** A function's name, where it is from, and its figures. */
import { chanceWords, count, origin, share, signedShare, weight } from "../../format.js";
import { h, replace } from "../../ui/dom.js";

/** @param links [[words, href, go]] to other views of it */
export function showNumbers(element, answer, links) {
  const { function: row, total, type, native, gc, recursive } = answer;
  const figure = (value, words, title) => h("div", { class: "figure", title }, h("b", {}, value), h("span", {}, words));
  const timed = type.unit === "nanoseconds";
  replace(
    element,
    h("h2", {}, row.name),
    h("p", { class: "where" }, origin(row), h("span", { class: "package" }, row.group)),
    h(
      "div",
      { class: "figures" },
      figure(share(row.self, total), `self ${weight(row.self, type.unit)}`, "With the function itself on top of the stack"),
      figure(
        `${row.exact === false ? "≤ " : ""}${share(row.cum, total)}`,
        `cum ${weight(row.cum, type.unit)}`,
        "With the function anywhere in the stack, each sample once",
      ),
      ["self", "cum"].map((key) => changed(figure, row, key, answer)),
      row.calls === null ? null : figure(count(row.calls), calls(row), "Counted by the profiler"),
      row.percall_ns === null || !timed ? null : figure(weight(row.percall_ns, type.unit), "cum per call", "cum by calls that are not recursive"),
      native === null ? null : figure(share(native, total), `native code ${weight(native, type.unit)}`, "The part of self in native code"),
      gc ? figure(share(gc, total), `garbage collection ${weight(gc, type.unit)}`, "Collections that ran in it") : null,
      recursive ? figure(share(recursive, total), "calls itself", "Samples in which it called itself directly") : null,
    ),
    h(
      "p",
      { class: "links" },
      links.map(([words, href, go]) => h("a", { href, onclick: follow(go) }, words)),
    ),
  );
}

/** In a comparison: how much more or less, and whether chance alone may have made it. */
function changed(figure, row, key, { total, type }) {
  const before = row[`base_${key}`];
  if (before === undefined) return null;
  const change = row[key] - before;
  const words = [`${key}, before ${weight(before, type.unit)}`, chanceWords(change, row.noise?.[key], total)].filter(Boolean).join("; ");
  return figure(signedShare(change, total), words, "The later less the earlier, which is scaled as the filter above says");
}

function calls(row) {
  return row.primitive !== null && row.primitive !== row.calls ? `calls, ${count(row.primitive)} not recursive` : "calls";
}

/** A click stays on the page, a click with a modifier is the browser's. */
export function follow(go) {
  return (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go();
  };
}
