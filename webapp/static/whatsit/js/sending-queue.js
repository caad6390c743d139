/** Which item is prepared and sent when: few at a time, patient with a busy or unreachable site, stoppable. */
import { pageData } from "./page-data.js";
import { isOnItsWay, Stage } from "./item.js";
import { send } from "./sender.js";
import { shrink } from "./shrink.js";
import { tooLarge } from "./words.js";

const SENDING_AT_ONCE = 4;
const PREPARING_AT_ONCE = 2;
const PREPARED_AHEAD = 8;
const BUSY_ATTEMPTS = 10;
const BROKEN_ATTEMPTS = 3;
const UNREACHABLE_ATTEMPTS = 20;
const LONGEST_PAUSE_SECONDS = 30;
const UNREADABLE = "This file cannot be read. It may have been moved or changed; choose it again.";

export class SendingQueue {
  /**
   * @param {{onChange: (item: object) => void, onAccepted: (item: object, image: object) => void,
   *          onPause: (pause: {words: string, until: number} | null) => void}} listeners
   */
  constructor(listeners) {
    this.listeners = listeners;
    this.unprepared = [];
    this.prepared = [];
    this.preparing = new Set();
    this.inFlight = new Map();
    this.unreachableInARow = 0;
    this.pauseTimer = null;
    window.addEventListener("online", () => this.goOn());
  }

  get isIdle() {
    return this.items().length === 0;
  }

  /** Everything that is not sent yet. */
  items() {
    return [...this.unprepared, ...this.preparing, ...this.prepared, ...this.inFlight.keys()];
  }

  add(items) {
    this.unprepared.push(...items);
    this.pump();
  }

  /** Sends again what was refused or given up; the same key, so nothing can arrive twice. */
  retry(item) {
    if (isOnItsWay(item) || item.stage === Stage.ACCEPTED) {
      return;
    }
    item.attempts = 0;
    item.progress = 0;
    this.move(item, Stage.WAITING);
    (item.blob ? this.prepared : this.unprepared).push(item);
    this.goOn();
  }

  cancel(item) {
    this.unprepared = this.unprepared.filter((other) => other !== item);
    this.prepared = this.prepared.filter((other) => other !== item);
    item.isCancelled = true;
    this.inFlight.get(item)?.();
    if (this.isIdle) {
      this.goOn();
    }
  }

  /** Ends a pause at once. */
  goOn() {
    clearTimeout(this.pauseTimer);
    this.pauseTimer = null;
    this.listeners.onPause(null);
    this.pump();
  }

  pump() {
    while (this.preparing.size < PREPARING_AT_ONCE && this.prepared.length < PREPARED_AHEAD && this.unprepared.length > 0) {
      this.prepare(this.unprepared.shift());
    }
    while (!this.pauseTimer && this.inFlight.size < SENDING_AT_ONCE && this.prepared.length > 0) {
      this.sendOne(this.prepared.shift());
    }
  }

  async prepare(item) {
    this.preparing.add(item);
    this.move(item, Stage.PREPARING);
    const { blob, thumbnail } = await shrink(item.file);
    const canBeRead = await isReadable(blob);
    this.preparing.delete(item);
    item.thumbnail = thumbnail;
    if (item.isCancelled) {
      this.pump();
      return;
    }
    if (blob.size > pageData.upload_max_bytes) {
      this.move(item, Stage.REFUSED, tooLarge(item.file, pageData.upload_max_bytes));
    } else if (!canBeRead) {
      this.move(item, Stage.REFUSED, UNREADABLE);
    } else {
      item.blob = blob;
      this.prepared.push(item);
      this.move(item, Stage.WAITING);
    }
    this.pump();
  }

  async sendOne(item) {
    item.progress = 0;
    item.attempts += 1;
    const { outcome, cancel } = send(item, (progress) => {
      item.progress = progress;
      this.listeners.onChange(item);
    });
    this.inFlight.set(item, cancel);
    this.move(item, Stage.SENDING);
    const result = await outcome;
    this.inFlight.delete(item);
    if (!item.isCancelled) {
      this.settle(item, result);
    }
    this.pump();
  }

  settle(item, result) {
    if (result.kind !== "unreachable") {
      this.unreachableInARow = 0;
    }
    switch (result.kind) {
      case "accepted":
        item.stage = Stage.ACCEPTED;
        item.blob = null;
        this.listeners.onAccepted(item, result.image);
        break;
      case "refused":
        this.move(item, Stage.REFUSED, result.sentence);
        break;
      case "busy":
        this.again(item, BUSY_ATTEMPTS, result.sentence);
        this.pause("The site is busy.", result.seconds);
        break;
      case "broken":
        this.again(item, BROKEN_ATTEMPTS, result.sentence);
        this.pause("The site had a problem.", 2 ** item.attempts);
        break;
      default:
        this.unreachableInARow += this.pauseTimer ? 0 : 1;
        this.again(item, UNREACHABLE_ATTEMPTS, "The site could not be reached.");
        this.pause("The site cannot be reached.", Math.min(LONGEST_PAUSE_SECONDS, 2 ** this.unreachableInARow / 2));
    }
  }

  again(item, mostAttempts, sentence) {
    if (item.attempts >= mostAttempts) {
      this.move(item, Stage.UNSENT, sentence);
      return;
    }
    this.prepared.unshift(item);
    this.move(item, Stage.WAITING);
  }

  /** Nothing new is sent for so long, a little more or less, so that many pages do not come back together. */
  pause(words, seconds) {
    if (this.prepared.length + this.unprepared.length === 0) {
      return;
    }
    const milliseconds = seconds * 1000 * (1 + Math.random() * 0.25);
    clearTimeout(this.pauseTimer);
    this.pauseTimer = setTimeout(() => this.goOn(), milliseconds);
    this.listeners.onPause({ words, until: Date.now() + milliseconds });
  }

  move(item, stage, sentence = "") {
    item.stage = stage;
    item.sentence = sentence;
    this.listeners.onChange(item);
  }
}

/** A file that was moved, or a folder that looks like a file, can be named but not read. */
async function isReadable(blob) {
  return blob
    .slice(0, 1)
    .arrayBuffer()
    .then(() => true)
    .catch(() => false);
}
