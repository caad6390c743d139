/** Moves the progress of imports: a socket brings it, asking brings what the socket missed. */
import { openSocket } from "./live-socket.js";
import { pageData } from "./page-data.js";

const POLL_MS = 30_000;
const POLL_WITHOUT_SOCKET_MS = 3_000;
const ENDED = new Set(["done", "failed", "cancelled"]);

export class ImportWatch {
  /** @param {{root: Element, onEnd: (sentence: string) => void}} options */
  constructor({ root, onEnd }) {
    this.root = root;
    this.onEnd = onEnd;
    this.isConnected = false;
    this.pollTimer = null;
    openSocket("", { onMessage: (message) => this.read(message), onConnection: (isConnected) => this.setConnected(isConnected) });
    document.addEventListener("visibilitychange", () => this.poll());
    this.schedulePoll();
  }

  setConnected(isConnected) {
    this.isConnected = isConnected;
    this.poll();
  }

  read(message) {
    if (message.type === "import") {
      this.show(message);
    }
    for (const job of message.imports ?? []) {
      this.show(job);
    }
  }

  awaited() {
    return [...this.root.querySelectorAll("[data-import]")].filter(({ dataset }) => !ENDED.has(dataset.state));
  }

  schedulePoll() {
    clearTimeout(this.pollTimer);
    if (this.awaited().length) {
      this.pollTimer = setTimeout(() => this.poll(), this.isConnected ? POLL_MS : POLL_WITHOUT_SOCKET_MS);
    }
  }

  async poll() {
    for (const { dataset } of this.awaited()) {
      const answer = await fetch(`${pageData.imports_url}${dataset.import}/`).catch(() => null);
      const job = answer?.ok ? await answer.json().catch(() => null) : null;
      if (job) {
        this.show(job);
      }
    }
    this.schedulePoll();
  }

  show(job) {
    const shown = this.root.querySelector(`[data-import="${CSS.escape(job.job)}"]`);
    if (!shown || ENDED.has(shown.dataset.state)) {
      return;
    }
    shown.dataset.state = job.state;
    const [state, progress, words] = ["state", "progress", "words"].map((part) => shown.querySelector(`[data-part="${part}"]`));
    state.textContent = job.state;
    state.className = `badge badge-${job.state}`;
    words.textContent = wordsFor(job);
    if (ENDED.has(job.state)) {
      progress?.remove();
      shown.querySelector("form")?.remove();
      this.onEnd(`${job.name}: ${job.outcome}`);
    } else if (progress && job.total) {
      progress.max = job.total;
      progress.value = job.done;
    } else {
      progress?.removeAttribute("value");
    }
  }
}

function wordsFor({ state, done, total, outcome }) {
  if (outcome) {
    return outcome;
  }
  if (state === "queued") {
    return "Waiting for a worker.";
  }
  return total ? `${done.toLocaleString("en")} of ${total.toLocaleString("en")} pictures` : "Looking what is there…";
}
