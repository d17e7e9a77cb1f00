/** The line that says what is not drawn, and what can be done about it. */
import { leftOutWords } from "../../ui/facts.js";
import { h, replace } from "../../ui/dom.js";

/** @param more {amount: so many could be drawn, or null; show(amount)} */
export function showLeftOut(element, payload, hiddenNames, more) {
  const words = leftOutWords(payload, hiddenNames);
  element.setAttribute("title", words.join("; "));
  const button = () =>
    h(
      "button",
      {
        type: "button",
        class: "link",
        title: "Fewer are drawn so that names can be read in this window",
        onclick: () => more.show(more.amount),
      },
      `show ${more.amount}`,
    );
  replace(
    element,
    words[0],
    "; ",
    words[1] ?? "nothing hidden",
    more.amount ? [" · ", button()] : null,
    words.slice(2).map((part) => ` · ${part}`),
  );
}
