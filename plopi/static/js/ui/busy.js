/**
 * Says of an element that it is not yet what it will be: `aria-busy` while an answer is awaited, something moves, or somebody still types.
 * Who hears the page instead of seeing it is told when there is something to tell, and a test looks when there is something to see.
 */
export class Busy {
  constructor(element) {
    this.element = element;
    this.going = 0;
    this.timers = new Map();
  }

  /** Until a promise has ended, however it ends; what it comes to. */
  async during(promise) {
    this.going += 1;
    this.#tell();
    try {
      return await promise;
    } finally {
      this.going -= 1;
      this.#tell();
    }
  }

  /** Runs something when nothing of this name came for so long; busy until then. */
  soon(name, ms, run) {
    clearTimeout(this.timers.get(name));
    const ended = () => {
      this.timers.delete(name);
      try {
        run();
      } finally {
        this.#tell();
      }
    };
    this.timers.set(name, setTimeout(ended, ms));
    this.#tell();
  }

  /** What was to be run is not. */
  forget() {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.#tell();
  }

  #tell() {
    if (this.going || this.timers.size) this.element.setAttribute("aria-busy", "true");
    else this.element.removeAttribute("aria-busy");
  }
}
