/** Draws one picture with what is known of it, the progress, and sentences about what went wrong. */
import { element } from "./dom.js";
import { share } from "./words.js";

const BLIND = "This one measures the model: say what you see. Its guess is hidden.";
const MINUTES_SHOWN = 90;
// Where the server's counting ends.
const MOST_COUNTED = 10_000;

export class ReviewView {
  constructor(labels) {
    this.labels = labels;
    const ids = ["stage", "caption", "guess-words", "accept", "accept-words", "suggested", "said", "progress", "notices", "undo", "review", "empty", "empty-words", "announcements"];
    this.parts = Object.fromEntries(ids.map((id) => [id, document.getElementById(id)]));
  }

  show(entry) {
    const { stage, caption, accept, suggested, said, review, empty } = this.parts;
    review.hidden = false;
    empty.hidden = true;
    stage.dataset.image = entry.id;
    stage.replaceChildren(entry.image);
    caption.textContent = [entry.name, entry.guess && `model v${entry.guess.model}`].filter(Boolean).join(" · ");
    this.parts["guess-words"].textContent = guessWords(entry);
    accept.hidden = entry.guess === null;
    this.parts["accept-words"].textContent = entry.guess ? `${entry.guess.label} ${share(entry.guess.confidence)}` : "";
    suggested.hidden = entry.suggested.length === 0;
    suggested.textContent = `A visitor says: ${entry.suggested.join(", ")}`;
    said.hidden = entry.said === null;
    said.textContent = entry.said ? saidWords(entry.said) : "";
    this.labels.clear();
    this.labels.mark({
      guess: entry.guess?.label ?? null,
      suggested: entry.suggested,
      said: entry.said?.label ?? null,
      shares: new Map(entry.scores.map(({ label, score }) => [label, share(score)])),
    });
    stage.focus({ preventScroll: true });
    this.announce(entry);
  }

  announce(entry) {
    const guess = entry.guess ? ` The model says ${entry.guess.label}, ${share(entry.guess.confidence)}.` : "";
    this.parts.announcements.textContent = `${entry.name || "Next picture"}.${guess}${entry.blind ? ` ${BLIND}` : ""}`;
  }

  showEmpty(done) {
    const { review, empty } = this.parts;
    review.hidden = true;
    empty.hidden = false;
    const words = this.parts["empty-words"];
    words.textContent = `${done === 1 ? "You reviewed 1 picture" : `You reviewed ${done} pictures`}. Nothing more waits here.`;
    words.focus();
  }

  showProgress({ done, waiting, secondsEach, canUndo }) {
    this.parts.undo.disabled = !canUndo;
    const isCounted = waiting !== null && waiting + done < MOST_COUNTED;
    const all = isCounted ? (done + waiting).toLocaleString("en") : `over ${MOST_COUNTED.toLocaleString("en")}`;
    const words = waiting === null ? [`${done} reviewed`] : [`${done} of ${all}`];
    if (isCounted && waiting > 0 && secondsEach !== null) {
      words.push(timeLeft(waiting * secondsEach));
    }
    this.parts.progress.textContent = words.join(" · ");
  }

  /** One sentence with a way to act on it; a newer one under the same key takes its place. */
  notice(key, sentence, { words = null, onClick = null } = {}) {
    this.closeNotice(key);
    const line = element("li", { "data-key": key }, element("p", {}, sentence));
    if (words) {
      const button = element("button", { type: "button", class: "button button-quiet" }, words);
      button.addEventListener("click", () => onClick());
      line.append(button);
    }
    const close = element("button", { type: "button", class: "button button-quiet" }, "Close");
    close.addEventListener("click", () => this.closeNotice(key));
    line.append(close);
    this.parts.notices.append(line);
  }

  closeNotice(key) {
    for (const line of this.parts.notices.children) {
      if (line.dataset.key === key) {
        line.remove();
        return;
      }
    }
  }
}

function guessWords(entry) {
  if (entry.blind) {
    return BLIND;
  }
  if (entry.guess === null) {
    return "There is no answer yet: choose a label.";
  }
  if (entry.guess.unfamiliar) {
    return "The model is not sure: unlike the pictures it learned from.";
  }
  return entry.guess.unsure ? "The model is not sure." : "The model says:";
}

function saidWords(said) {
  return said.label === null ? "You skipped it." : `You said: ${said.label}.`;
}

function timeLeft(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes <= MINUTES_SHOWN ? `about ${minutes} min` : `about ${Math.round(minutes / 60)} h`;
}
