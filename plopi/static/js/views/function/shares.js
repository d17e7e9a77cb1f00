/** A pie and the table that says the same: who calls the function, or what it calls. */
import { drawPie } from "../../draw/pie.js";
import { colourClass } from "../../draw/nodes.js";
import { origin, plural, share, weight } from "../../format.js";
import { mergeSmall } from "../../layout/pie.js";
import { changeCell } from "../../ui/change.js";
import { h, replace } from "../../ui/dom.js";

const FEW = 12;
const SIDES = {
  callers: { title: "Called by", alone: "nothing: a root", none: "Nothing calls it: a root" },
  callees: { title: "Calls", alone: "self", none: "It calls nothing that was seen" },
};

/** A function of the other side of a comparison, or that a filter left nothing of. */
const ABSENT = "It has no weight in what is shown.";

/** @param href (id) => address of that function's page; @param go (id) => goes there */
export function showShares(element, side, answer, href, go, all, showAll) {
  const { title, alone, none } = SIDES[side];
  const { split, function: row, [`${side}_total`]: count } = answer;
  const { slices, rest, exact, alone: own, base_alone: ownBefore = 0, base_rest: restBefore = 0, alone_noise: ownNoise } = split[side];
  const parts = [
    ...(own > 0 || ownBefore > 0 ? [{ key: "alone", label: alone, weight: own, base_weight: ownBefore, noise: ownNoise, name: "alone" }] : []),
    ...slices.map((slice) => ({ ...slice, key: String(slice.id), name: colourClass(slice) })),
  ].sort((a, b) => b.weight - a.weight || (b.base_weight ?? 0) - (a.base_weight ?? 0));
  shaded(parts);
  const compared = answer.base ? answer : null;
  const whole = Math.max(row.cum, parts.reduce((sum, part) => sum + part.weight, rest));
  const hidden = rest > 0 || restBefore > 0 ? Math.max(1, count - slices.length) : 0;
  const there = parts.filter((part) => part.weight > 0);
  const pie = mergeSmall(there, whole, rest, hidden);
  const wedges = pie.kept.map((part, i) => ({
    ...part,
    number: i + 1,
    name: `${part.name} ${part.shade}`,
    title: `${part.label}: ${share(part.weight, whole)}`,
    pick: part.id === undefined ? null : () => go(part.id),
  }));
  if (pie.others) {
    const words = plural(pie.others.count, "other");
    wedges.push({ key: "others", weight: pie.others.weight, name: "others", title: `${words}: ${share(pie.others.weight, whole)}` });
  }
  const numbers = new Map(wedges.map(({ key, number }) => [key, number]));
  const shown = all ? parts : parts.slice(0, FEW);
  const mark = (key) => {
    for (const line of element.querySelectorAll("tr[data-key]")) line.classList.toggle("marked", line.dataset.key === key);
  };
  replace(
    element,
    h("h3", { class: side }, title, exact ? null : h("span", { class: "bound" }, " at most: the dump does not tell more")),
    !parts.some((part) => part.id !== undefined) && !rest
      ? h("p", { class: "muted" }, row.cum ? none : ABSENT)
      : h(
          "div",
          { class: "share" },
          wedges.some((wedge) => wedge.weight < whole) ? drawPie(wedges, whole, side, { enter: mark, leave: () => mark(null) }) : null,
          h(
            "table",
            { class: "slices" },
            h("caption", { class: "unseen" }, `${title}: shares of the function's cumulative weight`),
            h("colgroup", {}, ["sign", "name", "share", "weight", compared && "change"].filter(Boolean).map((name) => h("col", { class: name }))),
            h("thead", { class: "unseen" }, h("tr", {}, ["", "function", "share", "weight", compared && "change"].filter((words) => words !== null).map((words) => h("th", { scope: "col" }, words)))),
            h(
              "tbody",
              {},
              shown.map((part) => line(part, { whole, type: answer.type, number: numbers.get(part.key), href, go, compared })),
              !all && parts.length > FEW ? more(parts.length - FEW, showAll) : null,
              hidden ? h("tr", {}, h("td"), h("td", {}, plural(hidden, "other")), h("td", { class: "n" }, share(rest, whole)), h("td"), compared ? h("td") : null) : null,
            ),
          ),
        ),
  );
}

/** Functions of one group have one colour, each in a shade of its own; numbers tell them apart for everybody. */
function shaded(parts) {
  const seen = new Map();
  for (const part of parts) {
    const times = seen.get(part.name) ?? 0;
    seen.set(part.name, times + 1);
    part.shade = `shade${times % 3}`;
  }
}

function more(left, showAll) {
  return h("tr", {}, h("td"), h("td", { colspan: 4 }, h("button", { type: "button", class: "link", onclick: showAll }, `show ${left} more`)));
}

function line(part, { whole, type, number, href, go, compared }) {
  const name =
    part.id === undefined
      ? h("i", {}, part.label)
      : h(
          "a",
          {
            href: href(part.id),
            title: `${part.name}\n${origin(part)}`,
            "data-focus": `slice ${part.id}`,
            onclick: (event) => {
              if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
              event.preventDefault();
              go(part.id);
            },
          },
          part.label,
        );
  return h(
    "tr",
    { "data-key": part.key },
    h("td", { class: "sign" }, number ?? "", h("span", { class: `swatch ${number ? "" : "small"} ${part.name} ${part.shade} ${part.kind === "gc" ? "gc" : ""}` })),
    h("td", { class: "name" }, name),
    h("td", { class: "n" }, share(part.weight, whole)),
    h("td", { class: "n weight" }, weight(part.weight, type.unit)),
    compared ? h("td", { class: "n" }, changeCell(part.weight, part.base_weight, part.noise ?? null, compared, "weight")) : null,
  );
}
