/** Taking a view or a profile elsewhere: by its address, as one HTML file, or in a format of other tools. */
import { h } from "./dom.js";

const FORMATS = [
  ["pprof", "pprof", "go tool pprof, speedscope, Pyroscope"],
  ["folded", "folded stacks", "flamegraph.pl, speedscope"],
  ["speedscope", "speedscope", "speedscope.app"],
  ["pstats", "pstats", "pstats, snakeviz, gprof2dot"],
  ["plop", "Plop", "Plop"],
  ["csv", "CSV", "the function table, for spreadsheets"],
  ["text", "text", "a terminal or a message: the table, and the call tree"],
];
const NEED_STACKS = ["folded", "speedscope", "plop", "pprof"];

/**
 * @param saved (what, arguments) => URL of the server's answer about the view that is shown
 * @param view {name, title, shape, compared}
 */
export function shareDialog(address, saved, view) {
  const told = h("span", { class: "muted", role: "status" });
  const redact = h("input", { type: "checkbox" });
  const page = h("a", { class: "button", download: "" }, `Save the ${view.title.toLowerCase()} as a page`);
  const point = () => page.setAttribute("href", saved("share", { view: view.name, redact: redact.checked ? "1" : "0" }));
  redact.addEventListener("change", point);
  point();
  const formats = FORMATS.filter(([name]) => view.shape !== "calls" || !NEED_STACKS.includes(name));
  const dialog = h(
    "dialog",
    { class: "sheet share", "aria-label": "Share" },
    h("h2", {}, "Share"),
    h("h3", {}, "The address of exactly this view"),
    h(
      "p",
      { class: "address" },
      h("input", { type: "text", readonly: true, value: address, "aria-label": "Address", onfocus: (event) => event.target.select() }),
      h("button", { type: "button", onclick: () => copy(address, told) }, "Copy"),
      told,
    ),
    h("h3", {}, "One file that works offline"),
    h("p", {}, page),
    view.compared ? null : h("label", {}, redact, " without names, files, command and host"),
    h("h3", {}, "The profile as it is filtered now"),
    h(
      "ul",
      { class: "formats" },
      formats.map(([name, words, opens]) =>
        h("li", {}, h("a", { href: saved("export", { format: name }), download: "" }, words), h("span", { class: "muted" }, ` for ${opens}`)),
      ),
    ),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function copy(text, told) {
  try {
    await navigator.clipboard.writeText(text);
    told.textContent = "copied";
  } catch {
    told.textContent = "select it and copy it by hand: the browser does not allow it here";
  }
}
