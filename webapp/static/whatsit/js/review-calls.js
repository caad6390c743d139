/** The review page's calls to the API; each resolves to {status, body}, status 0 where nobody could be reached. */
import { csrfToken, pageData } from "./page-data.js";

const PATIENCE_MS = 20_000;

async function call(url, options = {}) {
  const headers = { Accept: "application/json", "X-Whatsit-Page": "1" };
  if (options.body) {
    headers["Content-Type"] = "application/json";
    headers["X-CSRFToken"] = csrfToken();
  }
  const signal = options.keepalive ? undefined : AbortSignal.timeout(PATIENCE_MS);
  const answer = await fetch(url, { ...options, headers, signal }).catch(() => null);
  const body = await answer?.json().catch(() => null);
  return { status: answer?.status ?? 0, body: body ?? null };
}

function post(url, body, keepalive = false) {
  return call(url, { method: "POST", body: JSON.stringify(body), keepalive });
}

/** Up to `count` further pictures; those in `held` are here already. */
export function takeEntries(count, held) {
  const query = new URLSearchParams({ ...pageData.query, count });
  for (const id of held) {
    query.append("held", id);
  }
  return call(`${pageData.queue_url}?${query}`);
}

export function takeEntry(id) {
  return call(`${pageData.queue_url}/${encodeURIComponent(id)}`);
}

export function renewEntries(images) {
  return post(pageData.renew_url, { images });
}

/** Also while the page goes away: the browser finishes the call by itself. */
export function releaseEntries(images) {
  return post(pageData.release_url, { images }, true);
}

export function sendReview(id, word) {
  return post(`${pageData.images_url}/${encodeURIComponent(id)}/reviews`, word);
}
