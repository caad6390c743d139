/** A person's word on an answer: sent, and what became of it as a sentence. A reviewer's counts, a visitor's is a suggestion. */
import { csrfToken, pageData } from "./page-data.js";

const PATIENCE_MS = 20_000;
const UNREACHABLE = "The site could not be reached. Try again in a moment.";

/** Resolves to {sentence, image}; throws an Error whose message can be shown. */
export async function sendWord(image, verdict, label) {
  const answer = await fetch(`${pageData.images_url}/${encodeURIComponent(image.id)}/reviews`, {
    method: "POST",
    headers: headers(),
    body: JSON.stringify({ verdict, label, version: image.version, place: "page" }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (!answer?.ok || !body) {
    throw new Error(body?.error?.message ?? UNREACHABLE);
  }
  const isReview = body.kind === "review";
  return { sentence: isReview ? `Saved: ${label}.` : "Thank you: a reviewer will look at it.", image: body };
}

/** The labels that can be chosen for an image of this classifier. */
export function labelsOf(slug) {
  return pageData.classifiers.find((classifier) => classifier.slug === slug)?.labels ?? [];
}

function headers() {
  const common = { "Content-Type": "application/json", Accept: "application/json", "X-Whatsit-Page": "1" };
  const token = csrfToken();
  return token ? { ...common, "X-CSRFToken": token } : common;
}
