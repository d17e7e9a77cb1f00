/** Where in a function its time goes: its source with heat where that may be read, else the numbers of its lines. */
import { plural, share, weight } from "../../format.js";
import { changeCell } from "../../ui/change.js";
import { h, keepingFocus, replace } from "../../ui/dom.js";

const MOST_WITHOUT_SOURCE = 40;

/** @param source the server's answer, or null where there is none to be shown */
export function showLines(element, answer, source) {
  const known = answer.lines.filter(({ line }) => line > 0);
  element.classList.toggle("with-source", Boolean(source));
  if (!known.length && !source) {
    replace(element);
    return;
  }
  const rows = source
    ? source.lines.map(({ n, ...row }) => ({ line: n, ...row }))
    : [...known]
        .sort((a, b) => heat(b) - heat(a) || a.line - b.line)
        .slice(0, MOST_WITHOUT_SOURCE)
        .sort((a, b) => a.line - b.line);
  const id = String(answer.function.id);
  const before = element.dataset.id === id ? element.querySelector(".listing") : null;
  const place = before && { top: before.scrollTop, left: before.scrollLeft };
  element.dataset.id = id;
  const list = listing(rows, answer, Boolean(source));
  keepingFocus(element, () =>
    replace(
      element,
      h("h3", {}, source ? "Source" : known.length > rows.length ? `Lines (${rows.length} of ${known.length}, the heaviest)` : "Lines"),
      source && source.matches !== "yes" ? h("p", { class: "doubt" }, source.why) : null,
      list,
      source ? null : h("p", { class: "muted" }, "The viewer shows source of files below a directory that it was started with as --source-root."),
    ),
  );
  if (place) list.scrollTo(place);
  else showHottest(list, rows);
}

/** By what a line is among the heaviest: the time that went there, on the side where that is more. */
const heat = (row) => Math.max(row.cum, row.base_cum ?? 0);

const COLUMNS = [
  ["line", "number"],
  ["self", "self"],
  ["cum", "cum"],
  ["", "heat"],
];
const CHANGES = [
  ["Δ self", "delta"],
  ["Δ cum", "delta"],
];

function listing(rows, answer, withSource) {
  const most = (key) => Math.max(1, ...rows.map((row) => row[key]));
  const scale = { self: most("self"), cum: most("cum") };
  const head = [...COLUMNS, ...(answer.base ? CHANGES : []), ...(withSource ? [["source", "code"]] : [])];
  const own = (event) => event.key.startsWith("Arrow") && event.stopPropagation();
  return h(
    "div",
    { class: "listing", tabindex: 0, role: "region", "aria-label": `Lines of ${answer.function.name}`, "data-focus": "listing", onkeydown: own },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map(([words, kind]) => (words ? h("th", { scope: "col", class: kind }, words) : h("td", { class: kind }))))),
      h("tbody", {}, rows.map((row) => line(row, answer, scale))),
    ),
  );
}

function line(row, answer, scale) {
  const { total, type } = answer;
  const change = (key) => {
    const told = row[key] || row[`base_${key}`];
    return h("td", { class: "n delta" }, told ? changeCell(row[key], row[`base_${key}`], row.noise?.[key] ?? null, answer) : "");
  };
  const cell = (key) => h("td", { class: `n ${key}`, title: row[key] ? weight(row[key], type.unit) : null }, row[key] ? share(row[key], total) : "");
  const bar = (key) => {
    const made = h("span", { class: `bar ${key}` });
    made.style.width = `${(100 * row[key]) / scale.cum}%`;
    return made;
  };
  const made = h(
    "tr",
    { class: row.self || heat(row) ? "hot" : "", "data-line": row.line },
    h("td", { class: "n number" }, String(row.line)),
    cell("self"),
    cell("cum"),
    h("td", { class: "heat", "aria-hidden": "true" }, row.cum ? h("span", { class: "track" }, bar("cum"), bar("self")) : null),
    answer.base ? ["self", "cum"].map(change) : null,
    row.text === undefined ? null : h("td", { class: "code" }, h("code", {}, row.text)),
  );
  made.style.setProperty("--heat", (row.self / scale.self).toFixed(3));
  return made;
}

/** A long function is opened where its time goes. */
function showHottest(list, rows) {
  const hottest = rows.reduce((best, row) => (row.self > best.self || (row.self === best.self && row.cum > best.cum) ? row : best), rows[0]);
  const row = list.querySelector(`[data-line="${hottest?.line}"]`);
  if (row && row.offsetTop + row.offsetHeight > list.clientHeight) list.scrollTop = row.offsetTop - list.clientHeight / 2;
}

/** The heaviest ways that lead to the function, from the root. */
export function showPaths(element, answer, href, go) {
  const { paths, function: row } = answer;
  if (!paths.length) {
    replace(element);
    return;
  }
  replace(
    element,
    h("h3", {}, paths.length === 1 ? "The way to it" : "Heaviest ways to it"),
    h(
      "ol",
      { class: "paths" },
      paths.map(({ stack, weight: part, omitted }) =>
        h(
          "li",
          {},
          h("b", { title: weight(part, answer.type.unit) }, share(part, row.cum)),
          h(
            "span",
            { class: "way" },
            omitted ? [`${plural(omitted, "function")} `, h("span", { class: "to" }, "› ")] : null,
            stack.map(({ id, label }, i) => [
              i ? h("span", { class: "to" }, " › ") : null,
              i === stack.length - 1
                ? h("b", {}, label)
                : h("a", { href: href(id), onclick: (event) => step(event, () => go(id)) }, label),
            ]),
          ),
        ),
      ),
    ),
  );
}

function step(event, go) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go();
}
