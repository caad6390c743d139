/** The review page: one key per label, everything else in the background. */
import { takeEntry } from "./review-calls.js";
import { LabelList } from "./review-labels.js";
import { Outbox } from "./review-outbox.js";
import { Pace } from "./review-pace.js";
import { pageData } from "./page-data.js";
import { ReviewQueue } from "./review-queue.js";
import { ReviewView } from "./review-view.js";

const form = document.getElementById("review");
const skipKey = document.getElementById("skip").getAttribute("aria-keyshortcuts").toLowerCase();

class ReviewPage {
  constructor() {
    this.history = [];
    this.done = 0;
    this.pace = new Pace();
    this.labels = new LabelList({
      root: document.getElementById("labels"),
      search: document.getElementById("label-search"),
      onChoose: (name) => this.choose(name),
    });
    this.view = new ReviewView(this.labels);
    this.outbox = new Outbox({
      key: `review-outbox-${pageData.user}`,
      onStored: (job, image) => this.noteStored(job, image),
      onRefused: (job, status, sentence) => this.noteRefused(job, status, sentence),
      onWaiting: (count, isLoggedOut) => this.noteWaiting(count, isLoggedOut),
    });
    this.queue = new ReviewQueue({
      onShow: (entry) => (entry ? this.view.show(entry) : this.view.showEmpty(this.done)),
      onCount: () => this.showProgress(),
      onLost: (entry) => this.view.notice("lost", `${entry.name || "A picture"} went to another reviewer while you were away.`),
      pendingIds: () => this.outbox.ids(),
    });
    this.queue.show();
    this.showProgress();
    document.addEventListener("keydown", (event) => this.readKey(event));
    document.addEventListener("pointerdown", () => this.queue.noteActivity());
    form.addEventListener("submit", (event) => this.readButton(event));
  }

  readButton(event) {
    event.preventDefault();
    const { name, value } = event.submitter ?? {};
    if (name === "label") {
      this.choose(value);
    } else if (name === "undo") {
      this.undo();
    } else if (value === "skip") {
      this.skip();
    } else {
      this.accept();
    }
  }

  readKey(event) {
    this.queue.noteActivity();
    if (event.ctrlKey && event.key.toLowerCase() === "g" && !event.altKey && !event.metaKey) {
      event.preventDefault();
      location.assign(pageData.grid_url);
      return;
    }
    const isElsewhere = event.target.closest("details, .notices, .site-header, input:not(#label-search), select");
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isElsewhere) {
      return;
    }
    if (this.obey(event)) {
      event.preventDefault();
    }
  }

  /** True where the key was ours. */
  obey({ key, repeat, target }) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (key in steps) {
      this.queue.move(steps[key]);
    } else if (key === "ArrowUp" || key === "ArrowDown") {
      this.labels.move(key === "ArrowDown" ? 1 : -1);
    } else if (repeat && (key === "Enter" || key.length === 1)) {
      return true;
    } else if (key === "Enter" && !target.closest("button, a")) {
      this.accept();
    } else if (key === "Backspace") {
      this.undo();
    } else if (key.toLowerCase() === skipKey && !isSearching(target)) {
      this.skip();
    } else {
      return this.labels.readKey(key.toLowerCase()) || (this.labels.beginsSearch(key) && false);
    }
    return true;
  }

  accept() {
    const entry = this.queue.current;
    if (entry?.guess) {
      this.say({ verdict: "confirm", label: entry.guess.label });
    } else if (entry) {
      this.view.notice("no-guess", "Choose the label yourself: this picture is shown without a guess.");
    }
  }

  choose(name) {
    const entry = this.queue.current;
    this.say({ verdict: entry?.guess?.label === name ? "confirm" : "correct", label: name });
  }

  skip() {
    this.say({ verdict: "skip", label: null });
  }

  say(word) {
    const entry = this.queue.current;
    if (!entry) {
      return;
    }
    if (entry.said === null) {
      this.done += 1;
      this.queue.reckon(-1);
      this.pace.note();
    }
    entry.said = word;
    this.history = [...this.history.filter((each) => each !== entry), entry];
    this.outbox.add(entry.id, { ...word, version: entry.version, blind: entry.blind, place: "queue" }, entry.name);
    this.view.closeNotice("no-guess");
    this.queue.advance();
    this.showProgress();
  }

  /** Takes the last word back and returns to its picture. */
  undo() {
    const entry = this.history.pop();
    if (!entry) {
      return;
    }
    this.outbox.add(entry.id, { verdict: "withdraw", label: null, place: "queue" }, entry.name);
    this.reopen(entry);
    if (!this.queue.find(entry.id)) {
      this.queue.entries.splice(this.queue.place, 0, entry);
    }
    this.queue.goTo(entry);
    this.showProgress();
  }

  reopen(entry) {
    if (entry.said !== null) {
      entry.said = null;
      this.done -= 1;
      this.queue.reckon(1);
    }
    this.history = this.history.filter((each) => each !== entry);
  }

  noteStored(job, image) {
    const entry = this.queue.find(job.id);
    if (entry) {
      entry.version = image.version;
    }
    if (job.word.verdict === "withdraw") {
      this.queue.renew();
    }
  }

  noteRefused(job, status, sentence) {
    const name = job.name ? `${job.name}: ` : "";
    const entry = this.queue.find(job.id);
    if (status === 409 && job.word.verdict !== "withdraw") {
      const act = { words: "Look again", onClick: () => this.lookAgain(job.id) };
      this.view.notice(job.id, `${name}${sentence}`, act);
      if (entry) {
        this.reopen(entry);
        this.queue.drop(entry);
      }
    } else {
      this.view.notice(job.id, `${name}${sentence}`);
      if (entry && status !== 404) {
        this.reopen(entry);
        this.queue.comesNext(entry);
      }
    }
    this.showProgress();
  }

  async lookAgain(id) {
    const { status, body } = await takeEntry(id);
    this.view.closeNotice(id);
    if (status !== 200) {
      this.view.notice(id, body?.error?.message ?? "The site could not be reached. Try again in a moment.");
      return;
    }
    const known = this.queue.find(id);
    if (known) {
      this.queue.entries.splice(this.queue.entries.indexOf(known), 1);
    }
    this.queue.goTo(this.queue.adopt(body, Math.min(this.queue.place, this.queue.entries.length)));
    this.showProgress();
  }

  noteWaiting(count, isLoggedOut) {
    if (count === 0) {
      this.view.closeNotice("waiting");
      return;
    }
    const words = count === 1 ? "Your last word is" : `Your last ${count} words are`;
    const why = isLoggedOut
      ? "you are logged out. Log in again in another window; then they are sent."
      : "the site could not be reached. It is tried again by itself.";
    this.view.notice("waiting", `${words} not stored yet: ${why}`, { words: "Try now", onClick: () => this.outbox.retry() });
  }

  showProgress() {
    this.view.showProgress({
      done: this.done,
      waiting: this.queue.waiting,
      secondsEach: this.pace.secondsEach,
      canUndo: this.history.length > 0,
    });
  }
}

function isSearching(target) {
  return target.id === "label-search" && target.value !== "";
}

new ReviewPage();
