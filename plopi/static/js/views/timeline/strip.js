/** The strip above every view of a recording: weight over time. A stretch that is brushed is what all views show. */
import { duration, plural, share, weight } from "../../format.js";
import { barsPath, bucketAt, endOf, nudged, rates, ticksOf } from "../../layout/strip.js";
import { offline } from "../../offline.js";
import { h, replace, s } from "../../ui/dom.js";
import { bindBrush } from "./brush.js";

const HEIGHT = 40;
const THREAD_HEIGHT = 16;
const PIXELS_PER_TICK = 110;
const SETTLED_MS = 250;

export const TIMELINE = { mount: (context) => new Timeline(context) };

class Timeline {
  constructor(context) {
    this.page = context;
    this.open = false;
    this.#build();
    this.unbind = offline ? () => {} : this.#brush();
    // Beside the view's first question, not after it: a strip that came later would push the picture down.
    this.early = this.#ask().catch(() => null);
    this.early.then((answer) => answer && !this.payload && this.#take(answer));
  }

  #brush() {
    return bindBrush(this.plot, {
      time: (part) => part * endOf(this.payload.buckets),
      buckets: () => this.payload.buckets,
      range: () => this.range,
      preview: (range) => this.#mark(range),
      done: (range, before) => this.#set(range, before),
      hover: (part) => this.#hover(part),
    });
  }

  #build() {
    const { element } = this.page;
    this.bars = s("path", { class: "bars" });
    this.shade = [s("rect", { class: "shade", y: 0, height: HEIGHT }), s("rect", { class: "shade", y: 0, height: HEIGHT })];
    this.base = s("rect", { class: "base", y: 0, height: HEIGHT });
    this.svg = s(
      "svg",
      { viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      this.bars,
      this.base,
      this.shade,
    );
    this.handles = ["From", "To"].map((words, end) =>
      h("span", {
        class: "handle",
        role: "slider",
        tabindex: 0,
        "aria-label": `${words}: what all views show`,
        "aria-valuemin": 0,
        hidden: Boolean(offline), // a saved page holds the numbers of one stretch only
        onkeydown: (event) => this.#key(event, end),
      }),
    );
    this.live = h("span", { class: "live", title: "Growing" });
    this.plot = h("div", { class: "plot" }, this.svg, this.handles, this.live);
    this.ticks = h("div", { class: "ticks", "aria-hidden": "true" });
    this.words = h("span", { class: "words", role: "status" });
    this.threads = h("div", { class: "threads", hidden: true });
    this.toggle = h("button", { type: "button", class: "link", "aria-expanded": "false", onclick: () => this.#toggle() }, "by thread");
    this.all = h("button", { type: "button", class: "link", onclick: () => this.page.set({ time: null }, { push: true }) }, "all the time");
    this.strip = h(
      "section",
      { class: "timeline", "aria-label": "Over time", hidden: true },
      this.words,
      h("div", { class: "links" }, this.toggle, this.all),
      this.plot,
      this.ticks,
      this.threads,
    );
    element.append(this.strip);
    this.observer = new ResizeObserver(() => this.payload && this.#ticks());
    this.observer.observe(this.plot);
  }

  get range() {
    const end = endOf(this.payload.buckets);
    const { time } = this.page.state;
    return time ? [Math.min(end, time[0] * 1e9), Math.min(end, time[1] * 1e9)] : [0, end];
  }

  /** After every answer of a view: asks again only where something about it changed that is not the stretch itself. */
  async show(profile, payload) {
    this.growing = profile.status === "growing";
    const key = JSON.stringify([payload.revision, this.#query()]);
    if (key === this.key) {
      this.#draw();
      return;
    }
    this.key = key;
    const early = await this.early;
    this.early = null;
    try {
      const answer = early?.revision === payload.revision ? early : await this.#ask();
      if (this.key === key) this.#take(answer);
    } catch (error) {
      if (!error.status && error.name !== "AbortError") throw error;
      this.key = null;
    }
  }

  #query() {
    return { ...this.page.query(), time: null, base: null, base_time: null, scale: null };
  }

  #ask() {
    return this.page.busy.during(this.page.api.view(this.page.subject, "timeline", { ...this.#query(), buckets: this.#room() }));
  }

  #take(answer) {
    if (this.gone) return;
    this.payload = answer;
    this.growing ??= answer.growing;
    this.strip.hidden = answer.buckets.start.length < 2;
    if (this.strip.hidden) return;
    this.#draw();
    const { dataset } = this.strip;
    dataset.ready = String(Number(dataset.ready ?? 0) + 1);
  }

  destroy() {
    this.gone = true;
    this.observer.disconnect();
    this.page.busy.forget();
    this.unbind();
    this.strip.remove();
  }

  #room() {
    return Math.max(60, Math.min(600, Math.round((this.plot.clientWidth || window.innerWidth) / 3)));
  }

  #draw() {
    if (!this.payload || this.strip.hidden) return;
    const { buckets } = this.payload;
    const heights = rates(buckets, buckets.weight);
    this.most = Math.max(...heights);
    this.bars.setAttribute("d", barsPath(buckets, heights, this.most, HEIGHT));
    this.live.hidden = !this.growing;
    this.toggle.hidden = this.payload.threads.length < 2;
    this.#mark(this.range);
    this.#ticks();
    if (this.open) this.#threads();
  }

  /** Shades what is not chosen, puts the handles, says the stretch in words. */
  #mark([from, to]) {
    const end = endOf(this.payload.buckets);
    const at = (time) => (1000 * time) / end;
    const rect = (element, a, b) => {
      element.setAttribute("x", a.toFixed(2));
      element.setAttribute("width", Math.max(0, b - a).toFixed(2));
    };
    rect(this.shade[0], 0, at(from));
    rect(this.shade[1], at(to), 1000);
    const { base_time: before } = this.page.state;
    rect(this.base, before ? at(Math.min(end, before[0] * 1e9)) : 0, before ? at(Math.min(end, before[1] * 1e9)) : 0);
    for (const [i, time] of [from, to].entries()) {
      const handle = this.handles[i];
      handle.style.left = `${at(time) / 10}%`;
      handle.setAttribute("aria-valuemax", String(Math.round(end / 1e9)));
      handle.setAttribute("aria-valuenow", String(time / 1e9));
      handle.setAttribute("aria-valuetext", seconds(time));
    }
    const part = from > 0 || to < end;
    this.all.hidden = !this.page.state.time;
    const { type } = this.payload;
    const sum = this.#sum(from, to);
    replace(this.words, h("b", {}, part ? `${seconds(from)} – ${seconds(to)}` : "Over time"), ` ${weight(sum, type.unit)} ${type.name}`);
  }

  #sum(from, to) {
    const { start, weight: weights } = this.payload.buckets;
    return weights.reduce((sum, one, i) => (start[i] >= from && start[i] < to ? sum + one : sum), 0);
  }

  #hover(part) {
    if (part === null) {
      this.#mark(this.range);
      return;
    }
    const { buckets, type } = this.payload;
    const i = bucketAt(buckets, part * endOf(buckets));
    const rate = type.unit === "nanoseconds" ? `, ${share(buckets.weight[i], buckets.length[i])} of one core` : "";
    const times = `${seconds(buckets.start[i])} – ${seconds(buckets.start[i] + buckets.length[i])}`;
    replace(this.words, h("b", {}, times), ` ${weight(buckets.weight[i], type.unit)} ${type.name}${type.name === "cpu" ? rate : ""}`);
  }

  #ticks() {
    const end = endOf(this.payload.buckets);
    const room = Math.max(2, Math.floor(this.plot.clientWidth / PIXELS_PER_TICK));
    const ticks = ticksOf(end, room).filter((time) => time < 0.96 * end);
    replace(
      this.ticks,
      ticks.map((time) => {
        const tick = h("span", {}, seconds(time));
        tick.style.left = `${(100 * time) / end}%`;
        return tick;
      }),
    );
  }

  #toggle() {
    this.open = !this.open;
    this.toggle.setAttribute("aria-expanded", String(this.open));
    this.threads.hidden = !this.open;
    if (this.open) this.#threads();
  }

  #threads() {
    const { buckets, threads, type } = this.payload;
    const heights = threads.map((thread) => rates(buckets, thread.weights));
    const most = Math.max(...heights.flat());
    replace(
      this.threads,
      threads.map((thread, i) =>
        h(
          "div",
          { class: "thread" },
          h(
            "button",
            {
              type: "button",
              class: "link name",
              disabled: thread.id === null,
              title: `${thread.name}: ${weight(thread.weight, type.unit)}. Show this thread alone`,
              onclick: () => this.page.set({ thread: String(thread.id) }, { push: true }),
            },
            thread.others ? plural(thread.others, "other thread") : thread.name,
          ),
          s(
            "svg",
            { viewBox: `0 0 1000 ${THREAD_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
            s("path", { class: "bars", d: barsPath(buckets, heights[i], most, THREAD_HEIGHT) }),
          ),
        ),
      ),
    );
  }

  /** @param before with Shift: the other side of a comparison, not what is shown */
  #set([from, to], before = false) {
    const whole = from <= 0 && to >= endOf(this.payload.buckets);
    const range = [from / 1e9, to / 1e9];
    if (before) this.page.set({ base: this.page.subject, base_time: range }, { push: true });
    else this.page.set({ time: whole ? null : range }, { push: true });
  }

  #key(event, end) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9 };
    if (event.key === "Escape" && this.page.state.time) this.page.set({ time: null }, { push: true });
    if (!(event.key in steps)) return;
    event.preventDefault();
    const { buckets } = this.payload;
    this.pending = nudged(buckets, this.pending ?? this.range, end, steps[event.key] * (event.shiftKey ? 10 : 1));
    this.#mark(this.pending);
    this.page.busy.soon("stretch", SETTLED_MS, () => {
      const range = this.pending;
      this.pending = null;
      this.#set(range);
    });
  }
}

const seconds = (time) => (time < 60e9 ? `${Math.round(time / 1e7) / 100} s` : duration(Math.round(time / 1e9) * 1e9));
