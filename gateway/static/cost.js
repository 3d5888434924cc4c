// Dollars by day, stacked: what the page says in its own words, drawn.
"use strict";

const SHADES = [
  "#2f5fd0", "#d9622b", "#2a9d5c", "#b03a8c", "#8a6d1d", "#1798a8", "#c0392b", "#6a4fc4",
  "#5d7f1e", "#d1498b", "#3f7fb5",
];

document.addEventListener("DOMContentLoaded", () => {
  const chart = document.getElementById("cost-by-day");
  const { days, bars } = JSON.parse(chart.dataset.plot);
  const traces = bars.map((bar, n) => ({
    // A name is text, whatever is in it: plotly would read some tags.
    type: "bar", name: bar.name.replaceAll("<", "&lt;"), x: days, y: bar.usd,
    marker: { color: n < SHADES.length ? SHADES[n] : "#b6bfcc" },
    hovertemplate: "%{fullData.name}<br>%{x}: $%{y:.4~f}<extra></extra>",
  }));
  Plotly.newPlot(chart, traces, {
    barmode: "stack", margin: { l: 60, r: 12, t: 8, b: 40 }, showlegend: true,
    legend: { orientation: "h", y: -0.14 }, xaxis: { type: "date" },
    yaxis: { tickprefix: "$", rangemode: "tozero", gridcolor: "#eef1f6" },
    plot_bgcolor: "#fff", paper_bgcolor: "#fff", font: { family: "system-ui, sans-serif", size: 12 },
  }, { responsive: true, displaylogo: false });
});
