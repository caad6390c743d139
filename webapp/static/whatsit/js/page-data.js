/** What the server tells the page: classifiers, limits and addresses, read once. */

/** @type {{classifiers: {slug: string, name: string, labels: string[]}[], upload_max_bytes: number, images_url: string,
 *          live_path: string, shrink_worker_url: string, said: Object<string, string>}} */
export const pageData = JSON.parse(document.getElementById("page-data").textContent);

/** The token that Django asks of a logged-in visitor; from the cookie, which stays right after a login elsewhere. */
export function csrfToken() {
  const [, token] = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie) ?? [];
  return token ?? "";
}
