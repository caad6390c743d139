/** One answer as elements: the three likeliest labels with bars, and what to say when the model is not sure. */
import { bar, element } from "./dom.js";
import { share, unsureSentence } from "./words.js";

const SHOWN_LABELS = 3;

/** Whether the answer is shown as a guess: too little confidence, or a picture unlike all it learned from. */
export function isUnsure(prediction) {
  return prediction.unsure || Boolean(prediction.unfamiliar);
}

export function answerElements(prediction) {
  const scores = element("ol", { class: "scores" });
  for (const score of prediction.scores.slice(0, SHOWN_LABELS)) {
    scores.append(scoreElement(score));
  }
  if (!isUnsure(prediction)) {
    return [scores];
  }
  return [element("p", { class: "card-words" }, unsureSentence(prediction)), scores];
}

function scoreElement({ label, score }) {
  return element(
    "li",
    { class: "score" },
    element("span", { class: "score-label" }, label),
    " ",
    element("span", { class: "score-share" }, share(score)),
    bar(score),
  );
}
