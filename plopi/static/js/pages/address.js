/** What the address of a graph page holds: the whole state of its view. */
import { choice, integer, numbers, positions, text } from "../state.js";
import { FEWEST, MOST } from "../ui/controls.js";

export const KEYS = {
  type: text(),
  thread: text(),
  layout: choice(["layered", "force"]),
  nodes: integer(null, FEWEST, MOST),
  select: text(),
  panel: choice(["open", "closed"]),
  sort: choice(["self", "cum", "name", "calls"]),
  order: choice(["desc", "asc"]),
  q: text(),
  page: integer(1, 1, 1e6),
  size: numbers(2),
  view: numbers(3),
  moved: positions(),
};

/** What asks for another picture, and for another page of the table. */
export const GRAPH_KEYS = ["type", "thread", "nodes", "layout", "size"];
export const TABLE_KEYS = ["type", "thread", "sort", "order", "q", "page"];
