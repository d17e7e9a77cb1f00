/** The call graph as a view of a profile: circle area = self, arrow width = cumulative. */
import { TABLE } from "../../pages/address.js";
import { choice, integer, integers, numbers, positions } from "../../state.js";
import { GRAPH_HELP } from "../../ui/help.js";
import { FEWEST, MOST } from "./controls.js";
import { Graph } from "./graph.js";

export const GRAPH = {
  NAME: "graph",
  TITLE: "Graph",
  KEYS: {
    layout: choice(["layered", "force"]),
    nodes: integer(null, FEWEST, MOST),
    around: integer(null, 0, 999999999),
    radius: integer(2, 1, 5),
    keep: integers(),
    drop: integers(),
    hot: choice(["", "on"]),
    panel: choice(["open", "closed"]),
    ...TABLE,
    size: numbers(2),
    view: numbers(3),
    moved: positions(),
  },
  HELP: GRAPH_HELP,
  mount: (context) => new Graph(context),
};
