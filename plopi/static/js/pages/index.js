/** The index page: every profile of the data directory, live. */
import { Again } from "../again.js";
import { Api, pageUrl } from "../api.js";
import { age, bytes, count, duration, plural } from "../format.js";
import { Live } from "../live.js";
import { choice, integer, text, UrlState } from "../state.js";
import { h, keepingFocus, replace, typing } from "../ui/dom.js";
import { Busy } from "../ui/busy.js";
import { emptyState } from "../ui/empty.js";
import { statusChip } from "../ui/facts.js";
import { helpSheet, INDEX_HELP } from "../ui/help.js";
import { Picks } from "../ui/picks.js";
import { applyTheme, themeButton } from "../ui/theme.js";

const PER_PAGE = 100;
const TYPING_MS = 180;
const AGE_MS = 10000;

const COLUMNS = [
  { key: "name", title: "Profile", first: "asc", cell: nameCell },
  { key: "status", title: "Status", first: "asc", cell: (row) => statusChip(row.status) },
  { key: "host", title: "Host", first: "asc", cell: (row) => row.host ?? "", short: "host" },
  { key: "pid", title: "Process", first: "desc", number: true, cell: processCell, short: "pid" },
  { key: "command", title: "Command", first: "asc", cell: (row) => row.command ?? "", tip: (row) => row.command },
  { key: "mode", title: "Mode", first: "asc", cell: (row) => row.mode ?? "", short: "mode" },
  { key: "engine", title: "Engine", first: "asc", cell: (row) => row.engine ?? "", short: "engine" },
  { key: "samples", title: "Samples", first: "desc", number: true, cell: (row) => count(row.samples), short: "samples" },
  { key: "duration_ns", title: "Duration", first: "desc", number: true, cell: (row) => duration(row.duration_ns), short: "over" },
  { key: "size", title: "Size", first: "desc", number: true, cell: (row) => bytes(row.size), short: "size" },
  {
    key: "mtime_ns",
    title: "Age",
    first: "desc",
    number: true,
    cell: (row) => age(row.mtime_ns, Date.now()),
    short: "age",
    tip: (row) => new Date(row.mtime_ns / 1e6).toLocaleString(),
  },
];

const KEYS = {
  q: text(),
  tag: text(),
  sort: choice(["mtime_ns", ...COLUMNS.map((column) => column.key), "cpu_percent", "rss"]),
  order: choice(["desc", "asc"]),
  page: integer(1, 1, 1e6),
};

class IndexPage {
  constructor() {
    this.api = new Api();
    this.url = new UrlState(KEYS, () => this.load());
    this.seen = null;
    this.busy = new Busy(document.getElementById("list"));
    this.again = new Again(() => this.#news());
    this.input = h("input", {
      type: "search",
      placeholder: "Search profiles  ( / )",
      "aria-label": "Search profiles",
      maxlength: 200,
      oninput: () => this.#searched(),
    });
    this.info = h("span", { class: "info", role: "status" });
    this.body = h("div", {});
    this.picks = new Picks({ changed: () => this.#show(this.answer), tag: (rows, tag) => this.busy.during(this.#tag(rows, tag)) });
    this.filter = h("span", {});
    const find = h("div", { class: "find" }, this.input, this.filter, this.info);
    replace(document.getElementById("list"), find, this.picks.element, this.body);
    this.help = helpSheet("The list of profiles", INDEX_HELP);
    document
      .getElementById("tools")
      .append(
        themeButton(),
        h(
          "button",
          { class: "icon", type: "button", title: "Help (?)", "aria-label": "Help", onclick: () => this.help.showModal() },
          "?",
        ),
      );
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  start() {
    this.load();
    new Live({ onNews: () => this.#news() });
    document.addEventListener("visibilitychange", () => this.#loaded());
    setInterval(() => {
      if (this.answer && !document.hidden) this.#show(this.answer);
    }, AGE_MS);
  }

  /** While an answer is awaited or nobody looks, news only says that one more will be needed: asking at every piece could go on for ever. */
  #news() {
    if (this.asking || document.hidden) this.behind = true;
    else this.load();
  }

  load() {
    return this.busy.during(this.#load());
  }

  async #load() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const { signal } = asking;
    const { q, tag, sort, order, page } = this.url.state;
    try {
      this.answer = await this.api.profiles({ q, tag, sort, order, page, per: PER_PAGE }, signal);
      this.again.worked();
      const { problem, total } = this.answer;
      replace(document.getElementById("banner"), problem && total ? h("div", { class: "bad" }, problem) : null);
      this.#show(this.answer);
    } catch (error) {
      if (error.name === "AbortError") return;
      const passes = error.status === 0 || error.status >= 500;
      const again = passes ? ` The list is asked for again within ${this.again.later()} s.` : "";
      replace(document.getElementById("banner"), h("div", { class: "bad" }, error.message + again));
    } finally {
      if (this.asking === asking) {
        this.asking = null;
        this.#loaded();
      }
    }
  }

  #loaded() {
    if (!this.behind || document.hidden) return;
    this.behind = false;
    this.load();
  }

  #searched() {
    this.busy.soon("search", TYPING_MS, () => this.url.set({ q: this.input.value, page: 1 }));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target === this.input) {
      this.input.value = "";
      this.url.set({ q: "", page: 1 });
      this.input.blur();
    }
    if (typing(event)) return;
    if (event.key === "/") {
      event.preventDefault();
      this.input.focus();
      this.input.select();
    } else if (event.key === "?") this.help.showModal();
  }

  #show(answer) {
    const { q, tag } = this.url.state;
    replace(this.filter, tag ? this.#tagFilter(tag) : null);
    this.picks.show(answer.profiles);
    if (document.activeElement !== this.input) this.input.value = q;
    document.getElementById("where").textContent = answer.datadir;
    this.input.hidden = answer.total === 0;
    const reading = answer.unread ? `, ${count(answer.unread)} still being read` : "";
    this.info.textContent =
      answer.total === 0
        ? ""
        : q || tag
          ? `${count(answer.shown)} of ${plural(answer.total, "profile")}`
          : plural(answer.total, "profile") + reading;
    if (answer.total === 0) replace(this.body, emptyState(answer.datadir, answer.problem));
    else if (answer.shown === 0)
      replace(
        this.body,
        h(
          "p",
          { class: "empty" },
          q ? `No profile has “${q}” in its name, command or host. ` : `No profile has the tag “${tag}”. `,
          h(
            "button",
            {
              type: "button",
              class: "link",
              onclick: () => {
                this.input.value = "";
                this.url.set({ q: "", tag: "", page: 1 });
              },
            },
            "Show all",
          ),
        ),
      );
    else this.#rows(answer);
    this.seen = new Set([...(this.seen ?? []), ...answer.profiles.map((row) => row.id)]);
  }

  #rows(answer) {
    keepingFocus(this.body, () =>
      replace(
        this.body,
        h(
          "table",
          { class: "profiles" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              h("th", { class: "pick", "aria-label": "Pick" }),
              COLUMNS.map((column) => this.#head(column)),
            ),
          ),
          h(
            "tbody",
            {},
            answer.profiles.map((row) => this.#row(row)),
          ),
        ),
        this.#pager(answer),
      ),
    );
  }

  #head(column) {
    const { sort, order } = this.url.state;
    const active = sort === column.key;
    const next = active && order === column.first ? (column.first === "asc" ? "desc" : "asc") : column.first;
    return h(
      "th",
      {
        class: `c-${column.key}${column.number ? " n" : ""}`,
        scope: "col",
        "aria-sort": active ? (order === "asc" ? "ascending" : "descending") : null,
      },
      h(
        "button",
        {
          type: "button",
          "data-focus": `head ${column.key}`,
          onclick: () => this.url.set({ sort: column.key, order: next, page: 1 }),
        },
        column.title,
        active ? (order === "asc" ? " ▴" : " ▾") : null,
      ),
    );
  }

  #row(row) {
    const fresh = this.seen !== null && !this.seen.has(row.id);
    return h(
      "tr",
      { class: `${row.status}${fresh ? " fresh" : ""}`, "data-id": row.id },
      h("td", { class: "pick" }, this.picks.box(row)),
      COLUMNS.map((column) =>
        h(
          "td",
          {
            class: `${column.key} c-${column.key}${column.number ? " n" : ""}`,
            "data-title": column.short,
            title: column.tip?.(row),
          },
          column.cell(row, this),
        ),
      ),
    );
  }

  #tagFilter(tag) {
    const remove = { type: "button", "aria-label": `Remove tag ${tag}`, onclick: () => this.url.set({ tag: "", page: 1 }) };
    return h("span", { class: "tag" }, tag, h("button", remove, "✕"));
  }

  /** Adds a tag to each; says how that went. */
  async #tag(rows, tag) {
    try {
      for (const { id } of rows) {
        const { revision, problem, ...notes } = await this.api.notes(id);
        if (problem) return problem;
        await this.api.saveNotes(id, { ...notes, tags: [...notes.tags, tag] }, revision);
      }
    } catch (error) {
      return error.message;
    }
    this.load();
    return `tagged ${plural(rows.length, "profile")}`;
  }

  #pager({ page, pages }) {
    if (pages < 2) return null;
    const go = (to, words) =>
      h(
        "button",
        { type: "button", disabled: to < 1 || to > pages, onclick: () => this.url.set({ page: to }, { push: true }) },
        words,
      );
    return h(
      "div",
      { class: "pager" },
      go(page - 1, "‹ Newer"),
      `page ${count(page)} of ${count(pages)}`,
      go(page + 1, "Older ›"),
    );
  }
}

function nameCell(row, page) {
  const types = row.sample_types?.map((type) => type.name).join(", ");
  const sub = [row.format, types, row.python && (/^\d/.test(row.python) ? `Python ${row.python}` : row.python)]
    .filter(Boolean)
    .join(" · ");
  return [
    row.status === "broken"
      ? h("span", { class: "plain" }, row.name)
      : h("a", { href: pageUrl(row.id), "data-focus": `row ${row.id}` }, row.name),
    row.file !== row.name || sub ? h("span", { class: "sub" }, sub) : null,
    row.tags?.length
      ? h(
          "span",
          { class: "tags" },
          row.tags.map((tag) =>
            h("button", { type: "button", class: "tag", "data-focus": `tag ${row.id} ${tag}`, onclick: () => page.url.set({ tag, page: 1 }, { push: true }) }, tag),
          ),
        )
      : null,
    row.status === "broken" && row.reason ? h("span", { class: "reason" }, row.reason) : null,
  ];
}

function processCell(row) {
  if (row.pid === null || row.pid === undefined) return "";
  const life = row.alive
    ? [row.cpu_percent !== null ? `${Math.round(row.cpu_percent)}% CPU` : null, row.rss !== null ? bytes(row.rss) : null]
        .filter(Boolean)
        .join(", ")
    : row.alive === false && row.status !== "finished"
      ? "gone"
      : "";
  return [String(row.pid), life ? h("span", { class: "sub life" }, life) : null];
}

applyTheme();
new IndexPage().start();
