/** The line that says what is not drawn, and what can be done about it. */
import { share } from "../../format.js";
import { leftOutWords } from "../../ui/facts.js";
import { h, replace } from "../../ui/dom.js";

/**
 * @param graph {menu, keep(ids)}
 * @param more {amount: so many could be drawn, or null; show(amount)}
 */
export function showLeftOut(element, payload, hiddenNames, graph, more) {
  const words = leftOutWords(payload, hiddenNames);
  element.setAttribute("title", words.join("; "));
  const link = (text, title, onclick) => h("button", { type: "button", class: "link", title, onclick }, text);
  const act = (button) => h("span", { class: "act" }, " · ", button);
  const top = payload.left_out.top ?? [];
  const items = () =>
    top.map(({ id, label, self, cum }) => ({
      words: label,
      hint: `${share(self, payload.total)} · ${share(cum, payload.total)}`,
      run: () => graph.keep([id]),
    }));
  const list = ({ target }) => {
    const { left, top: above } = target.getBoundingClientRect();
    graph.menu.show(left, above, "Not drawn: self · cum. Choose one to add it", items());
  };
  replace(
    element,
    words[0],
    more.amount
      ? act(link(`show ${more.amount}`, "Fewer are drawn so that names can be read in this window", () => more.show(more.amount)))
      : null,
    "; ",
    words[1] ?? "nothing hidden",
    top.length ? act(link("which", "The heaviest functions that are not drawn", list)) : null,
    words.slice(2).map((part) => ` · ${part}`),
  );
}
