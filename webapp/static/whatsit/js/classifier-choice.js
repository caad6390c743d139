/** Which classifier is asked: the one chosen last time in this browser, where there is a choice. */
import { pageData } from "./page-data.js";

const REMEMBERED = "whatsit.classifier";

export function rememberChoice(select) {
  if (!select) {
    return;
  }
  const last = read();
  if ([...select.options].some(({ value }) => value === last)) {
    select.value = last;
  }
  select.addEventListener("change", () => write(select.value));
}

export function chosenClassifier(select) {
  return select?.value ?? pageData.classifiers[0]?.slug ?? "";
}

/** Worth showing on a card only where there are several. */
export function classifierName(slug) {
  if (pageData.classifiers.length < 2) {
    return "";
  }
  return pageData.classifiers.find((classifier) => classifier.slug === slug)?.name ?? slug;
}

// Storage may be forbidden by the browser's settings; then nothing is remembered.
function read() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

function write(slug) {
  try {
    localStorage.setItem(REMEMBERED, slug);
  } catch {
    // Nothing to do: the choice holds until the page is closed.
  }
}
