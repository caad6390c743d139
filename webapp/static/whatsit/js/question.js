/** “Right?” beside an answer: a tick, or the right label from a list, and afterwards what became of it. */
import { element, iconButton } from "./dom.js";
import { labelsOf, sendWord } from "./own-word.js";
import { pageData } from "./page-data.js";

export class Question {
  /** @param {{name: string, onSaid: (sentence: string, image: object) => void}} context */
  constructor(context) {
    this.context = context;
    this.image = null;
    this.isBusy = false;
    this.root = element("div", { class: "question", hidden: true });
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.stage === "choosing") {
        this.ask();
        this.focus("button");
      }
    });
  }

  /** Another answer is asked about anew; the same one, or a list that somebody is looking through, stays as it is. What
   * was said before the page was loaded stands there first. */
  show(image) {
    const isSameAnswer = this.image?.prediction.id === image.prediction.id;
    this.image = image;
    this.root.hidden = false;
    if (!this.stage && pageData.said[image.id]) {
      this.thank(pageData.said[image.id]);
    } else if (!this.stage || (!isSameAnswer && this.stage !== "choosing")) {
      this.ask();
    }
  }

  hide() {
    this.root.hidden = true;
  }

  ask(trouble = "") {
    const buttons = [this.button("right", "Right", () => this.send("confirm", this.image.prediction.scores[0].label))];
    if (labelsOf(this.image.classifier).length > 0) {
      buttons.push(this.button("pencil", "Wrong, choose what it is", () => this.choose()));
    }
    const words = element("span", { class: "question-words" }, trouble || "Right?");
    this.draw("asked", words, element("span", { class: "question-buttons" }, ...buttons));
  }

  choose() {
    const [first] = this.image.prediction.scores;
    const select = element("select", { class: "select", required: true, "aria-label": `What is it: ${this.context.name}` });
    select.append(element("option", { value: "" }, "What is it?"));
    for (const label of labelsOf(this.image.classifier)) {
      select.append(element("option", { value: label }, label));
    }
    const form = element(
      "form",
      { class: "question-form" },
      select,
      element("button", { class: "button button-main", type: "submit" }, "Save"),
      this.button("close", "Cancel", () => {
        this.ask();
        this.focus("button");
      }),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(select.value === first.label ? "confirm" : "correct", select.value);
    });
    this.draw("choosing", form);
    select.focus();
  }

  async send(verdict, label) {
    if (this.isBusy) {
      return;
    }
    this.isBusy = true;
    this.root.setAttribute("aria-busy", "true");
    try {
      const { sentence, image } = await sendWord(this.image, verdict, label);
      this.thank(sentence);
      this.context.onSaid(sentence, image);
    } catch (problem) {
      this.ask(problem.message);
      this.context.onSaid(problem.message, null);
    }
    this.isBusy = false;
    this.root.removeAttribute("aria-busy");
  }

  thank(sentence) {
    const change = this.button("pencil", "Change", () => this.choose());
    const hasChoice = labelsOf(this.image.classifier).length > 0;
    this.draw("said", element("span", { class: "question-words" }, sentence), ...(hasChoice ? [change] : []));
  }

  button(icon, words, onClick) {
    return iconButton({ icon, words, name: this.context.name, wordsShown: false, onClick });
  }

  /** Whoever was in here by keyboard stays in here. */
  draw(stage, ...elements) {
    const hadFocus = this.root.contains(document.activeElement);
    this.stage = stage;
    this.root.dataset.stage = stage;
    this.root.replaceChildren(...elements);
    if (hadFocus) {
      this.focus("select, button");
    }
  }

  focus(selector) {
    this.root.querySelector(selector)?.focus({ preventScroll: true });
  }
}
