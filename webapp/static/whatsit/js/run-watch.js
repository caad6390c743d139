/** Follows one training run: the socket brings news, a snapshot mends what was missed, and the newest state counts. */
import { openSocket, wakeSocket } from "./live-socket.js";

const REFRESH_MS = 30_000;
const ACTIVE = new Set(["queued", "running"]);

export class RunWatch {
  /**
   * @param {string} id
   * @param {{onRun: (run: object) => void, onEpoch?: (curves: object[]) => void, onLog?: (text: string) => void,
   *          onProgress: (progress: {sentence: string, overall: number}) => void, onMove: () => void}} listeners
   */
  constructor(id, listeners) {
    this.listeners = listeners;
    this.state = null;
    this.curves = [];
    this.logLength = 0;
    this.overall = 0;
    this.socket = openSocket(`?training=${encodeURIComponent(id)}`, {
      onMessage: (message) => this.read(message),
      onConnection: () => {},
    });
    this.timer = setInterval(() => this.refresh(), REFRESH_MS);
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && wakeSocket(this.socket)) {
        this.refresh();
      }
    });
  }

  refresh() {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "refresh" }));
    } else if (this.state === null || ACTIVE.has(this.state)) {
      this.listeners.onMove();
    }
  }

  /** What a page without a live socket was told by other means. */
  takeUnlessLive(run) {
    if (this.socket.readyState !== WebSocket.OPEN) {
      this.take(run);
    }
  }

  close() {
    clearInterval(this.timer);
    this.socket.close();
  }

  read(message) {
    if (message.type === "snapshot") {
      this.take(message.items[0]);
    } else if (message.type === "training") {
      this.hear(message);
    } else if (message.type === "model" || message.type === "promotion") {
      this.listeners.onMove();
    }
  }

  take(run) {
    if (!run) {
      return;
    }
    const hasMoved = this.state !== null && this.state !== run.state;
    this.state = run.state;
    this.curves = run.curves;
    this.logLength = run.log_length;
    this.overall = run.progress ?? 0;
    this.listeners.onRun(run);
    if (hasMoved) {
      this.listeners.onMove();
    }
  }

  hear({ epoch, metrics, progress, log }) {
    if (epoch !== null) {
      this.hearEpoch(epoch, metrics);
    } else if (metrics.state) {
      this.state = metrics.state;
      this.refresh();
      this.listeners.onMove();
    }
    // News may overtake each other on their way; only a snapshot takes a run back.
    if (progress && progress.overall >= this.overall && ACTIVE.has(this.state)) {
      this.overall = progress.overall;
      this.listeners.onProgress(progress);
    }
    if (log) {
      this.hearLog(log);
    }
  }

  /** A resumed run writes its last epoch again, so an entry replaces what stands there and behind it. */
  hearEpoch(epoch, metrics) {
    if (epoch > this.curves.length + 1) {
      this.refresh();
      return;
    }
    this.curves = [...this.curves.slice(0, epoch - 1), metrics];
    this.listeners.onEpoch?.(this.curves);
  }

  hearLog({ start, end, text }) {
    if (start > this.logLength) {
      this.refresh();
    } else if (start === this.logLength) {
      this.logLength = end;
      this.listeners.onLog?.(text);
    }
  }
}
