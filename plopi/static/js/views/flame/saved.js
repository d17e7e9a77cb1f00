/** Zooming in a page that was saved: there is no server, but what it answered holds what lies below every box. */
import { crop, layoutFlame, rowOf } from "../../layout/flame.js";

/** The answer zoomed to a path, as far as the boxes that are there allow; itself where they do not. */
export function zoomedLocally(payload, path) {
  const had = payload.zoom;
  const further = path.length > had.length && had.every((id, i) => path[i] === id);
  if (!further) return payload;
  const { nodes } = payload;
  const layout = layoutFlame(nodes, payload.zoom_width ?? payload.zoom_weight);
  const below = path.slice(Math.max(0, had.length - 1));
  const rows = below.map((_, i) => rowOf(layout, nodes.function, below.slice(0, i + 1)));
  const row = rows.at(-1);
  if (row < 0) return payload;
  const cropped = crop(nodes, row);
  const weights = rows.slice(had.length ? 1 : 0).map((at) => nodes.weight[at]);
  const drawn = cropped.self.reduce((sum, own) => sum + own, 0);
  return {
    ...payload,
    zoom: path,
    zoom_weights: [...payload.zoom_weights, ...weights],
    zoom_weight: cropped.weight[0],
    zoom_width: cropped.width?.[0],
    nodes: cropped,
    cut: { nodes: drawn < cropped.weight[0] ? payload.cut.nodes : 0, weight: cropped.weight[0] - drawn },
  };
}
