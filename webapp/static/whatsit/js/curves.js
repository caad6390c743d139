/** The curves of a run, drawn with uPlot in the page's own colours; beside each, a sentence for who cannot see it. */
import uPlot from "../../vendor/uplot/uPlot.esm.js";

const SERIES = {
  accuracy: { training: "accuracy", validation: "validation_accuracy", format: percent },
  loss: { training: "loss", validation: "validation_loss", format: (value) => value.toFixed(3) },
  learning_rate: { training: "learning_rate", validation: null, format: (value) => value.toPrecision(2) },
};

export class Curves {
  /** @param {HTMLElement} root holds one `[data-curve]` element a curve */
  constructor(root) {
    this.root = root;
    this.entries = [];
    this.epochs = 0;
    this.charts = [];
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  /** `epochs` is how many there will be, where that is known: the curve grows into its place. */
  show(entries, epochs = 0) {
    this.epochs = epochs;
    const isFirst = this.entries.length === 0;
    this.entries = entries;
    this.root.hidden = entries.length === 0;
    if (this.root.hidden) {
      return;
    }
    if (isFirst) {
      this.build();
    }
    for (const { chart, place, kind } of this.charts) {
      chart.setData(dataOf(kind, entries));
      place.setAttribute("aria-label", sentenceOf(place.dataset.curve, kind, entries));
    }
  }

  build() {
    for (const { chart } of this.charts) {
      chart.destroy();
    }
    this.charts = [...this.root.querySelectorAll("[data-curve]")].map((place) => {
      const kind = SERIES[place.dataset.curve];
      return { place, kind, chart: new uPlot(this.optionsOf(kind, place), dataOf(kind, this.entries), place) };
    });
  }

  resize() {
    for (const { chart, place } of this.charts) {
      if (place.clientWidth !== chart.width) {
        chart.setSize({ width: place.clientWidth, height: place.clientHeight });
      }
    }
  }

  optionsOf(kind, place) {
    const styles = getComputedStyle(document.documentElement);
    const colour = (name) => styles.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--ink-soft"),
      font: `12px ${getComputedStyle(document.body).fontFamily}`,
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 },
    };
    const points = { show: (chart) => chart.data[0].length < 40, size: 5 };
    const training = { label: "Training", stroke: colour("--ink-soft"), width: 2, dash: kind.validation ? [6, 4] : [], points };
    const validation = { label: "Validation", stroke: colour("--accent"), width: 2, points };
    return {
      width: place.clientWidth,
      height: place.clientHeight,
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      hooks: { setCursor: [(chart) => showAt(chart, kind, place)] },
      scales: { x: { time: false, range: (chart, low, high) => [1, Math.max(high, this.epochs, 2)] } },
      axes: [
        { ...axis, size: 32, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000], space: 40 },
        { ...axis, size: 64, values: (chart, splits) => splits.map(kind.format) },
      ],
      series: [{ label: "Epoch" }, training, ...(kind.validation ? [validation] : [])],
    };
  }
}

function dataOf(kind, entries) {
  const data = [entries.map((_, place) => place + 1), entries.map((entry) => entry[kind.training] ?? null)];
  return kind.validation ? [...data, entries.map((entry) => entry[kind.validation] ?? null)] : data;
}

/** The numbers under the pointer, behind the curve's name; the table has them for everybody else. */
function showAt(chart, kind, place) {
  const { idx } = chart.cursor;
  const at = place.parentElement.querySelector(".curve-at");
  const values = chart.data.slice(1).map((series) => series[idx]).filter((value) => typeof value === "number");
  const isShown = typeof idx === "number" && chart.cursor.left >= 0 && values.length > 0;
  at.textContent = isShown ? `epoch ${chart.data[0][idx]}: ${values.map(kind.format).join(", ")}` : "";
}

function sentenceOf(name, kind, entries) {
  const last = entries.at(-1);
  const words = name.replace("_", " ");
  const told = [["training", last[kind.training]], ["validation", kind.validation && last[kind.validation]]]
    .filter(([, value]) => typeof value === "number")
    .map(([split, value]) => `${split} ${kind.format(value)}`);
  const epochs = entries.length === 1 ? "1 epoch" : `${entries.length} epochs`;
  return `Curve of the ${words} after ${epochs}: ${told.join(", ")}. The numbers stand in the table below.`;
}

function percent(share) {
  return `${(100 * share).toFixed(1).replace(/\.0$/, "")}\u00a0%`;
}
