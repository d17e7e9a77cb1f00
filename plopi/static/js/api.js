/** The server's JSON, by the wire format in docs/architecture.md. Every failure is an ApiError with words for the user. */
import { offline, rootOf, savedFetch } from "./offline.js";

/** The viewer's root, found from where this module was served: works under any base URL. */
export const ROOT = rootOf(import.meta.url);
const VERSION = 1;

export class ApiError extends Error {
  /**
   * @param status HTTP status, 0 where no answer came
   * @param pending {stage, done, size, ahead} while the server still reads the file (status 503)
   * @param argument the name of the only argument that is to blame, or null; pattern of focus, ignore or hide that is, or null
   */
  constructor(message, status, { pending = null, argument = null, pattern = null } = {}) {
    super(message);
    this.status = status;
    Object.assign(this, { pending, argument, pattern });
  }
}

export function pageUrl(subject, view = "graph", search = "") {
  return new URL(`p/${escaped(subject)}/${view}${search}`, ROOT).href;
}

/** A subject is a profile's id, or several joined by + (merged). */
const escaped = (subject) => subject.split("+").map(encodeURIComponent).join("+");

export class Api {
  constructor(root = ROOT, fetcher = offline ? savedFetch(offline) : (...args) => fetch(...args)) {
    this.root = root;
    this.fetcher = fetcher;
  }

  profiles(query, signal) {
    return this.#get("api/profiles", query, signal);
  }

  profile(subject, signal) {
    return this.#get(`api/profiles/${escaped(subject)}`, {}, signal);
  }

  /** @param what "graph", "table", "function/12", "flame", "timeline", ... */
  view(subject, what, query, signal) {
    return this.#get(`api/profiles/${escaped(subject)}/${what}`, query, signal);
  }

  /** As `view`; a search that cannot be understood costs no more than itself: the answer is that without it, and says why in `refused`. */
  async searched(subject, what, query, signal) {
    try {
      return await this.view(subject, what, query, signal);
    } catch (error) {
      if (error.argument !== "q") throw error;
      return { ...(await this.view(subject, what, { ...query, q: null }, signal)), refused: error.message };
    }
  }

  notes(id) {
    return this.#get(`api/profiles/${escaped(id)}/notes`, {});
  }

  /** Replaces the notes of this revision; fails where somebody has changed them since. */
  saveNotes(id, notes, revision) {
    const headers = { Accept: "application/json", "Content-Type": "application/json", "If-Match": `"${revision}"` };
    return this.#ask(this.#url(`api/profiles/${escaped(id)}/notes`), { method: "PUT", headers, body: JSON.stringify(notes) });
  }

  /** The address of something to be saved: "export" or "share". */
  saved(subject, what, query) {
    return this.#url(`api/profiles/${escaped(subject)}/${what}`, query).href;
  }

  #url(path, query = {}) {
    const url = new URL(path, this.root);
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== null && one !== undefined && one !== "") url.searchParams.append(name, String(one));
    }
    return url;
  }

  #get(path, query, signal) {
    return this.#ask(this.#url(path, query), { signal, headers: { Accept: "application/json" }, cache: "no-store" });
  }

  async #ask(url, how) {
    let answer;
    try {
      answer = await this.fetcher(url, how);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("The viewer does not answer: is it still running? This page goes on trying.", 0);
    }
    const body = await answer.json().catch(() => null);
    if (answer.ok && body?.v === VERSION) return body;
    if (answer.ok)
      throw new ApiError(`The viewer speaks wire format ${body?.v ?? "?"}, this page ${VERSION}: reload the page.`, 0);
    throw new ApiError(
      body?.error?.message ?? `The viewer answered ${answer.status} ${answer.statusText}`,
      answer.status,
      { ...body?.error, pending: body?.pending },
    );
  }
}

/**
 * Calls `ask` until the profile is read: a 503 with progress is told to `onPending` and asked again.
 * @param wait (ms, signal) => Promise
 */
export async function whenReady(ask, onPending, signal, wait = sleep) {
  for (let delay = 150; ; delay = Math.min(1000, delay * 1.5)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      onPending(error.pending ?? { stage: "reading", done: 0, size: 0 });
    }
    await wait(delay, signal);
  }
}

export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}
