/** Copies the new token. Where the browser lends no clipboard (plain http), the text is marked for the person to copy. */
const text = document.querySelector("#token-text");
const button = document.querySelector("#copy-token");
const status = document.querySelector("#copied");

if (text && button) {
  document.querySelector("#made-title").focus();
  button.hidden = false;
  button.addEventListener("click", copy);
  text.addEventListener("focus", () => text.select());
}

async function copy() {
  text.select();
  status.textContent = "";
  status.textContent = (await isCopied()) ? "Copied." : "It is marked: copy it with Ctrl-C, or ⌘-C on a Mac.";
}

async function isCopied() {
  try {
    await navigator.clipboard.writeText(text.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
