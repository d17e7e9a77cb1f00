/** The graph page: the URL says what to show, the server knows the numbers, the Worker the places; this puts them together. */
import { Api, whenReady } from "../api.js";
import { GraphView } from "../draw/graph.js";
import { colourClass } from "../draw/nodes.js";
import { Live } from "../live.js";
import { screenScale, zoomed } from "../layout/exports.js";
import { UrlState } from "../state.js";
import { Controls } from "../ui/controls.js";
import { leftOutWords, noteLines, showFacts, warningLines } from "../ui/facts.js";
import { GRAPH_HELP, helpSheet } from "../ui/help.js";
import { h, replace } from "../ui/dom.js";
import { drawLegend } from "../ui/legend.js";
import { hideMessage, showEmpty, showMessage, showPending, showTrouble } from "../ui/message.js";
import { bindKeys } from "../ui/keys.js";
import { SidePanel } from "../ui/panel.js";
import { applyTheme, themeButton } from "../ui/theme.js";
import { Tooltip } from "../ui/tooltip.js";
import { LayoutWorker } from "../ui/worker.js";
import { GRAPH_KEYS, KEYS, TABLE_KEYS } from "./address.js";
import { Picture } from "./picture.js";
import { choices, commands } from "./steering.js";

const MOST_BY_DEFAULT = 80;
const FEWEST_BY_DEFAULT = 14;
const PIXELS_PER_FUNCTION = 11000;
const RESIZE_MS = 180;
const $ = (id) => document.getElementById(id);

class GraphPage {
  constructor(id) {
    this.id = id;
    this.api = new Api();
    const worker = new LayoutWorker();
    this.picture = new Picture((request) => worker.layout(request));
    this.tooltip = new Tooltip();
    this.url = new UrlState(KEYS, (state, changed) => this.#changed(changed));
    this.paused = false;
    this.legend = { groups: $("groups"), scales: $("scales") };
    this.view = new GraphView($("graph"), this.#viewEvents());
    this.controls = new Controls($("controls"), choices(this));
    this.panel = new SidePanel($("details"), $("functions"), this.api, id, {
      state: () => this.url.state,
      set: (changes, options) => this.url.set(changes, options),
      select: (functionId) => this.select({ node: functionId }),
      unselect: () => this.select(null),
    });
    this.help = helpSheet("How to read and steer the graph", GRAPH_HELP);
    $("tools").append(
      themeButton(),
      h(
        "button",
        { class: "icon", type: "button", title: "Help (?)", "aria-label": "Help", onclick: () => this.help.showModal() },
        "?",
      ),
    );
    bindKeys(commands(this));
    window.addEventListener("resize", () => this.#resized());
    document.addEventListener("visibilitychange", () => this.#catchUp());
  }

  async start() {
    this.#panelShown();
    await this.#reload({ fresh: true });
    new Live({ watch: this.id, onNews: (news) => this.#news(news) });
  }

  get state() {
    return this.url.state;
  }

  get scene() {
    return this.picture.scene;
  }

  #pane() {
    const { clientWidth: width, clientHeight: height } = $("pane");
    return { width: Math.max(200, width), height: Math.max(200, height) };
  }

  /** The drawing's size: the pane's at its scale, or what the URL holds because positions in it belong to that size. */
  #size() {
    const [width, height] = this.state.size ?? [];
    if (width >= 100 && height >= 100 && width <= 1e4 && height <= 1e4) return { width, height };
    const pane = this.#pane();
    const scale = screenScale(pane);
    return { width: Math.round(pane.width / scale), height: Math.round(pane.height / scale) };
  }

  #amount() {
    if (this.state.nodes !== null) return this.state.nodes;
    const { width, height } = this.#size();
    return Math.max(FEWEST_BY_DEFAULT, Math.min(MOST_BY_DEFAULT, Math.round((width * height) / PIXELS_PER_FUNCTION)));
  }

  #query() {
    return { type: this.state.type, thread: this.state.thread, nodes: this.#amount() };
  }

  /** Asks the server anew and draws. `fresh`: lay out from nothing; otherwise functions stay where they are. */
  async #reload({ fresh, animate = !fresh }) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    const { signal } = loading;
    try {
      this.profile = await this.api.profile(this.id, signal);
      this.#header();
      const payload = await whenReady(
        () => this.api.graph(this.id, this.#query(), signal),
        (pending) => this.#pending(pending),
        signal,
      );
      if (this.profile.status === "unread" || !this.profile.sample_types.length)
        this.profile = await this.api.profile(this.id, signal);
      if (this.state.type === "") this.defaultType = payload.type.name;
      this.stuck = false;
      document.body.classList.remove("no-graph");
      this.payload = payload;
      await this.#draw({ keep: !fresh, animate });
      this.panel.refresh(payload, this.colours);
    } catch (error) {
      if (error.name !== "AbortError") await this.#trouble(error);
    } finally {
      if (this.loading === loading) {
        this.loading = null;
        this.#catchUp();
      }
    }
  }

  /** News that came while the server was being asked, or while nobody looked, was kept back: asking at every piece could go on for ever. */
  #catchUp() {
    if (!this.behind || this.paused || this.loading || document.hidden) return;
    this.behind = false;
    this.#reload({ fresh: !this.scene });
  }

  /** `keep`: functions stay where they stand. */
  async #draw({ keep = false, animate = false } = {}) {
    const { payload, profile } = this;
    this.#header();
    if (!payload.nodes.length) {
      this.picture.clear();
      drawLegend(this.legend, payload);
      replace($("left-out"));
      showEmpty($("message"), profile, payload.type, this.state.thread, {
        type: (type) => this.url.set({ type }, { push: true }),
        allThreads: () => this.url.set({ thread: "" }, { push: true }),
      });
      return;
    }
    this.colours = new Map(payload.nodes.map((node) => [node.id, colourClass(payload.groups[node.group])]));
    const size = this.#size();
    const how = { kind: this.state.layout, size, moved: this.state.moved };
    if (!(await this.picture.arrange(payload, how, keep))) return;
    hideMessage($("message"));
    this.view.fit(this.#pane(), size);
    this.view.setView(this.state.view);
    this.view.show(this.scene, this.picture.bends, { animate });
    this.view.select(this.selection());
    this.#showControls();
    $("graph").dataset.ready = String(Number($("graph").dataset.ready ?? 0) + 1);
  }

  #header() {
    const { profile, payload } = this;
    $("name").textContent = profile.name;
    $("name").setAttribute("title", profile.file);
    document.title = `${profile.name} · plopi`;
    const notes = {
      open: this.notesOpen,
      toggle: () => {
        this.notesOpen = !this.notesOpen;
        this.#header();
      },
    };
    showFacts($("facts"), profile, payload, notes);
    const lines = [...warningLines(profile), ...(this.notesOpen ? noteLines(profile) : [])];
    replace(
      $("banner"),
      lines.map((line) => h("div", {}, line)),
    );
    this.#showControls();
  }

  #showControls() {
    const type = this.state.type || this.payload?.type.name || "";
    this.controls.show(this.state, this.profile, this.#amount(), {
      type,
      paused: this.paused,
      untidy: this.state.moved.size > 0 || this.picture.grown,
    });
  }

  #pending(pending) {
    if (!this.scene) showPending($("message"), pending);
  }

  #leftOut(hiddenLabels = 0) {
    const words = leftOutWords(this.payload, hiddenLabels);
    const fewer = this.state.nodes === null && this.#amount() < MOST_BY_DEFAULT && this.payload.nodes.length + 3 > this.#amount();
    $("left-out").setAttribute("title", words.join("; "));
    replace(
      $("left-out"),
      words[0],
      "; ",
      words[1] ?? "nothing hidden",
      fewer
        ? [
            " · ",
            h(
              "button",
              {
                type: "button",
                class: "link",
                title: "Fewer are drawn so that names can be read in this window",
                onclick: () => this.url.set({ nodes: MOST_BY_DEFAULT, view: null, moved: new Map(), size: null }, { push: true }),
              },
              `show ${MOST_BY_DEFAULT}`,
            ),
          ]
        : null,
      words.slice(2).map((part) => ` · ${part}`),
    );
  }

  async #trouble(error) {
    document.body.classList.toggle("no-graph", !this.scene);
    this.stuck = true;
    if (this.scene && [0, 404].includes(error.status)) {
      const gone = "This profile's file is gone: the picture shows what was last read of it.";
      replace($("banner"), h("div", { class: "bad" }, error.status === 404 ? gone : error.message));
      return;
    }
    showTrouble($("message"), error, () => this.#reload({ fresh: true }));
    this.profile ??= await this.api.profile(this.id).catch(() => null);
    if (this.profile) $("name").textContent = this.profile.name;
  }

  #changed(changed) {
    const { state } = this;
    const has = (...names) => names.some((name) => changed.has(name));
    if (has("panel")) this.#panelShown();
    if (has(...GRAPH_KEYS)) {
      if (!has("type", "thread", "nodes") && this.payload) this.#draw({ animate: true });
      else this.#reload({ fresh: true, animate: true });
    } else {
      if (has("moved")) this.#movedInUrl();
      if (has("view") && !this.fromView) this.view.setView(state.view);
      if (has("select") && this.scene) this.#selected();
    }
    if (has(...TABLE_KEYS)) this.panel.loadTable(this.colours);
    if (this.profile) this.#showControls();
  }

  #movedInUrl() {
    if (!this.fromView) this.#draw({ animate: true });
  }

  selection() {
    const raw = this.state.select;
    if (/^\d+$/.test(raw)) return { node: Number(raw) };
    return /^\d+>\d+$/.test(raw) ? { edge: raw } : null;
  }

  select(selection) {
    const select = selection?.node !== undefined ? String(selection.node) : (selection?.edge ?? "");
    this.tooltip.hide();
    this.url.set({ select }, { push: true });
  }

  #selected() {
    const selection = this.selection();
    this.view.select(selection);
    if (selection?.node !== undefined) this.view.showNode(selection.node);
    this.panel.showSelection(selection, this.payload, this.colours);
  }

  #panelShown() {
    document.body.classList.toggle("panel-closed", this.state.panel === "closed");
    if (this.scene) this.#resized();
  }

  #resized() {
    clearTimeout(this.resizing);
    this.resizing = setTimeout(() => {
      if (!this.scene) return;
      if (this.state.size || this.state.nodes !== null) this.#draw();
      else this.#reload({ fresh: true });
    }, RESIZE_MS);
  }

  #news(news) {
    if (!this.scene && this.stuck) {
      this.#reload({ fresh: true });
      return;
    }
    if (news.index !== undefined || (news.profile !== undefined && news.profile !== this.id)) return;
    const stale =
      this.payload &&
      news.revision !== undefined &&
      news.revision === this.payload.revision &&
      news.status === this.profile?.status;
    if (this.paused || stale) return;
    if (news.poll && this.profile && this.profile.status !== "growing" && this.scene) return;
    if (this.loading || document.hidden) this.behind = true;
    else this.#reload({ fresh: !this.scene });
  }

  pause() {
    this.paused = !this.paused;
    if (!this.paused) this.#reload({ fresh: false });
    if (this.profile) this.#header();
  }

  /** Puts what the user did to the picture into the URL, with the size it was done at. */
  #remember(changes) {
    this.fromView = true;
    const { width, height } = this.#size();
    const view = "view" in changes ? changes.view : this.state.view;
    const moved = changes.moved ?? this.state.moved;
    const size = view || moved.size ? [width, height] : null;
    const keep = this.url.onChange;
    this.url.onChange = () => {};
    this.url.set({ ...changes, size });
    this.url.onChange = keep;
    this.fromView = false;
  }

  #viewEvents() {
    const nameOf = (id) => this.payload.nodes.find((node) => node.id === id)?.label ?? String(id);
    return {
      pickNode: (id) => this.select({ node: id }),
      pickEdge: (edge) => this.select({ edge }),
      background: () => this.select(null),
      hover: (kind, id, event) => {
        if (kind === "node")
          this.tooltip.showNode(
            this.payload.nodes.find((node) => node.id === id),
            this.payload,
            event,
          );
        else
          this.tooltip.showEdge(
            this.payload.edges.find((edge) => `${edge.caller}>${edge.callee}` === id),
            nameOf,
            this.payload,
            event,
          );
      },
      unhover: () => this.tooltip.hide(),
      dragged: (id, x, y) => {
        const place = [x, y].map((value) => Math.round(value * 10) / 10);
        this.picture.move(id, place);
        this.view.moveNode(id, ...place);
        this.#remember({ moved: new Map([...this.state.moved, [id, place]]) });
        this.#showControls();
      },
      viewed: (view) => {
        const rounded = view && view.map((value) => Math.round(value * 1000) / 1000);
        if (rounded) this.view.setView(rounded);
        this.#remember({ view: rounded });
      },
      placed: (hidden, scale) => {
        this.#leftOut(hidden);
        drawLegend(this.legend, this.payload, zoomed(this.scene.scales, scale));
      },
    };
  }

  fit() {
    this.view.setView(null);
    this.#remember({ view: null });
  }

  tidy() {
    this.#remember({ view: null, moved: new Map() });
    this.#draw({ animate: true });
  }
}

applyTheme();
const match = /\/p\/([^/]+)\/graph\/?$/.exec(window.location.pathname);
if (match) new GraphPage(decodeURIComponent(match[1])).start();
else
  showMessage(
    $("message"),
    "No profile in this address",
    "Choose one from the list.",
    h("a", { href: "../../" }, "All profiles"),
  );
