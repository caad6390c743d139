/** The upload page: wires files, sending, live answers and cards together. Holds no logic of its own. */
import { Announcer } from "./announcer.js";
import { CardList } from "./card-list.js";
import { chosenClassifier, classifierName, rememberChoice } from "./classifier-choice.js";
import { listenForFiles } from "./intake.js";
import { isTrouble, newItem } from "./item.js";
import { LiveImages } from "./live.js";
import { pageData } from "./page-data.js";
import { askAgain } from "./sender.js";
import { SendingQueue } from "./sending-queue.js";
import { Summary } from "./summary.js";
import { pictures, spokenAnswer } from "./words.js";

const SOCKET_PATIENCE_MS = 3_000;

const select = document.getElementById("classifier");
const announcer = new Announcer(document.getElementById("announcements"));
const cards = new CardList(document.getElementById("cards"), {
  classifierName,
  thumbnailUrl: (id) => `${pageData.images_url}/${encodeURIComponent(id)}/thumbnail`,
  onRetry: retry,
  onRemove: remove,
  onSaid: showSaid,
});
const queue = new SendingQueue({
  onChange: showChange,
  onAccepted: showAccepted,
  onPause: showPause,
});
const summary = new Summary({
  onRetryAll: () => [...cards.troubled()].forEach(retry),
  onClear: () => [...cards.troubled()].filter(({ item }) => !item.image).forEach(remove),
  onStop: stop,
  onGoOn: () => queue.goOn(),
});
const live = new LiveImages({
  onImage: showImage,
  onGone: (id) => cards.removeImage(id),
  onConnection: showConnection,
});
/** Images heard of while pictures are on their way up: they may belong to one of those, so they get no card yet. */
const unclaimed = new Map();
let countsAreStale = false;
let connectionTimer = null;

rememberChoice(select);
listenForFiles({
  inputs: [...document.querySelectorAll(".file-input")],
  onFiles: takeFiles,
  onNotice: (intake) => summary.say({ intake }),
});
window.addEventListener("beforeunload", (event) => {
  if (!queue.isIdle) {
    event.preventDefault();
  }
});
refreshCounts();

async function takeFiles(files) {
  if (files.length === 0) {
    return;
  }
  summary.say({ intake: "" });
  announcer.say(`${pictures(files.length)} taken.`);
  const items = files.map((file) => newItem(file, chosenClassifier(select)));
  const drawn = cards.addItems(items);
  queue.add(items);
  refreshCounts();
  await drawn;
  refreshCounts();
}

function showChange(item) {
  cards.render(item);
  if (isTrouble(item) && !item.image) {
    announcer.say(`${item.name}: ${item.sentence}`);
  }
  refreshCounts();
}

function showAccepted(item, image) {
  item.isDuplicate = Boolean(image.duplicate);
  unclaimed.delete(image.id);
  const isNews = !live.images.has(image.id);
  cards.accept(item, image);
  const newest = live.take(image);
  cards.update(newest);
  if (!isNews) {
    announce(newest, item.name);
  }
  refreshCounts();
}

function showImage(image, isFromSnapshot) {
  const shown = cards.update(image);
  if (shown.length > 0) {
    announce(image, shown[0].item.name);
  } else if (queue.isIdle) {
    cards.addKnown(image, { atEnd: isFromSnapshot });
  } else {
    unclaimed.set(image.id, { image, atEnd: isFromSnapshot });
  }
  refreshCounts();
}

function announce(image, name) {
  if (image.state === "done" || image.state === "failed") {
    announcer.say(spokenAnswer(image, name));
  }
}

async function retry(card) {
  const { item } = card;
  if (!item.image) {
    queue.retry(item);
    return;
  }
  try {
    live.take(await askAgain(item.image.id));
  } catch (problem) {
    item.sentence = problem.message;
    card.render();
  }
}

/** What became of somebody's word on an answer; the image comes with it where it was taken. */
function showSaid({ item }, sentence, image) {
  announcer.say(`${item.name}: ${sentence}`);
  if (image) {
    live.take({ ...image, duplicate: item.isDuplicate });
  }
}

function stop() {
  for (const item of queue.items()) {
    queue.cancel(item);
    cards.drop(item);
  }
  refreshCounts();
}

function remove(card) {
  queue.cancel(card.item);
  cards.remove(card);
  refreshCounts();
}

function showPause(pause) {
  summary.say({ pause });
  if (pause) {
    announcer.say(`${pause.words} Sending goes on by itself.`);
  }
}

function showConnection(isConnected) {
  clearTimeout(connectionTimer);
  if (isConnected) {
    summary.say({ connection: "" });
    return;
  }
  connectionTimer = setTimeout(
    () => summary.say({ connection: "Live answers are interrupted; this page asks every few seconds instead." }),
    SOCKET_PATIENCE_MS,
  );
}

/** Counts once a frame however much happened, and gives cards to images that turned out to be nobody's here. */
function refreshCounts() {
  if (countsAreStale) {
    return;
  }
  countsAreStale = true;
  setTimeout(() => {
    countsAreStale = false;
    if (queue.isIdle) {
      for (const [id, { image, atEnd }] of unclaimed) {
        unclaimed.delete(id);
        if (!cards.has(id)) {
          cards.addKnown(live.images.get(id) ?? image, { atEnd });
        }
      }
    }
    summary.renderCounts(cards.counts());
  }, 50);
}
