/** The worker's side of shrink.js: a file comes in, its small version goes back. */
import { shrinkPicture } from "./picture.js";

addEventListener("message", async ({ data: { number, file } }) => {
  try {
    postMessage({ number, shrunk: await shrinkPicture(file) });
  } catch (problem) {
    postMessage({ number, problem: String(problem) });
  }
});
