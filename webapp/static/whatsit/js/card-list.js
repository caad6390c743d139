/** All cards of the page: where they stand in the list, and which image belongs to which of them. */
import { Card } from "./card.js";
import { isAnswered, isAwaitingAnswer, isOnItsWay, isTrouble, knownItem, Stage } from "./item.js";

const INSERTED_AT_ONCE = 40;

export class CardList {
  /** @param {HTMLElement} root @param {object} context what each card needs; see Card */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.cards = new Map();
    this.byImage = new Map();
  }

  /** Newest batch on top, in the order given; a large one is drawn a screenful at a time. */
  async addItems(items) {
    const mark = this.root.firstChild;
    for (let start = 0; start < items.length; start += INSERTED_AT_ONCE) {
      const fragment = document.createDocumentFragment();
      for (const item of items.slice(start, start + INSERTED_AT_ONCE)) {
        if (!item.isCancelled) {
          fragment.append(this.makeCard(item).root);
        }
      }
      this.root.insertBefore(fragment, mark?.parentNode === this.root ? mark : null);
      await nextFrame();
    }
  }

  addKnown(image, { atEnd }) {
    const card = this.makeCard(knownItem(image));
    if (atEnd) {
      this.root.append(card.root);
    } else {
      this.root.prepend(card.root);
    }
  }

  makeCard(item) {
    const card = new Card(item, this.context);
    this.cards.set(item.number, card);
    if (item.image) {
      this.bind(card, item.image.id);
    }
    return card;
  }

  bind(card, imageId) {
    const cards = this.byImage.get(imageId) ?? new Set();
    cards.add(card);
    this.byImage.set(imageId, cards);
  }

  /** Redraws the item's card, if it has one already. */
  render(item) {
    this.cards.get(item.number)?.render();
  }

  /** The item became this image; an earlier card of the same picture gives way to the new one. */
  accept(item, image) {
    for (const other of this.byImage.get(image.id) ?? []) {
      if (!other.item.file) {
        this.remove(other);
      }
    }
    item.image = image;
    const card = this.cards.get(item.number);
    if (card) {
      this.bind(card, image.id);
      card.render();
    }
  }

  has(imageId) {
    return this.byImage.has(imageId);
  }

  /** Shows the newer image on its cards; returns them. */
  update(image) {
    const cards = [...(this.byImage.get(image.id) ?? [])];
    for (const card of cards) {
      card.item.image = image;
      card.item.sentence = "";
      card.render();
    }
    return cards;
  }

  /** Removes the item's card, if it has one already. */
  drop(item) {
    const card = this.cards.get(item.number);
    if (card) {
      this.remove(card);
    }
  }

  remove(card) {
    const next = card.root.nextElementSibling ?? card.root.previousElementSibling;
    const hadFocus = card.root.contains(document.activeElement);
    this.cards.delete(card.item.number);
    if (card.item.image) {
      this.byImage.get(card.item.image.id)?.delete(card);
    }
    card.dispose();
    if (hadFocus) {
      next?.focus({ preventScroll: true });
    }
  }

  removeImage(imageId) {
    for (const card of this.byImage.get(imageId) ?? []) {
      this.remove(card);
    }
    this.byImage.delete(imageId);
  }

  *troubled() {
    for (const card of this.cards.values()) {
      if (isTrouble(card.item)) {
        yield card;
      }
    }
  }

  counts() {
    const counts = { answered: 0, awaiting: 0, sending: 0, refused: 0, failed: 0, all: this.cards.size };
    for (const { item } of this.cards.values()) {
      counts.answered += isAnswered(item) ? 1 : 0;
      counts.awaiting += isAwaitingAnswer(item) ? 1 : 0;
      counts.sending += isOnItsWay(item) ? 1 : 0;
      counts.refused += item.stage === Stage.REFUSED ? 1 : 0;
      counts.failed += isTrouble(item) && item.stage !== Stage.REFUSED ? 1 : 0;
    }
    return counts;
  }
}

function nextFrame() {
  return new Promise((resolve) => {
    requestAnimationFrame(resolve);
    setTimeout(resolve, 100);
  });
}
