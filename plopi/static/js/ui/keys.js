/** Single-key commands, and walking the graph by arrow keys. */
import { typing } from "./dom.js";

const WALKS = { ArrowDown: "callee", ArrowUp: "caller", ArrowLeft: "previous", ArrowRight: "next" };

export function bindKeys(actions) {
  const commands = {
    "+": () => actions.zoom(1.3),
    "=": () => actions.zoom(1.3),
    "-": () => actions.zoom(1 / 1.3),
    0: actions.fit,
    "/": actions.search,
    l: actions.layout,
    p: actions.pause,
    t: actions.table,
    "?": actions.help,
    Escape: actions.escape,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (typing(event)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const inList = event.target.closest?.("#panel, #controls, #top");
    if (event.key in WALKS && !inList) {
      event.preventDefault();
      actions.walk(WALKS[event.key]);
    } else if ((event.key === "Enter" || event.key === " ") && !inList) {
      if (actions.enter()) event.preventDefault();
    } else if (Object.hasOwn(commands, event.key)) {
      event.preventDefault();
      commands[event.key]();
    }
  });
}

/**
 * The function an arrow key leads to: the heaviest callee or caller, or the next or previous among the callees of the
 * heaviest caller (among the roots, for a root). Null where there is none; the heaviest root from nowhere.
 */
export function neighbour({ nodes, edges }, id, direction) {
  if (!nodes.length) return null;
  if (!nodes.some((node) => node.id === id)) return (nodes.find((node) => node.root) ?? nodes[0]).id;
  const callers = edges.filter((edge) => edge.callee === id && edge.caller !== id);
  if (direction === "callee") return edges.find((edge) => edge.caller === id && edge.callee !== id)?.callee ?? null;
  if (direction === "caller") return callers[0]?.caller ?? null;
  const siblings = callers.length
    ? edges.filter((edge) => edge.caller === callers[0].caller).map((edge) => edge.callee)
    : nodes.filter((node) => node.root).map((node) => node.id);
  if (siblings.length < 2) return null;
  const step = direction === "next" ? 1 : -1;
  return siblings[(siblings.indexOf(id) + step + siblings.length) % siblings.length];
}
