/**
 * A page that was saved as one file holds the server's answers itself. `offline` is what it holds, or null on a page from a server:
 * {address: "/p/ID/graph?...", root, answers: [{path, query: {name: value}, body}], note}
 */
export const offline = read(globalThis.document);

function read(document) {
  const element = document?.getElementById("plopi-offline");
  return element ? JSON.parse(element.textContent) : null;
}

/** Where this page's addresses begin: its modules came from there. */
export function rootOf(moduleUrl, saved = offline) {
  return saved ? new URL("http://saved.invalid/") : new URL("../../", moduleUrl);
}

/** A `fetch` that finds its answers in the page: the one for exactly this question, else the one for this path. */
export function savedFetch(saved) {
  return async (url) => {
    const path = url.pathname.replace(/^\//, "");
    const same = saved.answers.filter((answer) => answer.path === path);
    const asked = [...url.searchParams].filter(([name]) => name !== "nodes");
    const exact = same.find(({ query }) => asked.every(([name, value]) => query[name] === value));
    const found = exact ?? same[0];
    if (found) return { ok: true, status: 200, json: async () => found.body };
    const message = "This saved page holds one view only: open the profile in plopi's viewer for more.";
    return { ok: false, status: 404, statusText: "Not saved", json: async () => ({ error: { message } }) };
  };
}

/** Stands in for `window` where the URL is kept: a page at file:// may not change its address. */
export function savedHost(saved) {
  const at = new URL(saved.address, "http://saved.invalid/");
  const location = { pathname: at.pathname, search: at.search };
  const go = (_state, _title, url) => {
    const next = new URL(url, at);
    Object.assign(location, { pathname: next.pathname, search: next.search });
  };
  return { location, history: { pushState: go, replaceState: go }, addEventListener: () => {} };
}
