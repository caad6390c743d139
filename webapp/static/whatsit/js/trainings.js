/** The training page: the form follows the chosen classifier, and runs under way show how far they are. */
import { FreshSections } from "./fresh-sections.js";
import { pageData } from "./page-data.js";
import { RunWatch } from "./run-watch.js";

const WATCHED_AT_ONCE = 4;

const classifier = document.getElementById("id_classifier");
const recipe = document.getElementById("id_recipe");
const watches = new Map();
const sections = new FreshSections((fresh) => {
  watchRuns(JSON.parse(fresh.getElementById("page-data").textContent).runs);
});

if (classifier) {
  const press = document.getElementById("press");
  const isBarred = press.disabled;
  const follow = () => followChoice(press, isBarred);
  classifier.addEventListener("change", follow);
  recipe.addEventListener("change", followRecipe);
  window.addEventListener("pageshow", follow);
  follow();
  followRecipe();
}
watchRuns(pageData.runs);

function followChoice(press, isBarred) {
  for (const choice of document.querySelectorAll(".pick")) {
    const isChosen = choice.dataset.classifier === classifier.value;
    choice.classList.toggle("is-chosen", isChosen);
    choice.hidden = !isChosen;
  }
  if (!isBarred) {
    const { reason } = classifier.selectedOptions[0].dataset;
    press.disabled = reason !== "";
    document.getElementById("hindrance").textContent = reason;
  }
}

function followRecipe() {
  document.querySelector(".of-transfer").hidden = recipe.value !== "transfer";
}

function watchRuns(ids) {
  for (const [id, watch] of watches) {
    if (!ids.includes(id)) {
      watch.close();
      watches.delete(id);
    }
  }
  for (const id of ids.slice(0, WATCHED_AT_ONCE)) {
    if (!watches.has(id)) {
      const onProgress = ({ sentence, overall }) => showProgress(id, sentence, overall);
      const onRun = ({ sentence, progress }) => showProgress(id, sentence, progress);
      watches.set(id, new RunWatch(id, { onRun, onProgress, onMove: () => sections.refresh() }));
    }
  }
}

function showProgress(id, sentence, share) {
  const run = document.getElementById(`run-${id}`);
  const bar = run?.querySelector("progress");
  if (bar && share !== null) {
    bar.value = share;
    run.querySelector(".run-sentence").textContent = sentence;
  }
}
