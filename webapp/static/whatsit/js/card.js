/** One picture in the list: its thumbnail, where it stands, and what can be done about it. */
import { answerElements, isUnsure } from "./answer.js";
import { element, iconButton } from "./dom.js";
import { isAnswered, isAwaitingAnswer, isOnItsWay, isTrouble, Stage } from "./item.js";
import { Question } from "./question.js";
import { answerDetails, failureSentence, share } from "./words.js";

export class Card {
  /**
   * @param {object} item
   * @param {{classifierName: (slug: string) => string, thumbnailUrl: (id: string) => string,
   *          onRetry: (card: Card) => void, onRemove: (card: Card) => void,
   *          onSaid: (card: Card, sentence: string, image: object|null) => void}} context
   */
  constructor(item, context) {
    this.item = item;
    this.context = context;
    this.pictureSource = null;
    this.pictureUrl = null;
    this.image = null;
    this.body = element("div", { class: "card-body" });
    this.picture = element("div", { class: "card-picture" });
    this.retryButton = this.button("again", "Try again", () => context.onRetry(this), true);
    this.removeButton = this.button("close", "Remove", () => context.onRemove(this), false);
    this.actions = element("div", { class: "card-actions" }, this.retryButton, this.removeButton);
    this.question = new Question({
      name: item.name,
      onSaid: (sentence, image) => context.onSaid(this, sentence, image),
    });
    this.root = element(
      "li",
      { class: "card", tabIndex: -1 },
      this.picture,
      this.body,
      this.actions,
      this.question.root,
    );
    this.showPicture();
    this.render();
  }

  /** Draws everything anew, but only moves the bar while a picture is on its way up. */
  render() {
    const { item } = this;
    const look = lookOf(item);
    if (item.stage === Stage.SENDING && this.progress?.isConnected) {
      this.showProgress();
      return;
    }
    const hadFocus = this.root.contains(document.activeElement);
    this.root.dataset.look = look;
    this.root.dataset.stage = item.image?.state ?? item.stage;
    this.progress = null;
    this.body.replaceChildren(...this.bodyElements(look));
    this.retryButton.hidden = !isTrouble(item);
    this.removeButton.hidden = !(isOnItsWay(item) || [Stage.UNSENT, Stage.REFUSED].includes(item.stage));
    this.actions.hidden = this.retryButton.hidden && this.removeButton.hidden;
    this.nameRemoveButton(isOnItsWay(item) ? "Cancel" : "Remove");
    this.showQuestion();
    this.showPicture();
    if (hadFocus && !this.root.contains(document.activeElement)) {
      this.root.focus({ preventScroll: true });
    }
  }

  bodyElements(look) {
    const { item } = this;
    if (isAnswered(item)) {
      return [...answerElements(item.image.prediction), this.nameLine(this.details())];
    }
    if (look === "trouble") {
      const sentence = item.sentence || failureSentence(item.image?.prediction);
      return [element("p", { class: "card-words" }, item.name), this.nameLine(sentence)];
    }
    if (item.stage === Stage.SENDING) {
      return [this.progressLine(), this.progress, this.nameLine(item.name)];
    }
    return [element("p", { class: "card-words" }, waitingWords(item)), this.nameLine(item.name)];
  }

  showQuestion() {
    if (isAnswered(this.item)) {
      this.question.show(this.item.image);
    } else {
      this.question.hide();
    }
  }

  nameLine(text) {
    return element("p", { class: "card-name" }, text);
  }

  details() {
    const { item, context } = this;
    return answerDetails(item.image, {
      name: item.name,
      classifierName: context.classifierName(item.image.classifier),
      isDuplicate: item.isDuplicate,
    });
  }

  progressLine() {
    this.progress = element("progress", { class: "card-progress", max: 1, "aria-label": `Sending ${this.item.name}` });
    this.progressWords = element("p", { class: "card-words" });
    this.showProgress();
    return this.progressWords;
  }

  showProgress() {
    const { progress } = this.item;
    this.progress.value = progress;
    this.progressWords.textContent = progress < 1 ? `Sending ${share(progress)}` : "Sent, the site is checking it";
  }

  /** The file itself at once, the small preview as soon as there is one, the site's thumbnail for earlier pictures. */
  showPicture() {
    const { item } = this;
    const source = item.thumbnail ?? item.file ?? item.image.id;
    if (source === this.pictureSource) {
      return;
    }
    this.pictureSource = source;
    const previous = this.pictureUrl;
    this.pictureUrl = source instanceof Blob ? URL.createObjectURL(source) : null;
    this.setPicture(this.pictureUrl ?? this.context.thumbnailUrl(source));
    URL.revokeObjectURL(previous);
  }

  setPicture(address) {
    if (!this.image) {
      this.image = element("img", { alt: "", loading: "lazy", decoding: "async" });
      this.image.addEventListener("error", () => this.showNoPicture());
      this.picture.replaceChildren(this.image);
    }
    this.image.src = address;
  }

  showNoPicture() {
    this.image = null;
    this.picture.replaceChildren(element("span", { class: "icon icon-picture", "aria-hidden": "true" }));
  }

  button(icon, words, onClick, wordsShown) {
    return iconButton({ icon, words, name: this.item.name, wordsShown, onClick });
  }

  nameRemoveButton(words) {
    this.removeButton.title = words;
    this.removeButton.setAttribute("aria-label", `${words}: ${this.item.name}`);
  }

  dispose() {
    URL.revokeObjectURL(this.pictureUrl);
    this.root.remove();
  }
}

function lookOf(item) {
  if (isTrouble(item)) {
    return "trouble";
  }
  if (!isAnswered(item)) {
    return "waiting";
  }
  return isUnsure(item.image.prediction) ? "unsure" : "answer";
}

function waitingWords(item) {
  if (isAwaitingAnswer(item)) {
    return item.image.state === "claimed" ? "Looking at it…" : "Waiting for its answer…";
  }
  return item.stage === Stage.PREPARING ? "Getting it ready…" : "Waiting to be sent";
}
