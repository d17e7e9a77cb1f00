/** The views of a profile as a row of links: a click stays on the page, a click with a modifier opens another one. */
import { h, replace } from "./dom.js";

/**
 * @param views [{NAME, TITLE}]
 * @param href (name) => address of that view as things stand; @param go (name) => goes there
 */
export function showTabs(element, views, current, href, go) {
  element.hidden = views.length < 2;
  replace(
    element,
    views.map(({ NAME, TITLE }, i) =>
      h(
        "a",
        {
          href: href(NAME),
          "aria-current": NAME === current ? "page" : null,
          title: `${TITLE} (${i + 1})`,
          onclick: (event) => {
            if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
            event.preventDefault();
            go(NAME);
          },
        },
        TITLE,
      ),
    ),
  );
}
