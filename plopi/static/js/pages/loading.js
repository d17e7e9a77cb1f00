/**
 * Asking for a picture and showing it, one question at a time. News that comes meanwhile, or while nobody looks, is kept until the
 * answer is there: asking at every piece could go on for ever.
 */
export class Loading {
  /** @param work (how, signal) => Promise: asks and shows; @param trouble (error) => Promise: says why not */
  constructor(work, trouble) {
    Object.assign(this, { work, trouble });
    this.asking = null;
    this.behind = false;
    this.paused = false;
  }

  /** @param how {fresh: from nothing, not as more of the same; animate} */
  async start(how) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      await this.work(how, asking.signal);
    } catch (error) {
      if (error.name !== "AbortError" && this.asking === asking) await this.trouble(error);
    } finally {
      if (this.asking === asking) {
        this.asking = null;
        this.catchUp();
      }
    }
  }

  /** Something changed on the server. */
  news() {
    this.behind = true;
    this.catchUp();
  }

  catchUp() {
    if (!this.behind || this.paused || this.asking || document.hidden) return;
    this.behind = false;
    this.start({ fresh: false, animate: true });
  }
}
