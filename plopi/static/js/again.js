/** Trying again what has failed: each time later, until it works. */
const WAITS_MS = [1000, 2000, 5000, 10000, 30000];

export class Again {
  constructor(run) {
    this.run = run;
    this.failures = 0;
    this.timer = null;
  }

  /** Once more after a while; how many seconds that is. */
  later() {
    const wait = WAITS_MS[Math.min(this.failures, WAITS_MS.length - 1)];
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.run, wait);
    return wait / 1000;
  }

  /** It works, or somebody has asked anew: nothing is to be tried again. */
  worked() {
    clearTimeout(this.timer);
    this.failures = 0;
  }
}
