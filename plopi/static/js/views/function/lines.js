/** Where in a function its time goes: its source with heat where that may be read, else the numbers of its lines. */
import { plural, share, weight } from "../../format.js";
import { h, replace } from "../../ui/dom.js";

const MOST_WITHOUT_SOURCE = 40;

/** @param source the server's answer, or null where there is none to be shown */
export function showLines(element, answer, source) {
  const known = answer.lines.filter(({ line }) => line > 0);
  if (!known.length && !source) {
    replace(element);
    return;
  }
  const rows = source
    ? source.lines.map(({ n, text, self, cum }) => ({ line: n, text, self, cum }))
    : [...known]
        .sort((a, b) => b.cum - a.cum || a.line - b.line)
        .slice(0, MOST_WITHOUT_SOURCE)
        .sort((a, b) => a.line - b.line);
  const hottest = Math.max(1, ...rows.map(({ self }) => self));
  replace(
    element,
    h("h3", {}, source ? "Source" : known.length > rows.length ? `Lines (${rows.length} of ${known.length}, the heaviest)` : "Lines"),
    source && source.matches !== "yes" ? h("p", { class: "doubt" }, source.why) : null,
    h(
      "div",
      { class: "listing" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ["line", "self", "cum", source ? "source" : ""].map((words) => h("th", { scope: "col" }, words)))),
        h("tbody", {}, rows.map((row) => line(row, answer, hottest))),
      ),
    ),
    source ? null : h("p", { class: "muted" }, "The viewer shows source of files below a directory that it was started with as --source-root."),
  );
}

function line(row, { total, type }, hottest) {
  const cell = (value) => h("td", { class: "n", title: value ? weight(value, type.unit) : null }, value ? share(value, total) : "");
  const heat = h("span", { class: "heat", "aria-hidden": "true" });
  heat.style.width = `${(100 * row.self) / hottest}%`;
  return h(
    "tr",
    { class: row.self || row.cum ? "hot" : "" },
    h("td", { class: "n number" }, String(row.line)),
    cell(row.self),
    cell(row.cum),
    h("td", { class: "code" }, heat, row.text === undefined ? "" : h("code", {}, row.text)),
  );
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
