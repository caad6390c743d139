/** Tells screen readers what arrived, politely: a few answers by name, many as a number, never more often than they can be heard. */
import { pictures } from "./words.js";

const GATHER_MS = 1_500;
const BY_NAME = 3;

export class Announcer {
  constructor(root) {
    this.root = root;
    this.sentences = [];
    this.timer = null;
  }

  say(sentence) {
    this.sentences.push(sentence);
    this.timer ??= setTimeout(() => this.speak(), GATHER_MS);
  }

  speak() {
    const sentences = this.sentences.splice(0);
    this.timer = null;
    this.root.textContent =
      sentences.length > BY_NAME ? `News about ${pictures(sentences.length)} in the list.` : sentences.join(" ");
  }
}
