/** One file on its way to an answer: where it stands, and the few facts about that. */
import { randomId } from "./plain-data.js";

/** Before the site has it. Afterwards `image.state` tells: queued, claimed, done or failed. */
export const Stage = Object.freeze({
  PREPARING: "preparing",
  WAITING: "waiting",
  SENDING: "sending",
  UNSENT: "unsent",
  REFUSED: "refused",
  ACCEPTED: "accepted",
});

let lastNumber = 0;

/** A file somebody just gave; its key makes every repeat of the sending harmless. */
export function newItem(file, classifier) {
  lastNumber += 1;
  return {
    number: lastNumber,
    name: file.name || "Pasted picture",
    file,
    classifier,
    key: randomId(),
    stage: Stage.WAITING,
    blob: null,
    thumbnail: null,
    progress: 0,
    attempts: 0,
    sentence: "",
    image: null,
    isDuplicate: false,
  };
}

/** An image the site already has, from an earlier visit or another window. */
export function knownItem(image) {
  lastNumber += 1;
  return {
    number: lastNumber,
    name: image.name,
    file: null,
    classifier: image.classifier,
    stage: Stage.ACCEPTED,
    image,
    isDuplicate: false,
  };
}

export function isOnItsWay(item) {
  return [Stage.PREPARING, Stage.WAITING, Stage.SENDING].includes(item.stage);
}

export function isAnswered(item) {
  return item.image?.state === "done";
}

export function isAwaitingAnswer(item) {
  return item.stage === Stage.ACCEPTED && ["queued", "claimed"].includes(item.image.state);
}

export function isTrouble(item) {
  return [Stage.UNSENT, Stage.REFUSED].includes(item.stage) || item.image?.state === "failed";
}
