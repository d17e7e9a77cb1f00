/**
 * The page of a profile: one shell for all its views. The address says what to show, the server knows the numbers, a view draws them;
 * this asks, follows the news and says what stands in the way.
 */
import { Api, whenReady } from "../api.js";
import { Live } from "../live.js";
import { offline, savedHost } from "../offline.js";
import { UrlState } from "../state.js";
import { share } from "../format.js";
import { Busy } from "../ui/busy.js";
import { asked, candidates } from "../ui/compare.js";
import { h, replace } from "../ui/dom.js";
import { FilterBar } from "../ui/filters.js";
import { Header } from "../ui/header.js";
import { helpSheet, PAGE_HELP } from "../ui/help.js";
import { bindKeys } from "../ui/keys.js";
import { Menu } from "../ui/menu.js";
import { hideMessage, showEmpty, showMessage, showPending, showTrouble } from "../ui/message.js";
import { notesDialog } from "../ui/notes.js";
import { shareDialog } from "../ui/share.js";
import { showTabs } from "../ui/tabs.js";
import { applyTheme, themeButton } from "../ui/theme.js";
import { STRIPS, VIEWS } from "../views/registry.js";
import { pathTo, placeOf, selecting, SELECTING, SHARED } from "./address.js";
import { Loading } from "./loading.js";

const host = offline ? savedHost(offline) : window;
const RESIZE_MS = 180;
const GONE = "This profile's file is gone: the picture shows what was last read of it.";
const $ = (id) => document.getElementById(id);
/** The ids of a subject as the server has them, in order. */
const members = (subject) => subject.split(/[+ ]/).filter(Boolean).sort();
const roomOf = ({ clientWidth, clientHeight }) => `${clientWidth} ${clientHeight}`;
const viewAt = (path) => VIEWS.find((view) => view.NAME === placeOf(path)?.view) ?? VIEWS[0];

class ProfilePage {
  constructor(subject) {
    this.subject = subject;
    this.api = new Api();
    this.url = new UrlState(
      (path) => ({ ...SHARED, ...viewAt(path).KEYS }),
      (state, changed, moved) => this.#changed(changed, moved),
      host,
    );
    /** What each view had in the address when it was left: it has it again when one comes back. */
    this.left = new Map();
    /** Patterns of focus, ignore and hide that the server does not take, with its words: the view is asked for without them. */
    this.refused = new Map();
    this.busy = new Busy($("view"));
    /** Whether the strips have taken their room: before that a view would be drawn for a window that it does not have. */
    this.settled = false;
    this.loading = new Loading(
      (how, signal) => this.busy.during(this.#load(how, signal)),
      (error) => this.busy.during(this.#trouble(error)),
    );
    this.header = new Header({ pause: () => this.pause() });
    this.controls = h("div", { class: "view-controls" });
    const choices = h("div", { class: "filters" });
    $("controls").prepend(choices, this.controls);
    $("options").addEventListener("click", () => this.#fold());
    this.filters = new FilterBar(choices, $("chips"), {
      set: (changes) => this.set(changes, { push: true }),
      compare: offline ? null : () => this.compare(),
    });
    $("tools").append(
      h("button", { type: "button", id: "notes", hidden: !this.alone, title: "Tags, notes and named views (n)", onclick: () => this.notes() }, "Notes"),
      h("button", { type: "button", id: "share", hidden: Boolean(offline), title: "Address, page, export (s)", onclick: () => this.share() }, "Share"),
      themeButton(),
      h("button", { class: "icon", type: "button", title: "Help (?)", "aria-label": "Help", onclick: () => this.#help() }, "?"),
    );
    bindKeys(() => this.#commands());
    this.observer = new ResizeObserver(() => this.#resized());
    document.addEventListener("visibilitychange", () => this.loading.catchUp());
  }

  async start() {
    this.#mount();
    this.strips = STRIPS.map((strip) => strip.mount(this.#context($("strips").appendChild(h("div")), null)));
    await this.reload({ fresh: true });
    if (this.payload) this.view.resize(); // what stands around the picture may have taken room from it
    this.observer.observe($("view"));
    this.live = new Live({ watch: this.#watched(), onNews: (news) => this.#news(news) });
  }

  get state() {
    return this.url.state;
  }

  set(changes, options) {
    const type = changes.type !== undefined && changes.type === this.defaultType ? { type: "" } : {};
    this.url.set({ ...changes, ...type }, options);
  }

  href(view, changes = {}) {
    return this.url.href({ ...this.left.get(view), ...changes }, pathTo(view, this.url.path));
  }

  go(view, changes = {}) {
    this.#leave();
    this.url.set({ ...this.left.get(view), ...changes }, { push: true, path: pathTo(view, this.url.path) });
  }

  reload(how) {
    return this.loading.start(how);
  }

  pause() {
    if (this.profile?.status !== "growing" && !this.loading.paused) return false;
    this.loading.paused = !this.loading.paused;
    this.loading.catchUp();
    this.#around();
    return true;
  }

  /** Whether it is one profile of a server, whose notes can be kept. */
  get alone() {
    return !offline && !this.subject.includes("+");
  }

  notes() {
    if (!this.alone) return;
    const keeper = { load: () => this.api.notes(this.subject), save: (notes, revision) => this.api.saveNotes(this.subject, notes, revision) };
    const path = this.kind.NAME + host.location.search;
    const go = (to) => host.location.assign(new URL(to, host.location.href));
    notesDialog(keeper, { path, go });
  }

  /** With what, in a menu; two steps, where the list of profiles needs four. */
  async compare() {
    if (offline || !this.profile) return;
    const { left, bottom } = (this.filters.compare.hidden ? $("chips") : this.filters.compare).getBoundingClientRect();
    this.menu ??= new Menu();
    try {
      const { profiles } = await this.api.profiles(asked);
      const items = candidates(this.profile, profiles, Date.now(), (base) => this.set({ base, base_time: null }, { push: true }));
      this.menu.show(left, bottom + 4, items.length ? "Compare with, as what was before" : "No other profile of this kind is here", items);
    } catch (error) {
      this.menu.show(left, bottom + 4, error.message, []);
    }
  }

  share() {
    if (offline) return;
    const { q, ...place } = Object.fromEntries(new URLSearchParams(host.location.search));
    const saved = (what, how) => this.api.saved(this.subject, what, { ...place, ...(what === "share" ? { q } : {}), ...this.#selecting(), ...how });
    const compared = Boolean(this.state.base || this.state.base_time);
    const view = { name: this.kind.NAME, title: this.kind.TITLE, shape: this.profile?.shape, compared };
    shareDialog(host.location.href, saved, view);
  }

  #leave() {
    const own = Object.keys(this.kind.KEYS).filter((name) => !(name in SHARED));
    this.left.set(this.kind.NAME, Object.fromEntries(own.map((name) => [name, this.state[name]])));
  }

  #mount() {
    this.view?.destroy();
    this.payload = null;
    this.kind = viewAt(this.url.path);
    replace(this.controls);
    this.controls.hidden = false;
    replace($("view"));
    const element = $("view").appendChild(h("div", { class: `view ${this.kind.NAME}-view` }));
    this.view = this.kind.mount(this.#context(element, this.controls));
  }

  #context(element, controls) {
    const page = this;
    return {
      element,
      controls,
      busy: new Busy(element),
      subject: this.subject,
      api: this.api,
      get state() {
        return page.state;
      },
      get profile() {
        return page.profile;
      },
      get payload() {
        return page.payload;
      },
      query: () => page.#selecting(),
      set: (changes, options) => page.set(changes, options),
      go: (view, changes) => page.go(view, changes),
      href: (view, changes) => page.href(view, changes),
      has: (view) => VIEWS.some((one) => one.NAME === view),
      reload: (how) => page.reload(how),
      paused: () => page.loading.paused,
      filter: (kind, pattern) => page.filters.edit(kind, pattern),
    };
  }

  async #load({ fresh, animate = !fresh }, signal) {
    const { view } = this;
    this.profile = await this.api.profile(this.subject, signal);
    this.#around();
    const room = $("view").clientHeight;
    let payload = await this.#answer(signal);
    if (this.profile.status === "unread" || !this.profile.sample_types.length)
      this.profile = await this.api.profile(this.subject, signal);
    if (signal.aborted) return;
    if (this.state.type === "") this.defaultType = payload.type.name;
    fresh ||= !this.payload;
    [this.payload, this.stuck, this.header.trouble] = [payload, false, null];
    document.body.classList.remove("no-view");
    this.controls.hidden = false;
    this.#around();
    const strips = Promise.all(this.strips.map((strip) => strip.show(this.profile, payload)));
    if (!this.settled) {
      await strips;
      this.settled = true;
      if ($("view").clientHeight !== room) payload = this.payload = await view.ask(signal);
    }
    if (signal.aborted) return;
    this.room = roomOf($("view"));
    this.loading.late(Boolean(this.told && !this.#shows(this.told)));
    if (payload.total || payload.base?.total) {
      await view.show(payload, { fresh, animate });
      if (!signal.aborted) hideMessage($("message"));
    } else this.#empty(payload);
  }

  /** The view's answer, once the profile is read. */
  async #answer(signal) {
    const { view } = this;
    try {
      return await whenReady(
        () => view.ask(signal),
        (pending) => this.payload || showPending($("message"), pending),
        signal,
      );
    } catch (error) {
      if (!error.pattern || this.refused.has(error.pattern)) throw error;
      this.refused.set(error.pattern, error.message);
      return this.#answer(signal);
    }
  }

  #selecting() {
    return selecting(this.state, this.refused);
  }

  #empty(payload) {
    this.view.clear();
    showEmpty($("message"), this.profile, payload.type, this.state, (changes) => this.set(changes, { push: true }));
  }

  /** Everything around the view: head, tabs, filters. */
  #around() {
    const { profile, payload, state } = this;
    if (!profile) return;
    this.header.show(profile, payload, { paused: this.loading.paused });
    const kept = payload?.filters && payload.filters.of !== payload.filters.kept;
    this.filters.show(state, profile, {
      type: state.type || payload?.type.name || "",
      base: payload?.base,
      kept: kept ? `${share(payload.filters.kept, payload.filters.of)} left` : "",
      own: this.view.chips ?? [],
      refused: this.refused,
    });
    this.#tabs();
  }

  #tabs() {
    showTabs($("tabs"), VIEWS, this.kind.NAME, (view) => this.href(view), (view) => this.go(view));
  }

  async #trouble(error) {
    const had = Boolean(this.payload);
    this.controls.hidden = error.status === 409; // they steer what cannot be had
    document.body.classList.toggle("no-view", !had && ![400, 409].includes(error.status));
    this.stuck = true;
    if (had && [0, 404].includes(error.status)) {
      this.header.trouble = error.status === 404 ? GONE : error.message;
      this.#around();
      return;
    }
    showTrouble($("message"), error, () => this.reload({ fresh: true }));
    this.profile ??= await this.api.profile(this.subject).catch(() => null);
    this.#around();
  }

  #changed(changed, moved) {
    if (moved) this.#mount();
    this.live?.follow(this.#watched());
    if (this.told?.profile !== this.live?.watch) this.told = null;
    const asks = !moved && this.view.changed(changed);
    if (moved || Object.keys(SELECTING).some((name) => changed.has(name))) this.reload({ fresh: true, animate: true });
    else if (asks) this.reload({ fresh: true, animate: true, ...asks });
    this.#around();
  }

  #resized() {
    if (roomOf($("view")) === this.room) return;
    this.room = roomOf($("view"));
    this.busy.soon("resize", RESIZE_MS, () => this.payload && this.view.resize());
  }

  /** All profiles that have a part in what is shown: the members of a merge, those of the other side of a comparison. */
  #watched() {
    return [...new Set([...members(this.subject), ...members(this.state.base)])].join("+");
  }

  /** Whether the present picture is of these revisions. */
  #shows({ profile, revision }) {
    const { payload, subject, state } = this;
    if (!payload || !revision) return false;
    const shown = new Map();
    const note = (ids, revisions) => ids.forEach((id, i) => shown.set(id, revisions.split("+")[i]));
    note(members(subject), payload.revision);
    if (state.base && payload.base) note(members(state.base), payload.base.revision);
    return profile.split("+").every((id, i) => shown.get(id) === revision.split("+")[i]);
  }

  #news(news) {
    if (!this.payload && this.stuck) this.reload({ fresh: true });
    else if (news.poll) {
      if (this.profile?.status === "growing" || !this.payload) this.loading.news();
    } else if (news.profile === this.live.watch) {
      const status = this.told?.status ?? this.profile?.status;
      this.told = news;
      if (!this.#shows(news) || news.status !== status) this.loading.news();
      if (this.loading.paused && this.profile) {
        this.profile = { ...this.profile, status: news.status }; // the picture is kept, and says no longer that more is to come
        this.#around();
      }
    }
  }

  /** In narrow windows the picture has the room; facts and choices come when they are asked for. */
  #fold() {
    const open = document.body.classList.toggle("options-open");
    $("options").setAttribute("aria-expanded", String(open));
  }

  #help() {
    this.sheet?.remove();
    this.sheet = helpSheet(`${this.kind.TITLE}: how to read and steer it`, [...this.kind.HELP, ...PAGE_HELP]);
    this.sheet.showModal();
  }

  #commands() {
    const tabs = Object.fromEntries(VIEWS.map(({ NAME }, i) => [String(i + 1), () => NAME !== this.kind.NAME && this.go(NAME)]));
    return {
      ...tabs,
      p: () => this.pause(),
      f: () => this.filters.edit(),
      c: () => this.compare(),
      n: () => this.notes(),
      s: () => this.share(),
      "?": () => this.#help(),
      ...this.view.keys,
    };
  }
}

applyTheme();
const place = placeOf(host.location.pathname);
if (place) new ProfilePage(place.subject).start();
else {
  const home = h("a", { href: "../../" }, "All profiles");
  $("view").removeAttribute("aria-busy");
  showMessage($("message"), "No profile in this address", "Choose one from the list.", home);
}
