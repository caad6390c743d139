/** Parts of a page that the server draws: brought up to date by asking for the page again. */

/**
 * Replaces every `[data-live]` element by its newest self, where it has changed; what was folded open stays open and
 * the keyboard stays near where it was. Asked again while it is asking, it asks once more.
 */
export class FreshSections {
  /** @param {(fresh: Document) => void} onFresh hears of the fresh page once its sections are in place */
  constructor(onFresh) {
    this.onFresh = onFresh;
    this.isAsking = false;
    this.isStale = false;
  }

  async refresh() {
    this.isStale = true;
    if (this.isAsking) {
      return;
    }
    this.isAsking = true;
    while (this.isStale) {
      this.isStale = false;
      await this.askOnce();
    }
    this.isAsking = false;
  }

  async askOnce() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    const text = answer?.ok ? await answer.text().catch(() => null) : null;
    if (text === null) {
      return;
    }
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const made = fresh.getElementById(old.id);
      if (made && made.innerHTML !== old.innerHTML) {
        replace(old, document.importNode(made, true));
      }
    }
    this.onFresh(fresh);
  }
}

function replace(old, made) {
  const hadFocus = old.contains(document.activeElement);
  const openSummaries = new Set([...old.querySelectorAll("details[open] > summary")].map(({ textContent }) => textContent));
  for (const summary of made.querySelectorAll("details > summary")) {
    summary.parentElement.open ||= openSummaries.has(summary.textContent);
  }
  old.replaceWith(made);
  if (hadFocus) {
    const place = made.querySelector("summary, button:not(:disabled), a") ?? made;
    place.focus({ preventScroll: true });
  }
}
