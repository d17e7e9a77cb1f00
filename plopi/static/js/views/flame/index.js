/** The flame graph as a view of a profile: a box's width is the weight of the stacks through it. */
import { choice, integer, numbers, text } from "../../state.js";
import { FlameView } from "./flame.js";

export const FLAME = {
  NAME: "flame",
  TITLE: "Flame",
  KEYS: {
    zoom: text(),
    inverted: choice(["", "1"]),
    root: integer(null, 0, 999999999),
    side: choice(["", "after", "before"]),
    span: numbers(2),
  },
  HELP: [
    [
      "Reading",
      [
        [["box"], "A function in a stack; width: the weight of all stacks through it at this place. What it calls hangs below it."],
        [["inverted"], "On top what the time is spent in, below it who called it."],
        [["▨"], "the garbage collector, or stacks that were cut"],
        [["gap"], "below a box: its own time, or functions too narrow to be drawn"],
        [["both"], "In a comparison: as wide as before and after together, so that what is gone and what is new is there, too"],
        [["after", "before"], "as wide as on one side, and only what that side has"],
        [["≈"], "a change that chance alone may have made; its box is grey"],
      ],
    ],
    [
      "Keys",
      [
        [["↓", "↑"], "to the widest callee, to the caller"],
        [["←", "→"], "to the next box of the level"],
        [["Enter"], "zoom to the box"],
        [["Esc"], "back to its caller, at last to everything"],
        [["+", "-", "0"], "widen, narrow, everything"],
        [["o"], "the function's own page"],
        [["i"], "inverted or not"],
        [["/"], "search: what matches, and how much of everything it is"],
      ],
    ],
    [
      "Pointer",
      [
        [["click"], "zoom to the box"],
        [["drag"], "move along, when widened"],
        [["Ctrl wheel"], "widen or narrow (pinch on a touchpad)"],
      ],
    ],
  ],
  mount: (context) => new FlameView(context),
};
