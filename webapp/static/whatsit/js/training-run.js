/** The page of one training run: what the server drew is kept up to date while the run goes on. */
import { Curves } from "./curves.js";
import { element } from "./dom.js";
import { FreshSections } from "./fresh-sections.js";
import { pageData } from "./page-data.js";
import { RunWatch } from "./run-watch.js";

const SPOKEN_EVERY_MS = 20_000;
const THIN = "\u00a0";

const announcements = document.getElementById("announcements");
const log = document.getElementById("log");
const curves = new Curves(document.getElementById("curves"));
const title = document.title;
let lastSpoken = 0;
let epochs = 0;

const sections = new FreshSections(takeFresh);
const watch = new RunWatch(pageData.run.id, {
  onRun: showRun,
  onEpoch: (entries) => showCurves(entries),
  onLog: appendLog,
  onProgress: hearProgress,
  onMove: () => sections.refresh(),
});
watch.take(pageData.run);
log.scrollTop = log.scrollHeight;

function showRun(run) {
  showProgress(run.sentence, run.progress);
  epochs = run.progress === null ? 0 : (run.epochs ?? 0);
  showCurves(run.curves);
  if (log.textContent !== run.log) {
    const wasAtEnd = isAtEnd();
    log.textContent = run.log;
    keepAtEnd(wasAtEnd);
  }
}

function hearProgress(progress) {
  epochs = progress.epochs ?? epochs;
  showProgress(progress.sentence, progress.overall);
}

function showProgress(sentence, share) {
  document.getElementById("sentence").textContent = sentence;
  const bar = document.getElementById("progress");
  if (bar && share !== null) {
    bar.value = share;
  }
  document.title = bar ? `${sentence} · ${title}` : title;
}

function showCurves(entries) {
  curves.show(entries, epochs);
  document.getElementById("no-curves").hidden = entries.length > 0;
  for (const part of document.querySelectorAll("[data-with-curves]")) {
    part.hidden = entries.length === 0;
  }
  document.getElementById("epochs").replaceChildren(...entries.map(row));
  speak(document.getElementById("sentence").textContent);
}

function row(entry, place) {
  const number = (text) => element("td", { class: "number" }, text);
  const share = (value) => (typeof value === "number" ? `${(100 * value).toFixed(1)}${THIN}%` : "–");
  const fixed = (value, digits) => (typeof value === "number" ? value.toFixed(digits) : "–");
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, String(place + 1)),
    number(fixed(entry.loss, 3)),
    number(fixed(entry.validation_loss, 3)),
    number(share(entry.accuracy)),
    number(share(entry.validation_accuracy)),
    number(fixed(entry.learning_rate, 6)),
  );
}

function appendLog(text) {
  const wasAtEnd = isAtEnd();
  log.append(text);
  keepAtEnd(wasAtEnd);
}

function isAtEnd() {
  return log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
}

function keepAtEnd(wasAtEnd) {
  if (wasAtEnd) {
    log.scrollTop = log.scrollHeight;
  }
}

/** The run has moved on, or its version has, and the server has drawn state, report and facts anew. */
function takeFresh(fresh) {
  watch.takeUnlessLive(JSON.parse(fresh.getElementById("page-data").textContent).run);
  lastSpoken = 0;
  speak(document.getElementById("sentence").textContent);
}

/** Aloud, politely, and not more often than can be heard. */
function speak(sentence) {
  const now = performance.now();
  if (lastSpoken && now - lastSpoken < SPOKEN_EVERY_MS) {
    return;
  }
  lastSpoken = now;
  announcements.textContent = sentence;
}
