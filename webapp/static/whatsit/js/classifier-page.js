/** The classifier pages: wires what is there. */
import { ImportForm } from "./import-form.js";
import { ImportWatch } from "./import-watch.js";
import { watchTarget } from "./target-slider.js";

const READING_MS = 1_500;

const form = document.getElementById("import-form");
const importForm = form ? new ImportForm(form) : null;
const root = document.getElementById("imports");
if (root) {
  new ImportWatch({ root, onEnd: showEnd });
}
const target = document.getElementById("target-form");
if (target) {
  watchTarget(target);
}

/** An ended import changes the whole page; it loads again unless somebody is filling in a form. */
function showEnd(sentence) {
  document.getElementById("import-announcements").textContent = sentence;
  setTimeout(() => {
    const isTyping = document.activeElement?.matches("input, select, textarea") ?? false;
    if (!importForm?.isBusy && !isTyping) {
      location.reload();
    }
  }, READING_MS);
}
