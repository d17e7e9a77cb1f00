/** What is known of the selection: a function with its callers and callees, or an arrow with the wrappers folded into it. */
import { count, origin, share, weight } from "../format.js";
import { h, replace } from "./dom.js";

/**
 * @param answer the server's function payload
 * @param inPicture whether the graph shows it
 * @param actions {select(id), close(), add(id), around(id), expand(id, kind), page: address of the function's own page, or null}
 */
export function showFunction(element, answer, inPicture, actions) {
  const { function: row, total, type } = answer;
  replace(
    element,
    closeButton(actions),
    h("h2", {}, row.name),
    h(
      "p",
      { class: "where" },
      origin(row),
    ),
    inPicture ? null : absent(row, actions),
    actions.page ? h("p", {}, h("a", { href: actions.page, "data-focus": "page" }, "Callers, callees and source")) : null,
    h(
      "div",
      { class: "figures" },
      figure(share(row.self, total), `self ${weight(row.self, type.unit)}`),
      figure(share(row.cum, total), `cum ${weight(row.cum, type.unit)}`),
      row.calls !== null && row.calls !== undefined ? figure(count(row.calls), calls(row)) : null,
    ),
    related("Callers", "callers", answer.callers, answer.callers_total, answer, actions),
    related("Callees", "callees", answer.callees, answer.callees_total, answer, actions),
    lines(answer),
  );
}

export function showEdge(element, edge, nameOf, payload, actions) {
  const { total, type } = payload;
  const row = (id, name, note) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", onclick: () => actions.select(id) },
        h("span", { class: "label-text" }, name),
        h("span", { class: "n" }, note),
      ),
    );
  replace(
    element,
    closeButton(actions),
    h("h2", {}, `${nameOf(edge.caller)} → ${nameOf(edge.callee)}`),
    edge.residual ? h("p", { class: "where" }, "Not a direct call: the functions between are not drawn.") : null,
    h(
      "div",
      { class: "figures" },
      figure(share(edge.weight, total), `${edge.exact === false ? "at most " : ""}${weight(edge.weight, type.unit)}`),
    ),
    edge.wrappers.length
      ? [
          h("h3", {}, "Folded into this arrow (self · cum)"),
          h(
            "ul",
            { class: "rows" },
            row(edge.caller, nameOf(edge.caller), "caller"),
            edge.wrappers.map((wrapper) =>
              row(wrapper.id, wrapper.label, `${share(wrapper.self, total)} · ${share(wrapper.cum, total)}`),
            ),
            row(edge.callee, nameOf(edge.callee), "callee"),
          ),
        ]
      : h(
          "ul",
          { class: "rows" },
          row(edge.caller, nameOf(edge.caller), "caller"),
          row(edge.callee, nameOf(edge.callee), "callee"),
        ),
  );
}

export function showTrouble(element, message, actions) {
  replace(element, closeButton(actions), h("p", {}, message));
}

function closeButton(actions) {
  return h(
    "button",
    {
      class: "close",
      type: "button",
      "data-focus": "close",
      title: "Let go of the selection (Esc)",
      "aria-label": "Let go of the selection",
      onclick: actions.close,
    },
    "✕",
  );
}

/** Not in the picture: how to get there. */
function absent({ id }, actions) {
  const button = (words, title, focus, run) => h("button", { type: "button", title, "data-focus": focus, onclick: run }, words);
  return h(
    "p",
    { class: "absent" },
    h("span", {}, "Not in the picture."),
    button("Add it", "Draw it besides what is drawn", "add", () => actions.add(id)),
    button("Look around it", "Draw its neighbourhood instead", "around", () => actions.around(id)),
  );
}

function figure(value, words) {
  return h("div", { class: "figure" }, h("b", {}, value), h("span", {}, words));
}

function calls(row) {
  return row.primitive !== null && row.primitive !== row.calls ? `calls, ${count(row.primitive)} not recursive` : "calls";
}

function related(title, kind, rows, all, { total, type }, actions) {
  if (!rows.length)
    return h("h3", { class: kind }, kind === "callers" ? "Nothing calls it: a root" : "It calls nothing that was seen");
  return [
    h("h3", { class: kind }, all > rows.length ? `${title} (${rows.length} of ${count(all)})` : title),
    h(
      "ul",
      { class: "rows" },
      rows.map((row) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              title: `${row.name} ${origin(row)}`,
              "data-focus": `${kind} ${row.id}`,
              onclick: () => actions.select(row.id),
            },
            h("span", { class: "label-text" }, row.label),
            h(
              "span",
              { class: "n", title: weight(row.weight, type.unit) },
              row.exact === false ? `≤ ${share(row.weight, total)}` : share(row.weight, total),
            ),
          ),
        ),
      ),
    ),
  ];
}

function lines({ lines: rows, total }) {
  const known = (rows ?? []).filter((row) => row.line > 0);
  if (!known.length) return null;
  const heavy = [...known]
    .sort((a, b) => b.self - a.self || b.cum - a.cum || a.line - b.line)
    .slice(0, 8)
    .sort((a, b) => a.line - b.line);
  return [
    h(
      "h3",
      {},
      known.length > heavy.length ? `Heaviest lines (${heavy.length} of ${known.length}; self · cum)` : "Lines (self · cum)",
    ),
    h(
      "ul",
      { class: "rows" },
      heavy.map((row) =>
        h(
          "li",
          { class: "line" },
          h("span", {}, `line ${row.line}`),
          h("span", { class: "n" }, `${share(row.self, total)} · ${share(row.cum, total)}`),
        ),
      ),
    ),
  ];
}
