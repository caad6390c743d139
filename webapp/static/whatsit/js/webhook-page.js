/** While a message waits, asks every few seconds what became of it. */
import { FreshSections } from "./fresh-sections.js";

const PAUSE_MS = 3000;
const sections = new FreshSections(() => {});

setInterval(() => {
  if (!document.hidden && document.querySelector("[data-waiting]") && !document.querySelector("#token-text")) {
    sections.refresh();
  }
}, PAUSE_MS);
