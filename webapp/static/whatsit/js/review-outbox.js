/** What was said and is not stored yet: sent in order in the background, again and again until it is stored or refused. */
import { sendReview } from "./review-calls.js";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
const AGAIN = new Set([0, 408, 429, 500, 502, 503, 504]);
const LOGIN = new Set([401, 403]);

export class Outbox {
  /** @param {{key: string, onStored: (job, image) => void, onRefused: (job, status, sentence) => void,
   *           onWaiting: (count: number, isLoggedOut: boolean) => void}} options `onWaiting` with 0 when all is well */
  constructor({ key, ...listeners }) {
    this.key = key;
    this.listeners = listeners;
    this.jobs = this.restore();
    this.versions = new Map();
    this.isRunning = false;
    this.wake = null;
    window.addEventListener("online", () => this.wake?.());
    window.addEventListener("beforeunload", (event) => {
      if (this.jobs.length > 0) {
        event.preventDefault();
      }
    });
    this.run();
  }

  get count() {
    return this.jobs.length;
  }

  ids() {
    return this.jobs.map(({ id }) => id);
  }

  /** The image's version as our own words left it, or the one given. */
  versionOf(id, otherwise) {
    return Math.max(this.versions.get(id) ?? 0, otherwise);
  }

  add(id, word, name) {
    this.jobs.push({ id, word, name });
    this.keep();
    this.run();
  }

  retry() {
    this.wake?.();
  }

  async run() {
    if (this.isRunning) {
      return;
    }
    this.isRunning = true;
    let wait = FIRST_WAIT_MS;
    while (this.jobs.length > 0) {
      const [job] = this.jobs;
      const word = job.word.verdict === "withdraw" ? job.word : { ...job.word, version: this.versionOf(job.id, job.word.version) };
      const { status, body } = await sendReview(job.id, word);
      if (AGAIN.has(status) || LOGIN.has(status)) {
        job.isRepeated = true;
        this.listeners.onWaiting(this.jobs.length, LOGIN.has(status));
        await this.pause(wait);
        wait = Math.min(LONGEST_WAIT_MS, wait * 2);
        continue;
      }
      wait = FIRST_WAIT_MS;
      this.settle(job, status, body);
      this.listeners.onWaiting(0, false);
    }
    this.isRunning = false;
  }

  settle(job, status, body) {
    this.jobs.shift();
    if (status === 201) {
      this.versions.set(job.id, body.version);
      this.listeners.onStored(job, body);
    } else if (!(job.isRepeated && job.word.verdict === "withdraw" && status === 409)) {
      // What was said after it about the same picture was said to a picture that stood otherwise.
      this.jobs = this.jobs.filter(({ id }) => id !== job.id);
      this.listeners.onRefused(job, status, body?.error?.message ?? "The site did not take your word on this picture.");
    }
    this.keep();
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A page that is loaded again goes on where the last one was stopped. */
  keep() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.jobs));
    } catch {
      // Without storage the browser still asks before the page is left.
    }
  }

  restore() {
    try {
      const jobs = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
      return Array.isArray(jobs) ? jobs.map((job) => ({ ...job, isRepeated: true })) : [];
    } catch {
      return [];
    }
  }
}
