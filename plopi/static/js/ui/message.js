/** What stands where a graph would be: loading, empty, broken, gone. Each says what to do. */
import { bytes } from "../format.js";
import { h, replace } from "./dom.js";

export function hideMessage(element) {
  element.hidden = true;
}

export function showMessage(element, title, text, ...actions) {
  replace(element, h("h2", {}, title), text ? h("p", {}, text) : null, actions);
  element.hidden = false;
}

export function showPending(element, { stage, done, size, ahead = 0 }) {
  const place = ahead ? `${ahead} ${ahead === 1 ? "file comes" : "files come"} first` : "";
  const part = place || (size ? `${bytes(done)} of ${bytes(size)}` : "");
  showMessage(
    element,
    "Reading the profile",
    [stage, part].filter(Boolean).join(": "),
    h("progress", size ? { max: size, value: done } : {}),
  );
}

/** A profile without anything to draw: why, as far as can be told. */
export function showEmpty(element, profile, type, state, set) {
  const filtered = ["focus", "ignore", "hide"].some((kind) => state[kind].length) || state.time;
  const wall = profile.sample_types.find((other) => other.name === "wall" && other.name !== type.name);
  if (filtered) {
    showMessage(
      element,
      "Nothing is left",
      "No sample passes all of these filters: remove or change one of them above, or",
      h(
        "button",
        { type: "button", onclick: () => set({ focus: [], ignore: [], hide: [], time: null }) },
        "Remove all filters",
      ),
    );
  } else if (state.thread !== "") {
    showMessage(
      element,
      "Nothing on this thread",
      `No ${type.name} was recorded for it.`,
      h("button", { type: "button", onclick: () => set({ thread: "" }) }, "Show all threads"),
    );
  } else if (wall) {
    showMessage(
      element,
      `No ${type.name} time`,
      "The program mostly waited. Wall time shows on what.",
      h("button", { type: "button", onclick: () => set({ type: "wall" }) }, "Look at wall time"),
    );
  } else if (profile.status === "growing") {
    showMessage(
      element,
      "No samples yet",
      "The process is being profiled, but has used no CPU time so far. This page draws as soon as there is something to see.",
    );
  } else {
    showMessage(
      element,
      "No samples",
      profile.mode === "cpu"
        ? "The program used hardly any CPU: it was over too soon, or mostly waited. Profile it again with --mode wall to see what it waited for."
        : "The profile holds no samples: the program may have been over too soon. Try a shorter --interval.",
    );
  }
}

/** Why there is no picture, and what to do. `retry` is called by the button that is offered where trying again may help. */
export function showTrouble(element, error, retry) {
  const home = h("a", { href: "../../" }, "All profiles");
  const again = h("button", { type: "button", onclick: retry }, "Try again");
  const whole = h("a", { href: window.location.pathname }, "Show the whole profile");
  const known = {
    400: ["This view cannot be had", error.message, whole],
    409: [
      "This cannot be told from this profile",
      error.message,
      window.location.search ? whole : null,
      h("p", { class: "instead" }, h("a", { href: "graph" }, "Call graph"), " · ", h("a", { href: "table" }, "Function table")),
    ],
    404: ["No such profile", "It was removed or renamed, or the link is of another data directory.", home],
    422: ["This file cannot be read", error.message, home],
  };
  showMessage(element, ...(known[error.status] ?? ["Something went wrong", error.message, again, home]));
}
