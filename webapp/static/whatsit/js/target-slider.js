/** Shows, while the slider moves, what the live model would answer surely with that target. */
import { pageData } from "./page-data.js";

export function watchTarget(form) {
  const slider = form.querySelector("#target");
  const value = form.querySelector("#target-value");
  const effect = form.querySelector("#target-effect");
  const curve = pageData.target_curve ?? [];
  const show = () => {
    value.textContent = Number(slider.value).toFixed(1);
    slider.setAttribute("aria-valuetext", `${value.textContent} percent`);
    const sentence = describe(nearest(curve, Number(slider.value) / 100));
    effect.textContent = sentence;
    effect.hidden = !sentence;
  };
  slider.addEventListener("input", show);
  show();
}

function nearest(curve, target) {
  return curve.reduce(
    (best, point) => (best && Math.abs(best.target - target) <= Math.abs(point.target - target) ? best : point),
    null,
  );
}

function describe(point) {
  if (!point || point.sure_share === null) {
    return "";
  }
  const share = percent(point.sure_share);
  if (point.sure_accuracy === null) {
    return `The live model would then answer ${share} of pictures surely.`;
  }
  return `The live model would then answer ${share} of pictures surely, and ${percent(point.sure_accuracy)} of these answers are right.`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)}\u00a0%`;
}
