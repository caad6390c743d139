/** The form that brings pictures: packs the chosen folder, sends it in parts with progress, then opens the next page. */
import { requestImport, SendProblem, sendParts, slices } from "./import-sender.js";
import { pageData } from "./page-data.js";
import { fileSize } from "./words.js";
import { ZipStream } from "./zip-writer.js";

const LITTER = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/;

export class ImportForm {
  constructor(form) {
    this.form = form;
    this.folder = form.querySelector("#import-folder");
    this.archive = form.querySelector("#import-archive");
    this.place = form.querySelector("#import-place");
    this.sending = form.querySelector("#import-sending");
    this.progress = form.querySelector("#import-progress");
    this.words = form.querySelector("#import-words");
    this.problem = form.querySelector("#import-problem");
    this.send = form.querySelector("#import-send");
    this.stop = form.querySelector("#import-stop");
    this.abort = null;
    form.addEventListener("submit", (event) => this.submit(event));
    this.stop.addEventListener("click", () => this.abort?.abort());
    this.folder.addEventListener("change", () => this.keepOnly(this.folder));
    this.archive.addEventListener("change", () => this.keepOnly(this.archive));
    this.place.addEventListener("input", () => this.keepOnly(this.place));
    window.addEventListener("beforeunload", (event) => {
      if (this.abort) {
        event.preventDefault();
      }
    });
  }

  /** Has somebody begun to fill it? Then the page must not load itself again. */
  get isBusy() {
    return this.abort !== null || [this.folder, this.archive, this.place].some(({ value }) => value !== "");
  }

  /** One source at a time: choosing one forgets the others. */
  keepOnly(chosen) {
    if (chosen.value) {
      for (const field of [this.folder, this.archive, this.place]) {
        if (field !== chosen) {
          field.value = "";
        }
      }
    }
    this.sayProblem("");
  }

  async submit(event) {
    event.preventDefault();
    if (this.abort) {
      return;
    }
    this.abort = new AbortController();
    this.showSending(true);
    this.sayProblem("");
    try {
      const address = await this.bring(this.abort.signal);
      this.abort = null;
      this.forget();
      location.assign(address);
    } catch (problem) {
      const wasStopped = this.abort?.signal.aborted;
      this.abort = null;
      this.showSending(false);
      this.sayProblem(wasStopped ? "Stopped. Nothing was imported." : sentenceOf(problem));
    }
  }

  async bring(signal) {
    const fields = new FormData(this.form);
    fields.delete("archive");
    const archive = this.takeChosen(fields);
    if (archive) {
      if (archive.size > pageData.import_max_bytes) {
        const most = fileSize(pageData.import_max_bytes);
        throw new SendProblem(`This is ${fileSize(archive.size)}; at most ${most} go at once. Send it in several imports, or name a storage URL.`);
      }
      this.showSent(0, archive.size);
      const upload = await sendParts(archive.parts, { onProgress: (sent) => this.showSent(sent, archive.size), signal });
      fields.set("upload", upload);
      fields.set("size", String(archive.size));
    }
    return requestImport(fields, signal);
  }

  /** The ZIP to send; null where a storage URL is named, or nothing, which the server answers. */
  takeChosen(fields) {
    if (this.place.value.trim()) {
      return null;
    }
    const [zipped] = this.archive.files;
    if (zipped) {
      fields.set("file_name", zipped.name);
      return { size: zipped.size, parts: slices(zipped, pageData.part_bytes) };
    }
    const files = [...this.folder.files].filter((file) => !LITTER.test(inside(file)));
    if (!files.length) {
      return null;
    }
    const [root] = files[0].webkitRelativePath.split("/");
    fields.set("folder", root);
    fields.set("file_name", `${root}.zip`);
    const zip = new ZipStream(files.map((file) => ({ name: inside(file), file })));
    return { size: zip.size, parts: zip.parts(pageData.part_bytes) };
  }

  showSent(sent, total) {
    const known = Math.min(sent, total);
    this.progress.value = known / total;
    this.words.textContent = `Sending: ${fileSize(known)} of ${fileSize(total)}`;
  }

  showSending(isSending) {
    this.sending.hidden = !isSending;
    this.stop.hidden = !isSending;
    this.send.disabled = isSending;
    this.words.textContent = "";
    if (isSending) {
      this.progress.removeAttribute("value");
    }
  }

  sayProblem(sentence) {
    this.problem.textContent = sentence;
    this.problem.hidden = !sentence;
  }

  /** A page that comes back from the browser's memory must not seem half filled. */
  forget() {
    this.form.reset();
    this.showSending(false);
  }
}

/** The name below the chosen folder, whose own name is no label. */
function inside(file) {
  return file.webkitRelativePath.slice(file.webkitRelativePath.indexOf("/") + 1);
}

function sentenceOf(problem) {
  return problem instanceof SendProblem ? problem.message : "A file could not be read. Choose the pictures again.";
}
