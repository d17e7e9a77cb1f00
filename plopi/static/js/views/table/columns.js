/** The columns of the function table: their heads, and what stands in a row. */
import { count, origin, share, weight } from "../../format.js";
import { changeCell } from "../../ui/change.js";
import { h } from "../../ui/dom.js";

/** @param diff whether the payload compares with another profile */
export function columnsOf(profile, diff) {
  const counted = profile.shape === "calls";
  return [
    { key: "name", title: "Function", sorts: true, text: true, cell: name },
    { key: "self", title: "Self", sorts: true, wide: true, cell: weighed("self") },
    diff ? { key: "delta", title: "Δ self", sorts: true, cell: change("self") } : null,
    { key: "cum", title: "Cum", sorts: true, wide: true, cell: weighed("cum") },
    diff ? { key: "delta-cum", title: "Δ cum", cell: change("cum") } : null,
    counted ? { key: "calls", title: "Calls", sorts: true, cell: (row) => number(count(row.calls), recursion(row)) } : null,
    counted ? { key: "percall", title: "Per call", sorts: true, cell: perCall } : null,
    { key: "group", title: "Package", text: true, cell: (row) => [row.group] },
    { key: "file", title: "File", text: true, cell: (row) => [h("span", { title: origin(row) }, tail(row))] },
  ].filter(Boolean);
}

function weighed(key) {
  return (row, { total, type }) => {
    const bar = h("span", { class: `bar ${key}`, "aria-hidden": "true" });
    bar.style.width = `${total > 0 ? Math.min(100, (100 * Math.max(0, row[key])) / total) : 0}%`;
    const bound = key === "cum" && row.exact === false ? "≤ " : "";
    return [
      h("span", { class: "track" }, bar),
      h("span", { class: "share" }, bound, share(row[key], total)),
      h("span", { class: "weight" }, weight(row[key], type.unit)),
    ];
  };
}

const change = (key) => (row, answer) => [changeCell(row[key], row[`base_${key}`], row.noise?.[key] ?? null, answer)];

const number = (words, title = null) => [h("span", { class: "plain", title }, words)];

const recursion = (row) => (row.primitive !== null && row.primitive !== row.calls ? `${count(row.primitive)} not recursive` : null);

const perCall = (row, { type }) => number(row.percall_ns === null ? "" : weight(row.percall_ns, type.unit));

function name(row, payload, links) {
  return [
    h(
      "a",
      { href: links.href(row.id), tabindex: -1, title: `${row.name}\n${origin(row)}`, class: row.kind, onclick: (event) => links.follow(event, row.id) },
      row.label,
    ),
  ];
}

/** The end of a path, which tells more than its beginning. */
function tail(row) {
  if (!row.file) return origin(row);
  const steps = row.file.split("/");
  const short = steps.length > 3 ? `…/${steps.slice(-2).join("/")}` : row.file;
  return row.line ? `${short}:${row.line}` : short;
}
