/** Answers as they happen: a socket brings them, asking brings what the socket missed, the highest version wins. */
import { openSocket, wakeSocket } from "./live-socket.js";
import { pageData } from "./page-data.js";

const POLL_MS = 30_000;
const POLL_WITHOUT_SOCKET_MS = 5_000;
const ASKED_AT_ONCE = 20;

export class LiveImages {
  /** @param {{onImage: (image: object, isFromSnapshot: boolean) => void, onGone: (id: string) => void,
   *           onConnection: (isConnected: boolean) => void}} listeners */
  constructor(listeners) {
    this.listeners = listeners;
    this.images = new Map();
    this.isConnected = null;
    this.pollTimer = null;
    this.pollStart = 0;
    this.socket = openSocket("", {
      onMessage: (message) => this.read(message),
      onConnection: (isConnected) => this.setConnected(isConnected),
    });
    document.addEventListener("visibilitychange", () => this.wakeUp());
    window.addEventListener("online", () => this.wakeUp());
    this.schedulePoll();
  }

  /** Keeps an image unless a newer state of it is known already; returns the one that counts. */
  take(image, isFromSnapshot = false) {
    const known = this.images.get(image.id);
    if (known && known.version >= image.version) {
      return known;
    }
    this.images.set(image.id, image);
    this.listeners.onImage(image, isFromSnapshot);
    return image;
  }

  setConnected(isConnected) {
    if (this.isConnected === isConnected) {
      return;
    }
    this.isConnected = isConnected;
    this.listeners.onConnection(isConnected);
    this.schedulePoll();
  }

  read(message) {
    if (message.type === "snapshot") {
      for (const image of message.items) {
        this.take(image, true);
      }
      this.askForMissed(new Set(message.items.map(({ id }) => id)));
    } else if (message.type === "prediction") {
      this.take(message.item);
    }
  }

  /** A snapshot holds the newest images only; waiting ones outside it are asked for one by one. */
  askForMissed(seen) {
    this.ask(this.awaited().filter((id) => !seen.has(id)));
  }

  awaited() {
    return [...this.images.values()].filter(({ state }) => state === "queued" || state === "claimed").map(({ id }) => id);
  }

  schedulePoll() {
    clearTimeout(this.pollTimer);
    this.pollTimer = setTimeout(() => this.poll(), this.isConnected ? POLL_MS : POLL_WITHOUT_SOCKET_MS);
  }

  async poll() {
    const awaited = this.awaited();
    const start = this.pollStart < awaited.length ? this.pollStart : 0;
    this.pollStart = start + ASKED_AT_ONCE;
    await this.ask(awaited.slice(start, start + ASKED_AT_ONCE));
    this.schedulePoll();
  }

  wakeUp() {
    if (document.visibilityState !== "visible") {
      return;
    }
    wakeSocket(this.socket);
    this.poll();
  }

  /** Reads images afresh; an image that is not there any more is forgotten. */
  async ask(ids) {
    for (const id of ids) {
      const answer = await fetch(`${pageData.images_url}/${encodeURIComponent(id)}`, {
        headers: { Accept: "application/json" },
      }).catch(() => null);
      if (answer === null) {
        return;
      }
      if (answer.ok) {
        this.take(await answer.json());
      } else if (answer.status === 404) {
        this.images.delete(id);
        this.listeners.onGone(id);
      } else {
        return;
      }
    }
  }
}
