/** A version's page follows what happens to it: shows the parts that changed, and says politely what it was. */
import { FreshSections } from "./fresh-sections.js";
import { openSocket, wakeSocket } from "./live-socket.js";
import { pageData } from "./page-data.js";

const news = document.getElementById("news");
const sections = new FreshSections(() => {});
// What was said while nobody listened is read from the page itself.
let mayHaveMissed = pageData.is_waiting;
let newest = "";

const socket = openSocket("", {
  onMessage: hear,
  onConnection: (isConnected) => {
    if (isConnected && mayHaveMissed) {
      sections.refresh();
    }
    mayHaveMissed = true;
  },
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    wakeSocket(socket);
  }
});

async function hear(message) {
  const words = describe(message);
  if (words !== null) {
    newest = words; // a promotion brings two events, whose refreshes may end in any order
    await sections.refresh();
    news.textContent = newest;
  }
}

/** The sentence for an event that concerns this page; null for all others. */
function describe(message) {
  if (message.type === "promotion" && message.version === pageData.version) {
    return message.state === "refused" ? `Not promoted: ${message.outcome}` : message.outcome;
  }
  if (message.type === "model" && message.classifier === pageData.classifier) {
    return `v${message.live} answers now.`;
  }
  if (message.type === "evaluation" && message.version === pageData.version) {
    return message.state === "failed" ? `Not measured: ${message.outcome}` : "Measured again; these are the new figures.";
  }
  return null;
}
