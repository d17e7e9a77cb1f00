/** What drawing may use of the layout. */
export { edgeKey } from "./layers.js";
export { placeLabels } from "./labels.js";
export { RING, makeScales, screenScale, zoomed } from "./scales.js";
export { loopOf, routeEdges, shaftOf } from "./routes.js";
