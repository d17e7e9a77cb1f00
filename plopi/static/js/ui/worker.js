/** The layout Worker: one request at a time matters, so a newer one makes the older one's answer worthless. */

const trusted = globalThis.trustedTypes?.createPolicy("plopi-worker", { createScriptURL: (url) => url });

export class LayoutWorker {
  constructor() {
    const url = new URL("../layout/worker.js", import.meta.url).href;
    this.worker = new Worker(trusted ? trusted.createScriptURL(url) : url, { type: "module" });
    this.last = 0;
    this.waiting = new Map();
    this.worker.addEventListener("message", ({ data }) => this.#answered(data));
    this.worker.addEventListener("error", () => this.#failed());
  }

  /** Resolves to the layout, or to null when a newer request came meanwhile. */
  layout(request) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, request });
    });
  }

  close() {
    this.worker.terminate();
    for (const { resolve } of this.waiting.values()) resolve(null);
    this.waiting.clear();
  }

  #answered({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new Error(`The layout failed (${error}): try the other layout.`));
    else resolve(id === this.last ? result : null);
  }

  #failed() {
    for (const { reject } of this.waiting.values()) reject(new Error("The layout worker could not be started: reload the page."));
    this.waiting.clear();
  }
}
