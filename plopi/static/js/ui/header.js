/** The head of a profile's page: its name, facts, live state and what must be said about it. */
import { h, replace } from "./dom.js";
import { noteLines, showFacts, warningLines } from "./facts.js";

const $ = (id) => document.getElementById(id);

export class Header {
  /** @param actions {pause()} */
  constructor(actions) {
    this.pause = h("button", { type: "button", id: "pause", hidden: true, onclick: actions.pause });
    $("tools").prepend(this.pause);
    this.open = false;
    this.trouble = null;
  }

  show(profile, payload, { paused }) {
    $("name").textContent = profile.name;
    $("name").setAttribute("title", profile.file ?? profile.name);
    document.title = `${profile.name} · plopi`;
    const toggle = () => {
      this.open = !this.open;
      this.show(profile, payload, { paused });
    };
    showFacts($("facts"), profile, payload, { open: this.open, toggle });
    const lines = [...warningLines(profile), ...(this.open ? noteLines(profile) : [])];
    replace(
      $("banner"),
      this.trouble ? h("div", { class: "bad" }, this.trouble) : null,
      lines.map((line) => h("div", {}, line)),
    );
    this.pause.hidden = profile.status !== "growing" && !paused;
    const words = paused ? "Follow" : "Pause";
    replace(this.pause, paused ? "▶" : "❚❚", h("span", { class: "words" }, ` ${words}`));
    this.pause.setAttribute("aria-label", words);
    this.pause.setAttribute(
      "title",
      paused ? "Follow the growing profile again (p)" : "Keep this picture while the profile grows (p)",
    );
  }
}
