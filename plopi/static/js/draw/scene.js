/**
 * What is drawn, as plain data: a payload, its scales and positions become circles, arrows and labels. The only thing `draw/`
 * modules share; everything about the DOM is elsewhere.
 */
import { changeClass } from "../format.js";
import { edgeKey, makeScales } from "../layout/exports.js";
import { labelOf, tagOf } from "./text.js";

/** Room around the drawing, in pixels, so that circles at the rim are whole. */
export const MARGIN = { left: 16, right: 14, top: 16, bottom: 18 };
/** No layout reserves more than this for a label: longer ones take their chance. */
const LABEL_SPACE = 150;

/** Arrows of at least this part of the total are told from their ground at a glance, and the heaviest few say their shares. */
const HEAVY = 0.05;
const MOST_TAGGED = 12;

/** In a diff room is made for both sides, so that either compared with the other stands at the same places. */
const heavier = (edge) => Math.max(edge.weight, edge.base_weight ?? 0);

/** Sizes for the layout: plain data for the Worker. */
export function layoutRequest(payload, kind, size, known = []) {
  const scales = makeScales(payload, size);
  return {
    kind,
    size,
    margin: MARGIN,
    known,
    nodes: payload.nodes.map((node) => {
      const [whole] = labelOf(node, payload.total).sizes;
      return {
        id: node.id,
        r: scales.radius(Math.max(node.self, node.base_self ?? 0)),
        labelWidth: Math.min(whole.width, LABEL_SPACE),
        labelHeight: whole.height,
        depth: node.depth,
        root: node.root,
      };
    }),
    edges: payload.edges.map((edge) => ({
      caller: edge.caller,
      callee: edge.callee,
      weight: heavier(edge),
      width: scales.width(heavier(edge)),
    })),
  };
}

/**
 * @param positions Map by id of [x, y]
 * @returns {{scales, nodes: [{id, x, y, r, before, node, label, importance}], edges: [{key, edge, width, change, heavy, tag}]}};
 *   in a diff `before` is the radius that the circle had, `change` a colour class (format.js)
 */
export function makeScene(payload, size, positions) {
  const scales = makeScales(payload, size);
  const { total } = payload;
  const nodes = payload.nodes.map((node) => {
    const [x, y] = positions.get(node.id) ?? [size.width / 2, size.height / 2];
    return {
      id: node.id,
      x,
      y,
      r: scales.radius(node.self),
      before: scales.radius(node.base_self ?? 0),
      node,
      label: labelOf(node, total),
      importance: importance(node, total),
    };
  });
  const drawn = payload.edges.filter((edge) => edge.caller !== edge.callee);
  const least = Math.max(HEAVY * total, [...drawn].map(heavier).sort((a, b) => b - a)[MOST_TAGGED - 1] ?? 0);
  const edges = drawn.map((edge) => ({
    key: edgeKey(edge),
    edge,
    width: scales.width(edge.weight),
    change: payload.base ? changeClass(edge.weight, edge.base_weight, edge.noise, total) : null,
    heavy: heavier(edge) >= HEAVY * total,
    tag: tagOf(edge, heavier(edge) >= least ? total : 0),
  }));
  return { payload, size, scales, nodes, edges };
}

/** Who gets room for a label first: what owns time, then what time passes through. */
function importance(node, total) {
  if (!total) return 0;
  const change = node.base_self === undefined ? 0 : Math.max(Math.abs(node.self - node.base_self), 0.4 * Math.abs(node.cum - node.base_cum));
  return Math.max((2.5 * node.self) / total, (0.6 * node.cum) / total, (5 * change) / total);
}
