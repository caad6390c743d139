/** Shrinks pictures beside the page, so that hundreds of them never freeze it. Never fails: the original is the fallback. */
import { pageData } from "./page-data.js";
import { shrinkPicture } from "./picture.js";

const PATIENCE_MS = 20_000;

let worker = null;
let lastNumber = 0;
const waiting = new Map();

/**
 * @param {File} file
 * @returns {Promise<{blob: Blob, thumbnail: Blob | null}>}
 */
export async function shrink(file) {
  try {
    return await Promise.race([canUseWorker() ? shrinkInWorker(file) : shrinkPicture(file), giveUp()]);
  } catch {
    return { blob: file, thumbnail: null };
  }
}

function canUseWorker() {
  return typeof OffscreenCanvas === "function" && typeof Worker === "function";
}

function shrinkInWorker(file) {
  worker ??= startWorker();
  lastNumber += 1;
  const number = lastNumber;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    worker.postMessage({ number, file });
  });
}

function startWorker() {
  const started = new Worker(pageData.shrink_worker_url, { type: "module" });
  started.addEventListener("message", ({ data: { number, shrunk, problem } }) => {
    const asked = waiting.get(number);
    waiting.delete(number);
    if (shrunk) {
      asked?.resolve(shrunk);
    } else {
      asked?.reject(new Error(problem));
    }
  });
  started.addEventListener("error", () => {
    started.terminate();
    worker = null;
    for (const { reject } of waiting.values()) {
      reject(new Error("The shrinking worker stopped."));
    }
    waiting.clear();
  });
  return started;
}

function giveUp() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("Shrinking took too long.")), PATIENCE_MS);
  });
}
