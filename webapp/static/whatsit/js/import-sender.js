/** Sends a ZIP in parts and then asks for its import. Knows nothing of forms and fields. */
import { csrfToken, pageData } from "./page-data.js";
import { parseJson, randomId } from "./plain-data.js";
import { refusalFor } from "./words.js";

const TRIES = 4;
const PAUSE_MS = 1_500;
const STALLED_MS = 120_000;

/** What went wrong, in a sentence to show. `mayPass` says that the same may work a little later. */
export class SendProblem extends Error {
  constructor(sentence, mayPass = false) {
    super(sentence);
    this.mayPass = mayPass;
  }
}

/**
 * @param {AsyncIterable<Uint8Array | Blob>} parts each as large as the site takes, in order
 * @param {{onProgress: (sentBytes: number) => void, signal: AbortSignal}} options
 * @returns {Promise<string>} the upload's id; rejects with SendProblem or an AbortError
 */
export async function sendParts(parts, { onProgress, signal }) {
  const upload = randomId();
  let start = 0;
  let number = 0;
  for await (const part of parts) {
    signal.throwIfAborted();
    number += 1;
    const address = `${pageData.imports_url}parts/${upload}/${number}/`;
    await insist(() => put(address, part, (sent) => onProgress(start + sent), signal), signal);
    start += part.size ?? part.length;
    onProgress(start);
  }
  return upload;
}

/** The parts of a file as it is. */
export async function* slices(file, bytes) {
  for (let start = 0; start < file.size; start += bytes) {
    yield file.slice(start, start + bytes);
  }
}

/** Queues the import; resolves to the address of the page that shows its progress. */
export async function requestImport(form, signal) {
  const answer = await fetch(pageData.imports_url, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": csrfToken() },
    body: form,
    signal,
  }).catch(() => {
    signal.throwIfAborted();
    throw new SendProblem("The site could not be reached. Try again in a moment.");
  });
  const body = await answer.json().catch(() => null);
  if (answer.status === 201 && body) {
    return body.address;
  }
  throw new SendProblem(sentenceIn(body, answer.status));
}

/** A lost connection or a tired site costs a pause, not the gigabyte that was sent before. */
async function insist(attempt, signal) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (problem) {
      signal.throwIfAborted();
      if (!problem.mayPass || tried === TRIES) {
        throw problem;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * tried));
    }
  }
}

function put(address, part, onProgress, signal) {
  const request = new XMLHttpRequest();
  const stop = () => request.abort();
  signal.addEventListener("abort", stop, { once: true });
  return new Promise((resolve, reject) => {
    const fail = () => reject(new SendProblem("The connection was lost while sending. Try again.", true));
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
    request.addEventListener("load", () => {
      if (request.status === 204) {
        resolve();
      } else {
        reject(new SendProblem(sentenceIn(parseJson(request.responseText), request.status), request.status >= 500));
      }
    });
    request.addEventListener("error", fail);
    request.addEventListener("timeout", fail);
    request.addEventListener("abort", fail);
    request.open("PUT", address);
    request.timeout = STALLED_MS;
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.send(part);
  }).finally(() => signal.removeEventListener("abort", stop));
}

function sentenceIn(body, status) {
  if (body?.error?.message) {
    return body.error.message;
  }
  return status === 403 || status === 404 ? "You are no longer logged in. Reload the page and log in." : refusalFor(status);
}
