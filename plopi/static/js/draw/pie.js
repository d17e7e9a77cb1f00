/** A pie in SVG. What it shows stands in a table beside it, so the drawing itself is not read out. */
import { numberPlace, wedgePath, wedges } from "../layout/pie.js";
import { s } from "../ui/dom.js";
import { gcPattern } from "./nodes.js";

const RADIUS = 50;

/**
 * @param parts [{key, weight, name: class names, title, number: as in the table, pick: () => ... or null}]
 * @param whole the weight of a full turn; @param id of the drawing: one page has several
 */
export function drawPie(parts, whole, id, { enter = () => {}, leave = () => {} } = {}) {
  const turns = wedges(
    parts.map(({ weight }) => weight),
    whole,
  );
  const shapes = parts.map(({ key, name, title, pick }, i) =>
    s(
      "path",
      {
        class: `wedge ${name}${pick ? " can" : ""}`,
        "data-key": key,
        d: wedgePath(turns[i], RADIUS),
        onclick: pick ?? (() => {}),
        onpointerenter: () => enter(key),
        onpointerleave: () => leave(),
      },
      s("title", {}, title),
    ),
  );
  const hatched = parts.flatMap(({ kind }, i) =>
    kind === "gc" ? [s("path", { class: "hatch", fill: `url("#${id}-hatch")`, d: wedgePath(turns[i], RADIUS) })] : [],
  );
  const numbers = parts.map(({ number }, i) => {
    const place = number && numberPlace(turns[i], RADIUS);
    return place ? s("text", { class: "number", x: place[0].toFixed(1), y: place[1].toFixed(1), dy: "0.35em" }, number) : null;
  });
  return s("svg", { class: "pie", viewBox: `${-RADIUS - 1} ${-RADIUS - 1} ${2 * RADIUS + 2} ${2 * RADIUS + 2}`, "aria-hidden": "true" }, gcPattern(`${id}-hatch`), shapes, hatched, numbers);
}
