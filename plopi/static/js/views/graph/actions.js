/** What can be done with one function: the menu at its circle, and the buttons in its details. Each is a change of the address. */

const MOST_EXPANDED = 12;
const NO_COPY = "browsers allow it over https and on this machine only";
const NO_STACKS = "needs stacks, and this is a pstats dump";

/** A pattern that matches exactly this name, in the syntax of the filters. */
export const exactly = (name) => `^${name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`;

/** The items of a function's menu (ui/menu.js). @param graph the graph view */
export function menuOf(graph, node) {
  const { page, state } = graph;
  const { more } = node;
  const why = page.profile.shape === "calls" ? NO_STACKS : "";
  const refine = (kind) => () => page.set({ [kind]: [...new Set([...state[kind], exactly(node.name)])].slice(-8) }, { push: true });
  const group = graph.payload.groups[node.group]?.name;
  const unfold = (kind) => ({
    words: `Show its ${kind}`,
    hint: more ? `${more[kind]} not drawn` : "",
    why: more && !more[kind] ? `all that it has are drawn` : "",
    run: () => expand(graph, node.id, kind),
  });
  return [
    page.has("function")
      ? { words: "Open its page", run: () => page.go("function", { select: String(node.id) }) }
      : null,
    unfold("callers"),
    unfold("callees"),
    state.around === node.id
      ? { words: "Back from its neighbourhood", run: () => graph.lookAround(null) }
      : { words: "Only its neighbourhood", run: () => graph.lookAround(node.id) },
    { words: "Leave it out of the picture", run: () => leaveOut(graph, node.id) },
    null,
    { words: "Focus on it", hint: "only stacks through it", why, run: refine("focus") },
    { words: "Ignore it", hint: "no stacks through it", why, run: refine("ignore") },
    { words: "Hide it", hint: "its time goes to its callers", why, run: refine("hide") },
    state.by === "function" && group && graph.payload.groups[node.group].color !== null
      ? {
          words: `Make ${group} one circle`,
          run: () => page.set({ collapse: [...new Set([...state.collapse, group])] }, { push: true }),
        }
      : null,
    null,
    { words: "Copy its name", why: navigator.clipboard ? "" : NO_COPY, run: () => navigator.clipboard.writeText(node.name).catch(() => {}) },
  ].filter((item, i, all) => item || (i > 0 && all[i - 1]));
}

/** Draws a function's heaviest callers or callees that are not drawn, besides what is. */
export async function expand(graph, id, kind) {
  const { page } = graph;
  const answer = await page.api.view(page.subject, `function/${id}`, page.query()).catch(() => null);
  if (!answer || graph.gone) return;
  const drawn = new Set(graph.payload.nodes.map((node) => node.id));
  const ids = answer[kind].map((row) => row.id).filter((other) => !drawn.has(other));
  if (ids.length) graph.keep(ids.slice(0, MOST_EXPANDED));
}

function leaveOut(graph, id) {
  const { keep, drop, select } = graph.state;
  graph.inPlace({
    keep: keep.filter((one) => one !== id),
    drop: [...drop.filter((one) => one !== id), id],
    select: select === String(id) ? "" : select,
  });
}

/** The graph's own chips: what was asked for besides the choice of the server. */
export function chipsOf(graph) {
  const { around, radius, keep, drop } = graph.state;
  const nameOf = (id) => graph.payload?.nodes.find((node) => node.id === id)?.label ?? `function ${id}`;
  const many = (list) => (list.length === 1 ? "1 function" : `${list.length} functions`);
  return [
    around !== null && {
      kind: "around",
      value: `${nameOf(around)}, ${radius} ${radius === 1 ? "call" : "calls"} far`,
      remove: () => graph.lookAround(null),
      edit: () => graph.page.set({ radius: (radius % 5) + 1 }, { push: true }),
      hint: "Click to look farther",
    },
    keep.length && {
      kind: "added",
      value: keep.length === 1 ? nameOf(keep[0]) : many(keep),
      remove: () => graph.inPlace({ keep: [] }),
    },
    drop.length && { kind: "left out", value: many(drop), remove: () => graph.inPlace({ drop: [] }) },
  ].filter(Boolean);
}
