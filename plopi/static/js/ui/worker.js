/** The layout Worker: one request at a time matters, so a newer one makes the older one's answer worthless. */
import { offline } from "../offline.js";

const trusted = globalThis.trustedTypes?.createPolicy("plopi-worker", { createScriptURL: (url) => url });

/** Lays out here where no Worker can be had: a page that was saved as one file has no address to start one from. */
class HereAndNow extends EventTarget {
  async postMessage({ id, request }) {
    const { layout } = await import("../layout/index.js");
    this.dispatchEvent(new MessageEvent("message", { data: { id, result: layout(request) } }));
  }

  terminate() {}
}

function startWorker() {
  const url = new URL("../layout/worker.js", import.meta.url).href;
  return new Worker(trusted ? trusted.createScriptURL(url) : url, { type: "module" });
}

export class LayoutWorker {
  constructor() {
    this.worker = offline ? new HereAndNow() : startWorker();
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
