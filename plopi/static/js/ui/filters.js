/** What is selected of a profile: choices of type, thread and granularity, and a chip for each filter, which can be changed and removed. */
import { h, keepingFocus, options, replace, tellSearch } from "./dom.js";

const PATTERNS = {
  focus: "only stacks through",
  ignore: "no stacks through",
  hide: "without the functions",
};
export const MOST_PATTERNS = 8;
const GROUPINGS = { function: "by function", module: "by module", package: "by package", line: "by line" };
const NO_STACKS = "A pstats dump holds no stacks: focus, ignore and hide cannot be told from it";

export class FilterBar {
  /**
   * @param choices, chips the elements to fill
   * @param actions {set(changes): changes the address; compare(): asks with what, or null}
   */
  constructor(choices, chips, actions) {
    Object.assign(this, { chips, actions, refused: new Map() });
    const select = (label, key) =>
      h("select", { "aria-label": label, onchange: (event) => actions.set({ [key]: event.target.value }) });
    this.types = select("Sample type", "type");
    this.threads = select("Thread", "thread");
    this.grouping = select("Granularity", "by");
    this.add = h("button", { type: "button", title: "Focus, ignore or hide functions (f)", onclick: () => this.edit() }, "+ Filter");
    this.compare = h("button", { type: "button", hidden: !actions.compare, title: "With an earlier profile, or another (c)", onclick: actions.compare }, "Compare…");
    this.form = this.#form();
    replace(choices, this.types, this.threads, this.grouping, this.add, this.compare);
  }

  /**
   * @param type name of the sample type that is shown; base what the answer says of the profile that is compared with
   * @param kept what share is left, in words; own chips of the view: [{kind, value, remove(), edit(), hint}]
   * @param refused Map by pattern: why the view is shown without it
   */
  show(state, profile, { type, base, kept, own, refused }) {
    Object.assign(this, { state, refused, told: { base, kept, own } });
    const types = profile.sample_types.map((one) => [one.name, one.name]);
    const threads = threadNames(profile.threads);
    options(this.types, types, type);
    options(this.threads, [["", "all threads"], ...threads], state.thread);
    const stacks = profile.shape !== "calls";
    options(this.grouping, Object.entries(GROUPINGS).filter(([key]) => stacks || key !== "line"), state.by);
    this.types.hidden = types.length < 2;
    this.threads.hidden = threads.length < 2;
    this.compare.hidden = !this.actions.compare || Boolean(state.base || state.base_time); // the chip is in its place
    this.add.disabled = !stacks;
    this.add.setAttribute("title", stacks ? "Focus, ignore or hide functions (f)" : NO_STACKS);
    const { sent } = this;
    if (sent && refused.has(sent.pattern) && state[sent.kind].includes(sent.pattern)) this.edit(sent.kind, sent.pattern);
    else this.#draw();
  }

  #draw() {
    const { base, kept, own } = this.told;
    keepingFocus(this.chips, () => replace(this.chips, this.#chips(base, kept, own), this.editing ? this.form : null));
  }

  /** Opens the form, empty or with a pattern that is to be changed. */
  edit(kind = "focus", pattern = "") {
    if (this.add.disabled || !this.told) return;
    this.editing = { kind, pattern };
    this.sent = null;
    this.kind.value = kind;
    this.pattern.value = pattern;
    this.submit.textContent = pattern ? "Change" : "Add";
    const refused = this.refused.get(pattern);
    tellSearch(this.pattern, this.said, refused && notApplied(refused), "");
    this.#draw();
    this.pattern.focus();
    this.pattern.select();
  }

  #close() {
    this.editing = null;
    this.#draw();
    this.add.focus();
  }

  #form() {
    this.kind = h(
      "select",
      { "aria-label": "What the filter does", "data-focus": "kind" },
      Object.entries(PATTERNS).map(([value, words]) => h("option", { value }, `${value}: ${words}`)),
    );
    this.pattern = h("input", {
      type: "text",
      "aria-label": "Functions or files, a regular expression",
      "data-focus": "pattern",
      placeholder: "function or file; a|b; ^exact$",
      maxlength: 200,
      spellcheck: "false",
      autocomplete: "off",
    });
    this.submit = h("button", { type: "submit" }, "Add");
    this.said = h("output", {});
    const cancel = h("button", { type: "button", onclick: () => this.#close() }, "Cancel");
    const form = h("form", { class: "filter-form", "aria-label": "Filter" }, this.kind, this.pattern, this.submit, cancel, this.said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    return form;
  }

  #apply() {
    const { kind, pattern } = this.editing;
    const [to, words] = [this.kind.value, this.pattern.value.trim()];
    const changes = pattern ? { [kind]: this.state[kind].filter((one) => one !== pattern) } : {};
    if (words) changes[to] = [...new Set([...(changes[to] ?? this.state[to]), words])].slice(-MOST_PATTERNS);
    this.#close();
    this.sent = { kind: to, pattern: words };
    this.actions.set(changes);
  }

  #chips(base, kept, own) {
    const { state } = this;
    const without = (key, value) => ({ [key]: state[key].filter((one) => one !== value) });
    const chips = [
      ...Object.keys(PATTERNS).flatMap((kind) =>
        state[kind].map((value) => this.#pattern(kind, value, () => this.actions.set(without(kind, value)))),
      ),
      ...state.collapse.map((value) => chip("collapsed", value, () => this.actions.set(without("collapse", value)))),
      state.time ? chip("time", seconds(state.time), () => this.actions.set({ time: null })) : null,
      state.base || state.base_time ? this.#baseChip(base) : null,
      ...own.map(({ kind, value, remove, edit, hint }) => chip(kind, value, remove, edit, hint)),
    ].filter(Boolean);
    if (chips.length && kept) chips.push(h("span", { class: "kept", title: "So much of everything is shown" }, kept));
    if (chips.length > 2)
      chips.push(
        h(
          "button",
          {
            type: "button",
            class: "link",
            "data-focus": "none",
            onclick: () =>
              this.actions.set({ focus: [], ignore: [], hide: [], collapse: [], time: null, base: "", base_time: null }),
          },
          "remove all",
        ),
      );
    return chips;
  }

  /** The chip of a pattern; one that is refused says so, with the reason beside it, or beside its field while it is changed. */
  #pattern(kind, value, remove) {
    const refused = this.refused.get(value);
    const words = chip(kind, value, remove, () => this.edit(kind, value), refused ? notApplied(refused) : "");
    words.classList.toggle("not-applied", Boolean(refused));
    const beside = this.editing?.kind === kind && this.editing.pattern === value;
    return refused && !beside ? [words, h("output", { class: "refused" }, notApplied(refused))] : words;
  }

  #baseChip(told) {
    const { base, base_time: time, scale } = this.state;
    const words = [base ? told?.name || base : "this profile", time ? `at ${seconds(time)}` : ""].filter(Boolean).join(" ");
    const other = scale === "normalised" ? "absolute" : "normalised";
    return [
      chip("compared with", words, () => this.actions.set({ base: "", base_time: null, scale: "normalised" })),
      h(
        "button",
        {
          type: "button",
          class: "scale-choice",
          "data-focus": "scale",
          title: "normalised: the earlier profile scaled to this one's total; absolute: as measured",
          onclick: () => this.actions.set({ scale: other }),
        },
        scale,
      ),
      told?.thread ? namesake(told.thread) : null,
    ].filter(Boolean);
  }
}

/** [[row, words]]: threads of one name are numbered. */
function threadNames(threads) {
  const names = threads.map((thread) => thread.name || `thread ${thread.ident}`);
  const nth = names.map((name, i) => names.slice(0, i + 1).filter((other) => other === name).length);
  return threads.map(({ id }, i) => [String(id), names.filter((name) => name === names[i]).length > 1 ? `${names[i]} (${nth[i]})` : names[i]]);
}

/** Several threads have the name of the one that is compared: which stands for which. */
function namesake({ place, of, base_of: baseOf }) {
  const title = "Several threads have this name. They are compared in the order in which they were first seen, and need not have done the same work";
  return h("span", { class: "kept namesake", title }, `thread ${place} of ${of} of this name with ${place} of ${baseOf}`);
}

const notApplied = (reason) => `Not applied: ${reason}`;

const seconds = ([from, to]) => `${from}–${to} s`;

function chip(kind, value, remove, edit, hint = "") {
  const words = [h("span", { class: "kind" }, kind), " ", h("span", { class: "value" }, value)];
  return h(
    "span",
    { class: `filter ${kind.replaceAll(" ", "-")}`, title: hint || `${kind} ${value}` },
    edit
      ? h("button", { type: "button", class: "words", "data-focus": `edit ${kind} ${value}`, onclick: edit }, words)
      : h("span", { class: "words" }, words),
    h(
      "button",
      {
        type: "button",
        class: "remove",
        "data-focus": `remove ${kind} ${value}`,
        "aria-label": `Remove ${kind} ${value}`,
        title: "Remove",
        onclick: remove,
      },
      "✕",
    ),
  );
}
