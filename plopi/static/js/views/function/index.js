/** One function as a view: its numbers, who calls it and what it calls, the calls around it, its heaviest paths and lines. */
import { FunctionView } from "./function.js";

export const FUNCTION = {
  NAME: "function",
  TITLE: "Function",
  KEYS: {},
  HELP: [
    [
      "Reading",
      [
        [["pie"], "All the time in which the function is on the stack (cum), each sample in one slice."],
        [["calls"], "What its innermost call did: work itself (self), or call something else."],
        [["called by"], "Who made its outermost call. A recursion is no slice."],
        [["▨"], "the garbage collector"],
      ],
    ],
    [
      "Keys",
      [
        [["←", "→"], "to the heaviest caller, to the heaviest callee"],
        [["/"], "another function"],
        [["o"], "flame graph of the stacks through it"],
        [["g"], "call graph around it"],
      ],
    ],
  ],
  mount: (context) => new FunctionView(context),
};
