/** A socket to our own site that connects again by itself, with patience that grows. */
import ReconnectingSocket from "../../vendor/partysocket/ws.js";
import { pageData } from "./page-data.js";
import { parseJson } from "./plain-data.js";

/**
 * @param {string} query "" or "?training=…"
 * @param {{onMessage: (message: object) => void, onConnection: (isConnected: boolean) => void}} listeners
 */
export function openSocket(query, { onMessage, onConnection }) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new ReconnectingSocket(`${scheme}//${location.host}${pageData.live_path}${query}`, [], {
    minReconnectionDelay: 500 + Math.random() * 1500,
    maxReconnectionDelay: 20_000 + Math.random() * 10_000,
    reconnectionDelayGrowFactor: 1.6,
    connectionTimeout: 8_000,
  });
  socket.addEventListener("message", ({ data }) => {
    const message = parseJson(data);
    if (message) {
      onMessage(message);
    }
  });
  socket.addEventListener("open", () => onConnection(true));
  socket.addEventListener("close", () => onConnection(false));
  return socket;
}

/** Connects at once where the page comes back to sight or the network to life; returns whether it is open already. */
export function wakeSocket(socket) {
  if (socket.readyState === ReconnectingSocket.OPEN) {
    return true;
  }
  socket.reconnect();
  return false;
}
