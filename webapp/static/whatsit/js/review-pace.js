/** How fast this reviewer is today: the middle one of the last pauses between two words, breaks left out. */

const LOOKED_AT = 20;
const FEWEST = 5;
const BREAK_MS = 60_000;

export class Pace {
  constructor() {
    this.gaps = [];
    this.last = null;
  }

  note(now = performance.now()) {
    if (this.last !== null && now - this.last < BREAK_MS) {
      this.gaps.push(now - this.last);
      this.gaps.splice(0, this.gaps.length - LOOKED_AT);
    }
    this.last = now;
  }

  /** Null until it can be told. */
  get secondsEach() {
    if (this.gaps.length < FEWEST) {
      return null;
    }
    return [...this.gaps].sort((one, other) => one - other)[this.gaps.length >> 1] / 1000;
  }
}
