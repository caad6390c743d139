/** A version's page follows what happens to it: says it politely, then shows the parts that changed. */
import ReconnectingSocket from "../../vendor/partysocket/ws.js";

const page = JSON.parse(document.getElementById("page-data").textContent);
const news = document.getElementById("news");
let wasOpen = false;

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new ReconnectingSocket(`${scheme}//${location.host}${page.live_path}`, [], {
  minReconnectionDelay: 500 + Math.random() * 1500,
  maxReconnectionDelay: 20_000 + Math.random() * 10_000,
  reconnectionDelayGrowFactor: 1.6,
  connectionTimeout: 8_000,
});
socket.addEventListener("message", ({ data }) => hear(JSON.parse(data)));
// What was said while nobody listened is read from the page itself.
socket.addEventListener("open", () => {
  if (wasOpen || page.is_waiting) {
    refresh();
  }
  wasOpen = true;
});

function hear(message) {
  const words = describe(message);
  if (words !== null) {
    refresh().then(() => (news.textContent = words));
  }
}

/** The sentence for an event that concerns this page; null for all others. */
function describe(message) {
  if (message.type === "promotion" && message.version === page.version) {
    return message.state === "refused" ? `Not promoted: ${message.outcome}` : message.outcome;
  }
  if (message.type === "model" && message.classifier === page.classifier) {
    return `v${message.live} answers now.`;
  }
  if (message.type === "evaluation" && message.version === page.version) {
    return message.state === "failed" ? `Not measured: ${message.outcome}` : "Measured again; these are the new figures.";
  }
  return null;
}

/** Exchange the living parts for the page's present ones; the focus stays where it was. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) {
    return;
  }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (newer && withoutState(newer) !== withoutState(part)) {
      exchange(part, newer);
    }
  }
}

/** The markup without what differs at every reading: the form's token, and what the reader has opened. */
function withoutState(part) {
  return part.outerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"| open=""/g, "");
}

function exchange(part, newer) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const had = part.contains(document.activeElement);
  part.replaceWith(newer);
  if (had) {
    const again = focused ? document.getElementById(focused) : null;
    if (again && !again.disabled) {
      again.focus();
    } else {
      newer.tabIndex = -1;
      newer.focus();
    }
  }
}
