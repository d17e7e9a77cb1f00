/** What the graph page does when told to, by its controls or by keys: nearly always a change of the URL. */
import { neighbour } from "../ui/keys.js";

/** What the row of choices above the graph does. */
export function choices(page) {
  const reset = { view: null, moved: new Map(), size: null };
  return {
    type: (type) => page.url.set({ type: type === page.defaultType ? "" : type, page: 1 }, { push: true }),
    thread: (thread) => page.url.set({ thread, page: 1 }, { push: true }),
    layout: (layout) => page.url.set({ layout, ...reset }, { push: true }),
    nodes: (nodes) => page.url.set({ nodes, ...reset }, { push: true }),
    fit: () => page.fit(),
    tidy: () => page.tidy(),
    pause: () => page.pause(),
    panel: () => page.url.set({ panel: page.state.panel === "open" ? "closed" : "open" }),
  };
}

/** What keys do. */
export function commands(page) {
  const walk = (direction) => {
    const focused = Number(document.activeElement?.closest?.(".node")?.dataset.id ?? NaN);
    const start = Number.isNaN(focused) ? page.selection()?.node : focused;
    const next = page.payload && neighbour(page.payload, start, direction);
    if (next !== null && next !== undefined) page.view.focusNode(next);
  };
  return {
    walk,
    enter: () => {
      const focused = document.activeElement?.closest?.(".node");
      if (focused) page.select({ node: Number(focused.dataset.id) });
      return Boolean(focused);
    },
    escape: () => {
      page.tooltip.hide();
      if (page.state.select) page.select(null);
    },
    zoom: (factor) => page.view.zoomBy(factor),
    fit: () => page.fit(),
    search: () => {
      page.url.set({ panel: "open" });
      page.panel.focusSearch();
    },
    layout: () => choices(page).layout(page.state.layout === "layered" ? "force" : "layered"),
    pause: () => {
      if (page.profile?.status === "growing") page.pause();
    },
    table: () => choices(page).panel(),
    help: () => page.help.showModal(),
  };
}
