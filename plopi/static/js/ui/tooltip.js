/** The numbers beside the pointer. */
import { origin, plural, share, weight } from "../format.js";
import { h, replace } from "./dom.js";

const AWAY = 14;

export class Tooltip {
  constructor() {
    this.element = h("div", { id: "tooltip", role: "tooltip", hidden: true });
    document.body.append(this.element);
  }

  showNode(node, payload, event) {
    const { total, type } = payload;
    const line = (name, value) => [
      h("dt", {}, name),
      h("dd", {}, h("b", {}, share(value, total))),
      h("dd", {}, weight(value, type.unit)),
    ];
    this.showContent(event, [
      h("b", {}, node.name),
      h("div", { class: "where" }, origin(node)),
      h(
        "dl",
        {},
        line("self", node.self),
        line("cumulative", node.cum),
        node.recursive ? line("calls itself", node.recursive) : null,
      ),
    ]);
  }

  showEdge(edge, names, payload, event) {
    const { total, type } = payload;
    this.showContent(event, [
      h("b", {}, `${names(edge.caller)} → ${names(edge.callee)}`),
      h(
        "div",
        {},
        `${edge.exact === false ? "at most " : ""}${share(edge.weight, total)} of all, ${weight(edge.weight, type.unit)}`,
      ),
      edge.residual ? h("div", { class: "hint" }, "by way of functions that are not drawn") : null,
      edge.wrappers.length
        ? h(
            "div",
            { class: "hint" },
            `through ${plural(edge.wrappers.length, "wrapper")}: ${edge.wrappers.map((w) => w.label).join(" → ")}`,
          )
        : null,
    ]);
  }

  destroy() {
    this.element.remove();
  }

  hide() {
    this.element.hidden = true;
  }

  showContent(event, content) {
    replace(this.element, content);
    this.element.hidden = false;
    const box = this.element.getBoundingClientRect();
    const x = event.clientX + AWAY + box.width > window.innerWidth ? event.clientX - AWAY - box.width : event.clientX + AWAY;
    const y = event.clientY + AWAY + box.height > window.innerHeight ? event.clientY - AWAY - box.height : event.clientY + AWAY;
    this.element.style.left = `${Math.max(4, x)}px`;
    this.element.style.top = `${Math.max(4, y)}px`;
  }
}
