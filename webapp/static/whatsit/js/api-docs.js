/* Swagger UI has a dark look that waits for a class; it follows the system's wish as the rest of the site does. */

const wish = window.matchMedia("(prefers-color-scheme: dark)");

function follow() {
  document.documentElement.classList.toggle("dark-mode", wish.matches);
}

follow();
wish.addEventListener("change", follow);
