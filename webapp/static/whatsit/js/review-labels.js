/** The list of labels: which key stands for which, finding one by typing where there are many. */

export class LabelList {
  /** @param {{root: HTMLElement, search: HTMLInputElement|null, onChoose: (name: string) => void}} options */
  constructor({ root, search, onChoose }) {
    this.root = root;
    this.search = search;
    this.onChoose = onChoose;
    this.buttons = [...root.querySelectorAll("button")];
    this.byKey = new Map(this.buttons.filter(({ dataset }) => dataset.key).map((button) => [button.dataset.key, button]));
    search?.addEventListener("input", () => this.filter());
    search?.addEventListener("keydown", (event) => this.readSearchKey(event));
  }

  /** True when the key stands for a label, or begins the search for one. */
  readKey(key) {
    const button = this.byKey.get(key);
    if (button) {
      this.onChoose(button.value);
      return true;
    }
    return false;
  }

  beginsSearch(key) {
    if (!this.search || key.length !== 1 || key === " ") {
      return false;
    }
    this.search.focus();
    return true;
  }

  readSearchKey(event) {
    if (event.key === "Enter" && this.search.value !== "") {
      event.preventDefault();
      event.stopPropagation();
      const [first] = this.shown();
      if (first) {
        this.onChoose(first.value);
      }
    } else if (event.key === "Escape") {
      this.clear();
      this.search.blur();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      event.stopPropagation();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (this.search.value !== "" || event.key.length === 1) {
      event.stopPropagation();
    }
  }

  shown() {
    return this.buttons.filter((button) => !button.parentElement.hidden);
  }

  filter() {
    const wanted = this.search.value.trim().toLowerCase();
    for (const button of this.buttons) {
      button.parentElement.hidden = !button.value.toLowerCase().includes(wanted);
    }
  }

  clear() {
    if (this.search && this.search.value !== "") {
      this.search.value = "";
      this.filter();
    }
  }

  /** Moves the focus through the labels. */
  move(step) {
    const shown = this.shown();
    const at = shown.indexOf(document.activeElement);
    shown[at < 0 ? (step > 0 ? 0 : shown.length - 1) : (at + step + shown.length) % shown.length]?.focus();
  }

  /** Marks the guess, what visitors say, what was said here, and writes the shares; `scores` name what is known. */
  mark({ guess, suggested, said, shares }) {
    for (const button of this.buttons) {
      const { value: name } = button;
      button.classList.toggle("is-guess", name === guess);
      button.classList.toggle("is-said", name === said);
      if (name === said) {
        button.setAttribute("aria-current", "true");
      } else {
        button.removeAttribute("aria-current");
      }
      button.querySelector(".label-note").textContent = suggested.includes(name) ? "visitor" : "";
      button.querySelector(".label-share").textContent = shares.get(name) ?? "";
    }
  }
}
