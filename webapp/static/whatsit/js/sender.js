/** One request: a picture goes out, an outcome comes back. Knows nothing of queues and cards. */
import { csrfToken, pageData } from "./page-data.js";
import { parseJson } from "./plain-data.js";
import { refusalFor } from "./words.js";

const STALLED_MS = 120_000;

/**
 * Outcomes: accepted {image} · refused {sentence} · busy {seconds, sentence} · broken {sentence} · unreachable · cancelled
 * @returns {{outcome: Promise<object>, cancel: () => void}}
 */
export function send(item, onProgress) {
  const request = new XMLHttpRequest();
  const outcome = new Promise((resolve) => {
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total ? loaded / total : 0));
    request.addEventListener("load", () => resolve(readOutcome(request)));
    request.addEventListener("error", () => resolve({ kind: "unreachable" }));
    request.addEventListener("timeout", () => resolve({ kind: "unreachable" }));
    request.addEventListener("abort", () => resolve({ kind: "cancelled" }));
  });
  request.open("POST", pageData.images_url);
  request.timeout = STALLED_MS;
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("Idempotency-Key", item.key);
  request.setRequestHeader("X-Whatsit-Page", "1");
  setCsrfToken((name, value) => request.setRequestHeader(name, value));
  const form = new FormData();
  form.append("classifier", item.classifier);
  form.append("file", item.blob, item.name);
  request.send(form);
  return { outcome, cancel: () => request.abort() };
}

/** Asks for a new answer; resolves to the image, or throws an Error whose message can be shown. */
export async function askAgain(imageId) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-Whatsit-Page": "1" };
  setCsrfToken((name, value) => {
    headers[name] = value;
  });
  const answer = await fetch(`${pageData.images_url}/${encodeURIComponent(imageId)}/predictions`, {
    method: "POST",
    headers,
    body: "{}",
  }).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (answer?.ok && body) {
    return body;
  }
  throw new Error(body?.error?.message ?? "The site could not be reached. Try again in a moment.");
}

function setCsrfToken(set) {
  const token = csrfToken();
  if (token) {
    set("X-CSRFToken", token);
  }
}

function readOutcome(request) {
  const body = parseJson(request.responseText);
  if (request.status === 201 || request.status === 200) {
    const [image] = body?.images ?? [];
    return image ? { kind: "accepted", image } : { kind: "refused", sentence: sentenceIn(body, request.status) };
  }
  const sentence = sentenceIn(body, request.status);
  if (request.status === 503 || request.status === 429) {
    return { kind: "busy", seconds: retryAfter(request.getResponseHeader("Retry-After")), sentence };
  }
  return { kind: request.status >= 500 ? "broken" : "refused", sentence };
}

function sentenceIn(body, status) {
  const [rejected] = body?.rejected ?? body?.error?.details?.rejected ?? [];
  return rejected?.message ?? body?.error?.message ?? refusalFor(status);
}

/** Seconds from a Retry-After header, which holds seconds or a date; 5 where it holds neither. */
export function retryAfter(header) {
  const seconds = header && /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header ?? "") - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(300, Math.max(1, seconds)) : 5;
}
