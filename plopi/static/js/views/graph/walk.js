/** Walking the graph by arrow keys. */

/**
 * The function an arrow key leads to: the heaviest callee or caller, or the next or previous among the callees of the
 * heaviest caller (among the roots, for a root). Null where there is none; the heaviest root from nowhere.
 */
export function walk({ nodes, edges }, id, direction) {
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
