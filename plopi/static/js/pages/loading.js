/**
 * Asking for a picture and showing it, one question at a time. News that comes meanwhile, or while nobody looks, is kept until the
 * answer is there: asking at every piece could go on for ever. What takes long is asked for less often: news wait for as long as the
 * last answer took, so that a page that follows something dear leaves half of the time to whatever else is asked.
 */
const LEAST_REST_MS = 200;
const LONGEST_REST_MS = 5000;

export class Loading {
  /** @param work (how, signal) => Promise: asks and shows; @param trouble (error) => Promise: says why not */
  constructor(work, trouble, clock = () => performance.now()) {
    Object.assign(this, { work, trouble, clock });
    this.asking = null;
    this.resting = null;
    this.again = 0;
    this.behind = false;
    this.paused = false;
  }

  /** @param how {fresh: from nothing, not as more of the same; animate} */
  async start(how) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const began = this.clock();
    try {
      await this.work(how, asking.signal);
    } catch (error) {
      if (error.name !== "AbortError" && this.asking === asking) await this.trouble(error);
    } finally {
      if (this.asking === asking) {
        this.asking = null;
        this.#rest(Math.max(this.again, how.fresh ? 0 : Math.max(LEAST_REST_MS, this.clock() - began)));
      }
    }
  }

  /** Whether the answer that came is older than the news: then it is asked for again, each time later. */
  late(is) {
    this.again = is ? Math.min(LONGEST_REST_MS, 2 * this.again || LEAST_REST_MS) : 0;
    this.behind ||= is;
  }

  /** Something changed on the server. */
  news() {
    this.behind = true;
    this.catchUp();
  }

  catchUp() {
    if (!this.behind || this.paused || this.asking || this.resting || document.hidden) return;
    this.behind = false;
    this.start({ fresh: false, animate: true });
  }
  #rest(ms) {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.resting = null;
      this.catchUp();
    }, Math.min(ms, LONGEST_REST_MS));
  }
}
