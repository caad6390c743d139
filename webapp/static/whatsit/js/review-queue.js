/** The pictures in this reviewer's hands: which one is shown, which come next, what was said about those before. */
import { releaseEntries, renewEntries, takeEntries } from "./review-calls.js";
import { pageData } from "./page-data.js";

const TAKEN_AT_ONCE = 12;
const ENOUGH_AHEAD = 10;
const DECODED_AHEAD = 3;
const KEPT_BEHIND = 50;
const RENEW_MS = 45_000;
const AWAY_MS = 300_000;
// A page that was loaded again hands back, as it goes, what this one has taken already.
const AFTER_LOADING_MS = 1_500;
const ASK_AGAIN_MS = 5_000;

export class ReviewQueue {
  /** @param {{onShow: (entry: object|null) => void, onLost: (entry: object) => void, onCount: () => void,
   *           pendingIds: () => string[]}} listeners `onShow(null)`: nothing is left */
  constructor(listeners) {
    this.listeners = listeners;
    this.entries = [];
    this.place = 0;
    this.waiting = pageData.waiting;
    this.wordsSaid = 0;
    this.isAsking = false;
    this.isDry = false;
    this.lastActive = Date.now();
    this.adopt(pageData.first);
    setInterval(() => this.renew(), RENEW_MS);
    setTimeout(() => this.renew(), AFTER_LOADING_MS);
    window.addEventListener("pagehide", () => this.release());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.renew());
  }

  get current() {
    return this.entries[this.place] ?? null;
  }

  open() {
    return this.entries.filter(({ said }) => said === null);
  }

  adopt(item, place = this.entries.length) {
    const image = new Image();
    image.alt = item.name || "The picture to review";
    image.width = item.width;
    image.height = item.height;
    image.src = `${pageData.images_url}/${item.id}/file`;
    const entry = { ...item, said: null, image };
    this.entries.splice(place, 0, entry);
    return entry;
  }

  /** The next one without a word, else one that was passed over; null where more must be asked for. */
  advance() {
    const next = this.entries.findIndex(({ said }, place) => place > this.place && said === null);
    const passed = next < 0 ? this.entries.findIndex(({ said }) => said === null) : next;
    this.place = passed < 0 ? this.entries.length : passed;
    this.forgetOld();
    this.show();
  }

  /** One fewer waits, or one more. */
  reckon(change) {
    this.wordsSaid += 1;
    this.waiting = this.waiting === null ? null : Math.max(0, this.waiting + change);
  }

  move(step) {
    const place = this.place + step;
    if (place >= 0 && place < this.entries.length) {
      this.place = place;
      this.show();
    }
  }

  goTo(entry) {
    this.place = this.entries.indexOf(entry);
    this.show();
  }

  find(id) {
    return this.entries.find((entry) => entry.id === id) ?? null;
  }

  /** Shows it next, after the one that is being looked at: a key pressed just now must not meet another picture. */
  comesNext(entry) {
    const shown = this.current;
    if (entry === shown) {
      this.show();
      return;
    }
    this.entries = this.entries.filter((each) => each !== entry);
    this.place = shown ? this.entries.indexOf(shown) : this.entries.length;
    this.entries.splice(this.place + (shown ? 1 : 0), 0, entry);
    if (!shown) {
      this.show();
    }
  }

  drop(entry) {
    const isShown = entry === this.current;
    const place = this.entries.indexOf(entry);
    this.entries.splice(place, 1);
    this.place -= place < this.place ? 1 : 0;
    if (isShown) {
      this.place -= 1;
      this.advance();
    }
  }

  show() {
    this.refill();
    for (const { image } of this.entries.slice(this.place + 1, this.place + 1 + DECODED_AHEAD)) {
      image.decode().catch(() => {});
    }
    if (this.current || this.isDry) {
      this.listeners.onShow(this.current);
    }
  }

  async refill() {
    const ahead = this.entries.slice(this.place).filter(({ said }) => said === null).length;
    if (ahead >= ENOUGH_AHEAD || this.isAsking || (this.isDry && Date.now() - this.askedAt < ASK_AGAIN_MS)) {
      return;
    }
    this.isAsking = true;
    this.askedAt = Date.now();
    const pending = this.listeners.pendingIds();
    const wasQuiet = pending.length === 0;
    const said = this.wordsSaid;
    const { status, body } = await takeEntries(TAKEN_AT_ONCE, [...this.open().map(({ id }) => id), ...pending]);
    this.isAsking = false;
    if (status === 200) {
      // Counted while words were on their way, it may count them or not; what is reckoned here is better then.
      this.take(body, wasQuiet && said === this.wordsSaid);
    } else if (this.current === null) {
      setTimeout(() => this.refill(), ASK_AGAIN_MS);
    }
  }

  take({ entries, waiting }, isCountFresh) {
    this.waiting = isCountFresh ? waiting : this.waiting;
    const wasAtEnd = this.current === null;
    const fresh = entries.filter(({ id }) => !this.find(id));
    for (const item of fresh) {
      this.adopt(item);
    }
    this.isDry = fresh.length === 0;
    if (wasAtEnd) {
      this.show();
    }
    this.listeners.onCount();
  }

  /** What lies far behind is let go; what is passed over stays. */
  forgetOld() {
    while (this.place > KEPT_BEHIND && this.entries[0].said !== null) {
      this.entries.shift();
      this.place -= 1;
    }
  }

  noteActivity() {
    const wasAway = Date.now() - this.lastActive > AWAY_MS;
    this.lastActive = Date.now();
    if (wasAway) {
      this.renew();
    }
  }

  /** Whoever went away lets others have the pictures; what they took is gone from here. */
  async renew() {
    const mine = this.open().map(({ id }) => id);
    if (mine.length === 0 || Date.now() - this.lastActive > AWAY_MS) {
      return;
    }
    const { status, body } = await renewEntries(mine);
    for (const id of status === 200 ? body.lost : []) {
      const entry = this.find(id);
      if (entry && entry.said === null) {
        if (entry === this.current) {
          this.listeners.onLost(entry);
        }
        this.drop(entry);
      }
    }
  }

  release() {
    const mine = this.open().map(({ id }) => id);
    if (mine.length > 0) {
      releaseEntries(mine);
    }
  }
}
