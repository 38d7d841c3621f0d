/* Draws P(w), ln P(w) and L(w) of a logistic model with one weight, and a slider that moves w.
   <div class="likelihood" data-x="…" data-y="…" data-titles="P(w)|ln P(w)|L(w)"> */
"use strict";

const WIDTH = 260, HEIGHT = 170, EDGE = 34, LOW = -4, HIGH = 6, STEPS = 200;

function softplus(z) {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

function loss(w, x, y) {
  return x.reduce((sum, value, i) => sum + softplus(w * value) - y[i] * w * value, 0);
}

function element(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}

function panel(root, title, f) {
  const ws = Array.from({ length: STEPS + 1 }, (_, i) => LOW + ((HIGH - LOW) * i) / STEPS);
  const heights = ws.map(f), low = Math.min(...heights, 0), high = Math.max(...heights, 0);
  const across = (w) => EDGE + ((w - LOW) / (HIGH - LOW)) * (WIDTH - EDGE - 6);
  const up = (v) => HEIGHT - 22 - ((v - low) / (high - low)) * (HEIGHT - 52);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, root);
  const words = (text, x, y, anchor) =>
    (element("text", { x, y, "text-anchor": anchor, class: "words" }, svg).textContent = text);
  words(title, WIDTH / 2, 14, "middle");
  words("w", WIDTH - 6, HEIGHT - 6, "end");
  words(high.toPrecision(2), EDGE - 4, up(high) + 4, "end");
  words(low.toPrecision(2), EDGE - 4, up(low) + 4, "end");
  element("line", { x1: EDGE, x2: WIDTH, y1: up(low), y2: up(low), class: "axis" }, svg);
  element("line", { x1: EDGE, x2: EDGE, y1: up(low), y2: up(high), class: "axis" }, svg);
  element("path", { d: "M" + ws.map((w, i) => `${across(w)},${up(heights[i])}`).join("L"), class: "curve" }, svg);
  const dot = element("circle", { r: 4.5, class: "dot" }, svg);
  const value = element("text", { x: WIDTH - 6, y: 30, "text-anchor": "end", class: "words" }, svg);
  return (w) => {
    dot.setAttribute("cx", across(w));
    dot.setAttribute("cy", up(f(w)));
    value.textContent = f(w).toPrecision(3);
  };
}

function draw(root) {
  const numbers = (name) => root.dataset[name].split(",").map(Number);
  const x = numbers("x"), y = numbers("y"), titles = root.dataset.titles.split("|");
  const nll = (w) => loss(w, x, y);
  const panels = document.createElement("div");
  panels.className = "panels";
  root.appendChild(panels);
  const moves = [(w) => Math.exp(-nll(w)), (w) => -nll(w), nll].map((f, i) => panel(panels, titles[i], f));
  const label = document.createElement("label"), slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: LOW, max: HIGH, step: 0.01, value: -2 });
  const shown = document.createElement("output");
  label.append("w ", slider, shown);
  root.appendChild(label);
  const move = () => {
    shown.value = Number(slider.value).toFixed(2);
    moves.forEach((each) => each(Number(slider.value)));
  };
  slider.addEventListener("input", move);
  move();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".likelihood").forEach(draw));
