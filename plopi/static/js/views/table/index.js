/** All functions as a table: sorted, searched and paged by the server, so that a million are no more to the page than a few. */
import { choice, integer } from "../../state.js";
import { TABLE } from "../../pages/address.js";
import { TableView } from "./table.js";

export const TABLE_VIEW = {
  NAME: "table",
  TITLE: "Table",
  KEYS: { sort: TABLE.sort, order: choice(["desc", "asc"]), row: integer(0, 0, 1e8) },
  HELP: [
    [
      "Reading",
      [
        [["self"], "with the function itself on top of the stack; the bar is its share of everything"],
        [["cum"], "with the function anywhere in the stack"],
        [["per call"], "cum by calls that are not recursive, where calls were counted"],
      ],
    ],
    [
      "Searching",
      [
        [["text"], "functions and files with it in their name, in any case"],
        [["app.*.get"], "* and ? stand for anything and for one character"],
        [["re:^get_"], "a regular expression"],
      ],
    ],
    [
      "Keys",
      [
        [["↓", "↑"], "to the next row, to the one before"],
        [["Page Down", "Page Up", "Home", "End"], "further"],
        [["Enter"], "the function's own page"],
        [["/"], "search"],
      ],
    ],
  ],
  mount: (context) => new TableView(context),
};
