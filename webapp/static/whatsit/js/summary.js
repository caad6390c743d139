/** The line above the cards: how many of each, what can be done with all of them, and notices about the connection. */
import { element, iconButton } from "./dom.js";
import { pictures } from "./words.js";

const MANY = 2;

export class Summary {
  /** @param {{onRetryAll: () => void, onClear: () => void, onStop: () => void, onGoOn: () => void}} actions */
  constructor(actions) {
    this.countsLine = document.getElementById("counts");
    this.empty = document.getElementById("empty");
    this.notice = document.getElementById("notice");
    this.retryButton = iconButton({ icon: "again", words: "Try all again", onClick: actions.onRetryAll });
    this.clearButton = iconButton({ icon: "close", words: "Remove refused", onClick: actions.onClear });
    this.stopButton = iconButton({ icon: "close", words: "Stop sending", onClick: actions.onStop });
    this.actions = document.getElementById("results-actions");
    this.actions.append(this.retryButton, this.clearButton, this.stopButton);
    this.goOnButton = element("button", { type: "button", class: "button button-quiet" }, "Try now");
    this.goOnButton.addEventListener("click", actions.onGoOn);
    this.sentences = { pause: null, connection: "", intake: "" };
    this.ticking = setInterval(() => this.sentences.pause && this.renderNotice(), 1000);
  }

  renderCounts(counts) {
    const parts = [
      [counts.answered, "answered"],
      [counts.awaiting, counts.awaiting === 1 ? "awaits its answer" : "await their answers"],
      [counts.sending, "to send"],
      [counts.refused, "refused"],
      [counts.failed, "failed"],
    ];
    const trouble = counts.refused + counts.failed;
    this.countsLine.textContent = parts
      .filter(([count]) => count > 0)
      .map(([count, words]) => `${count} ${words}`)
      .join(" · ");
    this.empty.hidden = counts.all > 0;
    this.retryButton.hidden = trouble < MANY;
    this.clearButton.hidden = trouble < MANY;
    this.stopButton.hidden = counts.sending < MANY;
    this.actions.hidden = [...this.actions.children].every((button) => button.hidden);
    this.waiting = counts.sending;
  }

  say(sentences) {
    Object.assign(this.sentences, sentences);
    this.renderNotice();
  }

  renderNotice() {
    const { pause, connection, intake } = this.sentences;
    const words = pause ? this.pauseWords(pause) : intake || connection;
    this.notice.hidden = !words;
    if (!words) {
      return;
    }
    if (!this.noticeWords) {
      this.noticeWords = element("p");
      this.notice.append(this.noticeWords, this.goOnButton);
    }
    this.noticeWords.textContent = words;
    this.goOnButton.hidden = !pause;
  }

  pauseWords({ words, until }) {
    const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
    return `${words} ${pictures(this.waiting)} to send; trying again in ${seconds} s.`;
  }
}
