/** The ? sheet. */
import { h } from "./dom.js";

export function helpSheet(title, sections) {
  const dialog = h(
    "dialog",
    { class: "sheet help", "aria-label": title },
    h("h2", { tabindex: -1, autofocus: true }, title), // else "Close" has the focus, and a long sheet opens at its end
    h("div", { class: "sections" }, sections.map(section)),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  return dialog;
}

function section([heading, rows]) {
  return h(
    "section",
    {},
    h("h3", {}, heading),
    h(
      "dl",
      {},
      rows.map(([keys, what]) => [
        h(
          "dt",
          {},
          keys.map((key, i) => [i ? " " : null, h("kbd", {}, key)]),
        ),
        h("dd", {}, what),
      ]),
    ),
  );
}

export const GRAPH_HELP = [
  [
    "Reading",
    [
      [["circle"], "Area: time in the function itself (self). A small ring: hardly any."],
      [
        ["arrow"],
        "From caller to callee; width: time that passed through the call. A hairline: too little to be drawn to scale.",
      ],
      [["dashed"], "The caller shown is not the direct one: functions between are not drawn."],
      [["1% · 20%"], "Under a name: self · cumulative, as shares of all."],
      [["darker sector"], "The part of self that was spent in native code, where the profile tells."],
      [["hatched"], "<gc>: the garbage collector. Italic names: native functions."],
      [["violet arrow"], "A call back up: it closes a cycle. A small loop: the function calls itself."],
      [["dashed circle"], "In a diff: the area before; the disc is the area now. Colours: what takes more, what takes less, grey where chance explains it."],
      [["7 wrappers"], "Functions that only pass a call on, folded into their arrow. Click to unfold the list."],
    ],
  ],
  [
    "Keys",
    [
      [["↓"], "to the heaviest callee"],
      [["↑"], "to the heaviest caller"],
      [["←", "→"], "to the next function with the same caller"],
      [["Enter"], "select the function with the focus"],
      [["m"], "what can be done with it: show its callers or callees, its neighbourhood, focus, ignore, hide, ..."],
      [["Esc"], "close, let go of the selection"],
      [["+", "-", "0"], "zoom in, zoom out, the whole picture"],
      [["/", "Enter"], "search the functions; jump to the first"],
      [["l"], "other layout"],
      [["h"], "the hot path: from a root always along the heaviest arrow"],
      [["t"], "show or hide the table"],
    ],
  ],
  [
    "Pointer",
    [
      [["click"], "select: numbers, callers and callees"],
      [["right click", "long press"], "what can be done with a function"],
      [["drag"], "move a function, or the picture"],
      [["wheel"], "zoom"],
      [["double click"], "the whole picture"],
    ],
  ],
];

/** What holds for every view of a profile. */
export const PAGE_HELP = [
  [
    "Every view",
    [
      [["1", "2", "3", "4"], "to another view: graph, flame graph, function, table"],
      [["f"], "filter: focus (only stacks through), ignore (no stacks through), hide (without the functions)"],
      [["c"], "compare with another profile, as what was before"],
      [["n"], "tags, notes and named views"],
      [["s"], "share: the address, one HTML file, or the profile in another format"],
      [["p"], "pause or follow a growing profile"],
      [["?"], "this sheet"],
    ],
  ],
];

export const INDEX_HELP = [
  [
    "Keys",
    [
      [["/"], "search"],
      [["Esc"], "clear the search"],
      [["Space"], "pick a profile: two to compare, several to see as one"],
      [["Tab", "Enter"], "to a column's head or a profile; sort, open"],
      [["?"], "this sheet"],
    ],
  ],
  [
    "States",
    [
      [["growing"], "its process still runs and is being profiled"],
      [["finished"], "complete"],
      [["ended"], "its process went away before the profile was finished: what was written until then is shown"],
      [["broken"], "cannot be read; the reason stands beside it"],
    ],
  ],
];
