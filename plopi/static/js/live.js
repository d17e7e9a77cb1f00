/** News of changes: by websocket, or by asking every few seconds while that cannot be had. */
import { Again } from "./again.js";
import { ROOT } from "./api.js";
import { offline } from "./offline.js";

const POLL_MS = 3000;

export class Live {
  /**
   * @param watch a profile's id, several joined by +, or null
   * @param onNews called with {index} or {profile, revision, status}, or {poll: true} when polling
   * @param onLink called with true (websocket open) or false (polling)
   */
  constructor({ watch = null, onNews, onLink = () => {} }, host = window) {
    this.watch = watch;
    this.onNews = onNews;
    this.onLink = onLink;
    this.host = host;
    this.again = new Again(() => this.#connect());
    this.closed = false;
    this.poller = null;
    if (!offline) this.#connect();
  }

  /** Another profile, or several, from now on. */
  follow(watch) {
    if (watch === this.watch) return;
    this.watch = watch;
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify({ watch }));
  }

  close() {
    this.closed = true;
    this.socket?.close();
    this.#stopPolling();
  }

  #connect() {
    if (this.closed) return;
    const url = new URL("live", ROOT);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    try {
      this.socket = new this.host.WebSocket(url);
    } catch {
      this.#lost();
      return;
    }
    this.socket.addEventListener("open", () => this.#opened());
    this.socket.addEventListener("message", ({ data }) => this.#heard(data));
    this.socket.addEventListener("close", () => this.#lost());
  }

  #opened() {
    const again = this.again.failures > 0;
    this.again.worked();
    this.#stopPolling();
    if (this.watch) this.socket.send(JSON.stringify({ watch: this.watch }));
    this.onLink(true);
    if (again) this.onNews({ poll: true });
  }

  #heard(data) {
    let news;
    try {
      news = JSON.parse(data);
    } catch {
      return;
    }
    if (news.v === 1) this.onNews(news);
  }

  #lost() {
    if (this.closed) return;
    this.onLink(false);
    this.poller ??= this.host.setInterval(() => this.onNews({ poll: true }), POLL_MS);
    this.again.later();
  }

  #stopPolling() {
    if (this.poller !== null) this.host.clearInterval(this.poller);
    this.poller = null;
  }
}
