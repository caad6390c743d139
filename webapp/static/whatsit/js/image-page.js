/** The page of one image: shows a new answer or review when it comes, and lays the heat map over the picture. */
import { element } from "./dom.js";
import { FreshSections } from "./fresh-sections.js";
import { openSocket, wakeSocket } from "./live-socket.js";
import { pageData } from "./page-data.js";

const LONGEST_WAIT_SECONDS = 180;
const news = document.getElementById("news");
const button = document.getElementById("why");
const words = document.getElementById("why-words");
const frame = document.querySelector(".picture-frame");
let version = pageData.version;
let isMaking = false;

const sections = new FreshSections(() => {});
const socket = openSocket(`?image=${pageData.image}`, { onMessage: hear, onConnection: () => {} });
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    wakeSocket(socket);
  }
});

async function hear(message) {
  const item = message.type === "prediction" ? message.item : message.items?.[0];
  if (!item || item.id !== pageData.image || item.version <= version) {
    return;
  }
  version = item.version;
  await sections.refresh();
  const isAnswered = item.state === "done" && item.prediction;
  news.textContent = isAnswered ? `${item.prediction.label}. This is how it stands now.` : "This picture changed.";
  if (isAnswered && button && !button.dataset.address.endsWith(item.prediction.model.id)) {
    button.dataset.address = button.dataset.address.replace(/model=.*/, `model=${item.prediction.model.id}`);
    button.dataset.label = item.prediction.label;
    document.getElementById("heat")?.remove();
    tell(false, "");
  } else if (isAnswered && !button) {
    location.reload();
  }
}

button?.addEventListener("click", (event) => {
  event.preventDefault();
  toggle();
});
button?.addEventListener("keydown", (event) => {
  if (event.key === " ") {
    event.preventDefault();
    toggle();
  }
});
if (button && words.textContent.startsWith("The heat map is being made")) {
  show();
}

function toggle() {
  if (document.getElementById("heat")) {
    document.getElementById("heat").remove();
    tell(false, "");
  } else if (!isMaking) {
    show();
  }
}

/** Asks until the map is made; it is made once, and shown from the browser's own store afterwards. */
async function show() {
  isMaking = true;
  const sentence = await make();
  isMaking = false;
  if (sentence) {
    tell(false, sentence);
  }
}

async function make() {
  const address = button.dataset.address;
  for (const end = Date.now() + LONGEST_WAIT_SECONDS * 1000; Date.now() < end; ) {
    const answer = await fetch(address).catch(() => null);
    if (answer?.status === 200) {
      return lay(await answer.blob());
    }
    if (answer?.status !== 202) {
      const told = await answer?.json().catch(() => null);
      return told?.error?.message ?? "The heat map could not be fetched. Try again.";
    }
    words.textContent = "The heat map is being made; it takes some seconds.";
    await new Promise((wake) => setTimeout(wake, 1000 * Number(answer.headers.get("Retry-After") ?? 2)));
  }
  return "The heat map is not made yet: the workers are busy, or none runs. Try again later.";
}

function lay(picture) {
  const sentence = `Warm colours lie on what spoke for “${button.dataset.label}”.`;
  const heat = element("img", { id: "heat", class: "picture picture-heat", alt: `The same picture. ${sentence}` });
  heat.src = URL.createObjectURL(picture);
  heat.addEventListener("load", () => URL.revokeObjectURL(heat.src), { once: true });
  frame.append(heat);
  tell(true, sentence);
  return "";
}

function tell(isShown, sentence) {
  button.setAttribute("aria-pressed", String(isShown));
  button.textContent = isShown ? "Hide why" : "Show why";
  words.textContent = sentence;
}
