/** Making elements. Text always goes in as text, so nothing a file is called can become markup. */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} properties element properties; `class`, `aria-*` and `data-*` are set as attributes
 * @param {...(Node|string)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name.includes("-")) {
      made.setAttribute(name, String(value));
    } else {
      made[name] = value;
    }
  }
  made.append(...children);
  return made;
}

/** A bar as long as the share; the number beside it is what is read aloud. */
export function bar(share) {
  const drawing = svg("svg", { class: "score-bar", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  drawing.append(svg("rect", { width: share, height: 1 }));
  return drawing;
}

function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, String(value));
  }
  return made;
}

/** A button with an icon and words; `words` are read aloud even where a narrow page shows the icon only. */
export function iconButton({ icon, words, name, quiet = true, wordsShown = true, onClick }) {
  const label = element("span", { class: wordsShown ? "button-words" : "visually-hidden" }, words);
  const button = element(
    "button",
    { type: "button", class: quiet ? "button button-quiet" : "button", title: words },
    element("span", { class: `icon icon-${icon}`, "aria-hidden": "true" }),
    label,
  );
  button.setAttribute("aria-label", name ? `${words}: ${name}` : words);
  button.addEventListener("click", onClick);
  return button;
}
