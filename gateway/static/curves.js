// Curves of runs, fetched as finely as the plot is wide; zooming in fetches that part anew.
"use strict";

const COLOURS = [
  "#2f5fd0", "#d9622b", "#2a9d5c", "#b03a8c", "#8a6d1d", "#1798a8", "#c0392b", "#6a4fc4",
  "#5d7f1e", "#d1498b", "#3f7fb5", "#99582a",
];
const BANDED = 12; // curves in a plot, up to which a band from least to greatest can be told apart
const AGAIN_MS = 10000; // between looks at runs that are not over

const colourOf = (index) =>
  index < COLOURS.length ? COLOURS[index] : `hsl(${(index * 137.508) % 360} 55% 45%)`;

function word(value) {
  // JSON has no word for these; a plot leaves a hole.
  return typeof value === "number" ? value : null;
}

function x(series, axis) {
  return axis === "wall" ? series.x.map((second) => new Date(second * 1000)) : series.x;
}

function traces(series, axis, colour, hasBand) {
  const base = {
    type: "scatter", mode: "lines", name: series.run, legendgroup: series.run,
    line: { color: colour, width: 1.6 }, hovertemplate: "%{y:.5g}",
  };
  if (series.resolution === "raw") {
    const few = series.x.length <= 60;
    return [{ ...base, x: x(series, axis), y: series.value.map(word), mode: few ? "lines+markers" : "lines", marker: { size: 4, color: colour } }];
  }
  const xs = x(series, axis);
  if (!hasBand) {
    // A stroke from least to greatest in every bucket: no spike is lost, with one path a run.
    const path = { x: [], y: [] };
    xs.forEach((at, n) => {
      const down = n % 2;
      path.x.push(at, at);
      path.y.push(down ? series.max[n] : series.min[n], down ? series.min[n] : series.max[n]);
    });
    return [{ ...base, ...path, line: { color: colour, width: 1 }, opacity: 0.7 }];
  }
  const edge = { ...base, line: { width: 0.7, color: `${colour}70` }, showlegend: false, hoverinfo: "skip", hovertemplate: null };
  return [
    { ...edge, x: xs, y: series.min },
    { ...edge, x: xs, y: series.max, fill: "tonexty", fillcolor: `${colour}2e` },
    { ...base, x: xs, y: series.mean },
  ];
}

class Plot {
  constructor(figure, key, setting) {
    this.key = key;
    this.setting = setting;
    this.figure = figure;
    this.chart = figure.querySelector(".chart");
    this.state = figure.querySelector(".state");
    this.resolution = figure.querySelector(".resolution");
    this.range = null; // what is zoomed into, in the unit of the axis
    this.asked = 0;
    this.isDrawn = false;
  }

  say(text, failed = false) {
    this.state.textContent = text;
    this.state.hidden = !text;
    this.state.classList.toggle("failed", failed);
  }

  async load() {
    const asked = (this.asked += 1);
    this.figure.classList.add("loading");
    if (!this.isDrawn) this.say("Loading…");
    const query = new URLSearchParams({ axis: this.setting.axis });
    query.set("pixels", Math.min(4000, Math.max(50, Math.round(this.chart.clientWidth) || 800)));
    for (const run of this.setting.runs) query.append("runs", run);
    query.append("keys", this.key);
    if (this.range) {
      query.set("from", this.range[0]);
      query.set("to", this.range[1]);
    }
    try {
      const response = await fetch(`/api/v1/query/series?${query}`);
      const answer = await response.json();
      if (asked !== this.asked) return; // a later zoom was faster
      if (!response.ok) throw new Error(answer.error);
      this.draw(answer);
    } catch (error) {
      if (asked === this.asked) this.say(`The curves could not be loaded: ${error.message}`, true);
    } finally {
      if (asked === this.asked) this.figure.classList.remove("loading");
    }
  }

  draw(answer) {
    const { axis, runs } = this.setting;
    const place = new Map(runs.map((run, index) => [run, index]));
    const hasBand = runs.length <= BANDED;
    const data = answer.series.flatMap((one) => traces(one, axis, colourOf(place.get(one.run)), hasBand));
    const titles = { step: "step", relative: "seconds since start", wall: "" };
    const layout = {
      margin: { l: 60, r: 10, t: 8, b: 44 },
      xaxis: { title: { text: titles[axis] }, gridcolor: "#edf0f5", zeroline: false, range: this.shownRange() },
      yaxis: { gridcolor: "#edf0f5", zeroline: false, automargin: true, tickformat: "~g", exponentformat: "power" },
      showlegend: answer.series.length > 1 && answer.series.length <= 20,
      legend: { orientation: "h", y: -0.16, font: { size: 11 } },
      hovermode: answer.series.length <= 20 ? "x unified" : "closest",
      font: { family: "system-ui, sans-serif", size: 12, color: "#1c2430" },
      paper_bgcolor: "#fff", plot_bgcolor: "#fff", dragmode: "zoom",
    };
    // Names are text, whatever is in them: plotly would read some tags.
    for (const trace of data) trace.name = trace.name.replaceAll("<", "&lt;");
    const drawn = Plotly.react(this.chart, data, layout, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] });
    this.figure.dataset.series = answer.series.length;
    this.figure.dataset.resolution = [...new Set(answer.series.map((one) => one.resolution))].join(" ");
    this.figure.dataset.points = answer.series.reduce((sum, one) => sum + one.x.length, 0);
    this.resolution.textContent = this.figure.dataset.resolution;
    this.say(answer.series.length ? "" : this.range ? "Nothing here." : "Nobody has logged this.");
    if (!this.isDrawn) {
      this.isDrawn = true;
      this.chart.on("plotly_relayout", (change) => this.zoomed(change));
    }
    return drawn;
  }

  shownRange() {
    if (!this.range) return undefined;
    return this.setting.axis === "wall" ? this.range.map((second) => new Date(second * 1000)) : this.range;
  }

  zoomed(change) {
    if (change["xaxis.autorange"]) {
      if (!this.range) return;
      this.range = null;
    } else if (change["xaxis.range[0]"] !== undefined) {
      const ends = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      // Plotly gives times as text without a zone, in UTC.
      const number = (end) => typeof end === "number" ? end : Date.parse(`${String(end).replace(" ", "T")}Z`) / 1000;
      this.range = ends.map(number).sort((one, other) => one - other);
    } else {
      return;
    }
    this.load();
  }
}

function compare(plots) {
  const { runs, keys, axis, live } = plots.dataset;
  const setting = { runs: JSON.parse(runs), axis };
  JSON.parse(runs).forEach((run, index) => {
    for (const swatch of document.querySelectorAll(".swatch")) {
      if (swatch.dataset.run === run) swatch.style.background = colourOf(index);
    }
  });
  const figures = plots.querySelectorAll(".plot");
  const all = JSON.parse(keys).map((key, index) => new Plot(figures[index], key, setting));
  for (const plot of all) plot.load();
  if (live) {
    setInterval(() => {
      if (!document.hidden) for (const plot of all) plot.load();
    }, AGAIN_MS);
  }
}

function choose(form) {
  const button = form.querySelector("button");
  form.addEventListener("change", () => {
    const chosen = [...form.querySelectorAll("input:checked")].map((box) => box.value);
    form.elements.runs.value = chosen.join(",");
    button.disabled = !chosen.length;
  });
}

const plots = document.getElementById("plots");
if (plots) compare(plots);
const form = document.getElementById("choose");
if (form) choose(form);
