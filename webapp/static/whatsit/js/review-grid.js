/** Many at once: choosing pictures by click, Shift and keys, and one label for all of them. */
import { releaseEntries, renewEntries } from "./review-calls.js";
import { LabelList } from "./review-labels.js";
import { pageData } from "./page-data.js";

const RENEW_MS = 45_000;
const AWAY_MS = 300_000;

const form = document.getElementById("grid-form");
const boxes = [...document.querySelectorAll("#grid input")];
const ids = boxes.map(({ value }) => value.split(":")[0]);
const count = document.getElementById("grid-count");
let lastTouched = 0;
let lastActive = Date.now();

const labels = new LabelList({
  root: document.getElementById("labels"),
  search: document.getElementById("label-search"),
  onChoose: (name) => labels.buttons.find(({ value }) => value === name)?.click(),
});

function showCount() {
  const chosen = boxes.filter(({ checked }) => checked).length;
  count.textContent = chosen === 0 ? "Choose pictures, then their label." : `${chosen} of ${boxes.length} chosen`;
}

function chooseAll(isChosen) {
  for (const box of boxes) {
    box.checked = isChosen;
  }
  showCount();
}

for (const [place, box] of boxes.entries()) {
  box.addEventListener("click", ({ shiftKey }) => {
    if (shiftKey) {
      for (const between of boxes.slice(Math.min(place, lastTouched), Math.max(place, lastTouched) + 1)) {
        between.checked = box.checked;
      }
    }
    lastTouched = place;
    showCount();
  });
}
// The browser forgets which keys were held when a click on a label's picture becomes one on its box.
document.getElementById("grid").addEventListener("click", (event) => {
  const cell = event.target.closest(".cell");
  if (event.shiftKey && cell && event.target.tagName !== "INPUT") {
    event.preventDefault();
    const box = cell.querySelector("input");
    box.focus();
    box.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: true }));
  }
});
document.getElementById("choose-all").addEventListener("click", () => chooseAll(true));
document.getElementById("choose-none").addEventListener("click", () => chooseAll(false));

function moveFocus(key) {
  const at = boxes.indexOf(document.activeElement);
  const top = (box) => box.getBoundingClientRect().top;
  const columns = boxes.filter((box) => top(box) === top(boxes[0])).length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const next = boxes[at < 0 ? 0 : at + steps[key]];
  next?.focus();
  return next !== undefined;
}

function obey(event) {
  const { key, target } = event;
  if (event.ctrlKey) {
    if (key.toLowerCase() === "a") {
      chooseAll(true);
      return true;
    }
    return false;
  }
  if (key.startsWith("Arrow")) {
    return target.closest("#labels") ? (labels.move(key === "ArrowDown" || key === "ArrowRight" ? 1 : -1), true) : moveFocus(key);
  }
  if (key === "Enter" && target.type === "checkbox") {
    return true;
  }
  if (event.repeat || !boxes.some(({ checked }) => checked)) {
    return false;
  }
  return labels.readKey(key.toLowerCase()) || (labels.beginsSearch(key) && false);
}

document.addEventListener("keydown", (event) => {
  lastActive = Date.now();
  if (event.ctrlKey && event.key.toLowerCase() === "g") {
    event.preventDefault();
    location.assign(pageData.one_url);
    return;
  }
  const isElsewhere = event.target.closest("details, .site-header, input:not([type=checkbox]), select");
  if (!event.altKey && !event.metaKey && !isElsewhere && obey(event)) {
    event.preventDefault();
  }
});
document.addEventListener("pointerdown", () => {
  lastActive = Date.now();
});
setInterval(() => {
  if (Date.now() - lastActive < AWAY_MS) {
    renewEntries(ids);
  }
}, RENEW_MS);
let isSending = false;
form.addEventListener("submit", () => {
  isSending = true;
});
// What is being stored is let go by that.
window.addEventListener("pagehide", () => {
  if (!isSending) {
    releaseEntries(ids);
  }
});
showCount();
