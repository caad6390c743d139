/** The gallery: older tiles come by themselves, many are selected at once and labelled without leaving the place. */
import { pictures } from "./words.js";

const AHEAD = "800px";
const list = document.getElementById("tiles");
const form = document.getElementById("selection");
const news = document.getElementById("news");
const most = Number(news?.dataset.most);
const count = document.getElementById("selection-count");
const selectAll = document.getElementById("select-all");
const selectNone = document.getElementById("select-none");
const needsSelection = [document.getElementById("label-them"), document.getElementById("export-selected")].filter(
  (button) => button && !button.disabled,
);
let anchor = null;
let isShifted = false;
let isAsking = false;

const boxes = () => [...list.querySelectorAll("input[type=checkbox]")];

if (list) {
  const watcher = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && showOlder(), {
    rootMargin: AHEAD,
  });
  watcher.observe(document.getElementById("older"));
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#older a")) {
      event.preventDefault();
      showOlder(true);
    }
  });
  for (const kind of ["keydown", "keyup", "pointerdown"]) {
    document.addEventListener(kind, (event) => (isShifted = event.shiftKey), true);
  }
  list.addEventListener("change", ({ target }) => select(target));
  selectAll.addEventListener("click", () => setAll(true));
  selectNone.addEventListener("click", () => setAll(false));
  document.addEventListener("keydown", selectByKey);
  form.addEventListener("submit", label);
  tell();
}

/** Appends the next page; asked again while it asks, it does nothing. */
async function showOlder(isWanted = false) {
  const link = document.querySelector("#older a");
  if (isAsking || !link) {
    return;
  }
  isAsking = true;
  const fresh = await readTiles(`${link.href}&part=tiles`);
  isAsking = false;
  if (!fresh) {
    news.textContent = "The older pictures could not be fetched. Press “Older” to try again.";
    return;
  }
  const tiles = [...fresh.querySelectorAll(".tile")].filter(({ id }) => !document.getElementById(id));
  const before = document.getElementById("older");
  const hadFocus = before.contains(document.activeElement);
  list.append(...tiles);
  before.replaceChildren(...fresh.getElementById("older").childNodes);
  tell();
  if (isWanted || hadFocus) {
    tiles[0]?.querySelector("a").focus();
    news.textContent = `${pictures(tiles.length)} more.`;
  }
  if (before.firstElementChild && before.getBoundingClientRect().top < innerHeight + parseInt(AHEAD, 10)) {
    showOlder();
  }
}

async function readTiles(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  const text = answer?.ok ? await answer.text().catch(() => null) : null;
  const fresh = text && new DOMParser().parseFromString(text, "text/html");
  return fresh?.getElementById("older") ? fresh : null;
}

/** One tile; with Shift, everything from the one before to this one becomes the same. */
function select(box) {
  if (isShifted && anchor?.isConnected && anchor !== box) {
    const all = boxes();
    const [from, to] = [all.indexOf(anchor), all.indexOf(box)].sort((one, other) => one - other);
    for (const between of all.slice(from, to + 1)) {
      between.checked = box.checked;
    }
  }
  anchor = box;
  tell();
}

function setAll(isChecked) {
  for (const box of boxes()) {
    box.checked = isChecked;
  }
  tell();
}

/** Arrows move between the checkboxes, Ctrl-A takes all, Escape none. */
function selectByKey(event) {
  const isBox = event.target.matches?.(".tile-check input");
  const steps = { ArrowRight: 1, ArrowDown: columns(), ArrowLeft: -1, ArrowUp: -columns() };
  if (isBox && event.key in steps && !event.ctrlKey && !event.altKey) {
    const all = boxes();
    const next = all[all.indexOf(event.target) + steps[event.key]];
    next?.focus();
    next?.closest(".tile").scrollIntoView({ block: "nearest" });
    event.preventDefault();
  } else if (isBox && event.key === "a" && (event.ctrlKey || event.metaKey)) {
    setAll(true);
    event.preventDefault();
  } else if (event.key === "Escape" && boxes().some(({ checked }) => checked)) {
    setAll(false);
  }
}

function columns() {
  return getComputedStyle(list).gridTemplateColumns.split(" ").length;
}

function tell() {
  const chosen = boxes().filter(({ checked }) => checked).length;
  count.textContent = chosen ? `${pictures(chosen)} selected` : "Nothing selected.";
  if (chosen > most) {
    count.textContent += `; at most ${most} go at once`;
  }
  selectNone.hidden = !chosen;
  for (const button of needsSelection) {
    button.disabled = !chosen || chosen > most;
  }
}

/** Labels in place; exports are left to the browser, which saves a file. */
async function label(event) {
  if (event.submitter?.id !== "label-them") {
    return;
  }
  event.preventDefault();
  const choice = document.getElementById("label");
  if (!choice.value) {
    news.textContent = "Choose the label first.";
    choice.focus();
    return;
  }
  const button = event.submitter;
  button.disabled = true;
  news.textContent = "Labelling…";
  const answer = await fetch(button.formAction, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new FormData(form),
  }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  news.textContent = told?.message ?? "Nothing came back. Look whether you are still logged in, then try again.";
  replaceTiles(told?.tiles ?? "");
  tell();
  choice.focus();
}

/** The labelled tiles as they are now, no longer selected. */
function replaceTiles(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const made of fresh.querySelectorAll(".tile")) {
    document.getElementById(made.id)?.replaceWith(document.importNode(made, true));
  }
}
