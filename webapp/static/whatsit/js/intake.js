/** Files come in by dropping anywhere, choosing, pasting or the camera; dropped folders are walked. */
import { fromEvent } from "../../vendor/file-selector/index.js";

/**
 * @param {{inputs: HTMLInputElement[], onFiles: (files: File[]) => void, onNotice: (sentence: string) => void}} options
 */
export function listenForFiles({ inputs, onFiles, onNotice }) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      onFiles([...input.files]);
      input.value = "";
    });
    input.addEventListener("keydown", (event) => openByEnter(event, input));
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) {
      event.preventDefault();
      onFiles(files);
    }
  });
  listenForDrops({ onFiles, onNotice });
}

/** Not every browser opens a file field by Enter, and none may send the half-filled form instead. */
function openByEnter(event, input) {
  if (event.key === "Enter") {
    event.preventDefault();
    input.click();
  }
}

function listenForDrops({ onFiles, onNotice }) {
  const page = document.documentElement;
  let depth = 0;
  const setDepth = (value) => {
    depth = Math.max(0, value);
    page.classList.toggle("dropping", depth > 0);
  };
  page.addEventListener("dragenter", (event) => {
    event.preventDefault();
    setDepth(depth + 1);
  });
  page.addEventListener("dragleave", () => setDepth(depth - 1));
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("drop", async (event) => {
    event.preventDefault();
    setDepth(0);
    onNotice("");
    const files = await droppedFiles(event);
    if (files.length > 0) {
      onFiles(files);
    } else {
      onNotice("There was no file in what you dropped. Save the picture first, then drop its file here.");
    }
  });
}

async function droppedFiles(event) {
  const plain = [...(event.dataTransfer?.files ?? [])];
  try {
    return (await fromEvent(event)).filter((file) => !file.name.startsWith("."));
  } catch {
    return plain;
  }
}
