/** Rows of a long list, asked for by pages as they come into sight. */

export const PER = 200;
const KEPT = 40;

export class Pages {
  /** @param ask (page from 1, signal) => Promise of the server's answer; @param came () => called after each */
  constructor(ask, came) {
    Object.assign(this, { ask, came });
    this.reset(null);
  }

  /** Begins anew with an answer that is there already, or with nothing. */
  reset(answer) {
    this.asking?.abort();
    this.asking = null;
    this.wanted = null;
    this.rows = new Map(answer ? [[answer.page, answer.rows]] : []);
    this.revision = answer?.revision;
    this.count = answer?.shown ?? 0;
  }

  row(index) {
    return this.rows.get(Math.floor(index / PER) + 1)?.[index % PER];
  }

  /** Sees to it that the rows [from, to) come. */
  need(from, to) {
    const first = Math.floor(from / PER) + 1;
    const last = Math.floor(Math.max(from, to - 1) / PER) + 1;
    for (let page = first; page <= last; page += 1)
      if (!this.rows.has(page) && page <= Math.ceil(this.count / PER)) {
        this.#get(page);
        return;
      }
  }

  /** One question at a time; a page that is no longer in sight is not waited for. */
  async #get(page) {
    if (this.wanted === page) return;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.wanted = page;
    try {
      const answer = await this.ask(page, asking.signal);
      if (asking.signal.aborted) return;
      this.rows.set(page, answer.page === page ? answer.rows : []); // fewer by now, or a saved page that holds only one
      for (const old of [...this.rows.keys()].slice(0, Math.max(0, this.rows.size - KEPT))) this.rows.delete(old);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.rows.set(page, []);
    }
    this.wanted = null;
    this.came();
  }
}
