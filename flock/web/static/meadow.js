// The field of a large flock: a dot for each bot, on a canvas that can be moved, zoomed and searched.

import { aloud } from "./aloud.js";
import { latest } from "./latest.js";
import { connect } from "./live.js";

const LIGHTS = 4000; // milliseconds for which a dot shines after its bot has spoken
const [NEAREST, LEAST_NAMED] = [96, 48]; // pixels from dot to dot
const FOUND = 20; // bots that a search lists
const canvas = document.getElementById("dots");
const dots = document.createElement("canvas");
const under = dots.getContext("2d", { alpha: false });
let ink = canvas.getContext("2d", { alpha: false });
const spot = document.getElementById("spot");
const found = document.getElementById("found");
const find = document.getElementById("find");
const still = document.getElementById("still");

let names = [];
let states = [];
let at = new Map(); // name -> its number
let tint = new Uint8Array(0);
let state = new Uint8Array(0);
let spoke = new Float64Array(0);
let said = []; // the latest text of each
let matches = null; // numbers of bots, where something is searched
let columns = 1;
let view = { x: 0, y: 0, step: 8 }; // the upper left corner, in dots; pixels from dot to dot
let size = { width: 1, height: 1 };
let isStill = false;
let colours = null;
let frame = 0;
let isStale = true;
let sharp = 1; // pixels of the screen for one of the page
let shining = new Set();

// Where the dots are: rows of names in their order, each a little beside its place

function scatter(number) {
  let bits = Math.imul(number + 1, 0x9e3779b1);
  bits ^= bits >>> 15;
  return [((bits & 255) / 255 - 0.5) * 0.36, (((bits >>> 8) & 255) / 255 - 0.5) * 0.36];
}

function place(number) {
  const [dx, dy] = scatter(number);
  return [(number % columns) + 0.5 + dx, Math.floor(number / columns) + 0.5 + dy];
}

function take(data) {
  const isSame = data.bots.length === names.length && data.bots.every((bot, number) => bot[0] === names[number]);
  states = data.states;
  state = Uint8Array.from(data.bots, (bot) => bot[2]);
  if (isSame) { draw(); return; } // where the reader looks stays
  names = data.bots.map((bot) => bot[0]);
  at = new Map(names.map((name, number) => [name, number]));
  tint = Uint8Array.from(data.bots, (bot) => bot[1]);
  spoke = new Float64Array(names.length).fill(-Infinity);
  said = new Array(names.length);
  fitAll();
  search();
}

function rows() { return Math.ceil(names.length / columns); }

function fitAll() {
  columns = Math.max(1, Math.ceil(Math.sqrt(names.length * size.width / Math.max(1, size.height))));
  view = { x: 0, y: 0, step: size.width / columns };
  bound();
}

function least() { return Math.min(size.width / columns, size.height / Math.max(1, rows())); }

function bound() {
  view.step = Math.max(least(), Math.min(NEAREST, view.step));
  const [across, down] = [size.width / view.step, size.height / view.step];
  view.x = across >= columns ? (columns - across) / 2 : Math.max(0, Math.min(columns - across, view.x));
  view.y = down >= rows() ? (rows() - down) / 2 : Math.max(0, Math.min(rows() - down, view.y));
  draw();
}

// Drawing

function readColours() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const voice = [];
  for (let number = 0; number < 12; number += 1) {
    probe.className = "t" + number;
    voice.push(getComputedStyle(probe).getPropertyValue("--tint").trim());
  }
  probe.remove();
  const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  colours = { voice, meadow: of("--meadow"), wool: of("--wool-far"), trouble: of("--trouble"), words: of("--on-meadow"), bubble: of("--bubble"), ink: of("--on-bubble"), rest: of("--resting") };
}

function glow() { frame ||= requestAnimationFrame(paint); }

function draw() {
  isStale = true;
  glow();
}

function paint() {
  frame = 0;
  if (!colours) readColours();
  if (isStale) paintDots();
  isStale = false;
  ink.setTransform(1, 0, 0, 1, 0, 0);
  ink.drawImage(dots, 0, 0);
  ink.setTransform(sharp, 0, 0, sharp, 0, 0);
  paintShining(Math.max(1.2, view.step * 0.3));
  if (shining.size) glow();
}

/** Paints what does not shine, on a canvas of its own: it is the same from frame to frame. */
function paintDots() {
  const screen = ink;
  ink = under;
  ink.fillStyle = colours.meadow;
  ink.fillRect(0, 0, size.width, size.height);
  const radius = Math.max(1.2, view.step * 0.3);
  const [left, top] = [Math.floor(view.x) - 1, Math.floor(view.y) - 1];
  const [right, bottom] = [left + size.width / view.step + 2, top + size.height / view.step + 2];
  const groups = new Map(); // colour -> path: a fill for each colour, not for each dot
  const kept = (number) => !matches || matches.has(number);
  for (let row = Math.max(0, top); row <= bottom; row += 1) {
    for (let column = Math.max(0, left); column <= Math.min(right, columns - 1); column += 1) {
      const number = row * columns + column;
      if (number >= names.length) break;
      const [x, y] = toScreen(number);
      const colour = kept(number) ? dotColour(number) : colours.rest;
      let path = groups.get(colour);
      if (!path) groups.set(colour, path = new Path2D());
      if (radius < 2) path.rect(x - radius, y - radius, radius * 2, radius * 2);
      else {
        path.moveTo(x + radius, y);
        path.arc(x, y, radius, 0, 7);
      }
      if (view.step >= LEAST_NAMED) heads.push(x, y, number);
    }
  }
  for (const [colour, path] of groups) {
    ink.fillStyle = colour;
    ink.fill(path);
  }
  paintHeads(radius);
  if (view.step >= LEAST_NAMED) paintNames(radius, left, top, right, bottom, kept);
  ink = screen;
}

const heads = [];

function paintHeads(radius) {
  ink.fillStyle = "#2f2a27";
  ink.beginPath();
  for (let each = 0; each < heads.length; each += 3) {
    const [x, y] = [heads[each] + radius * 0.85, heads[each + 1] - radius * 0.25];
    ink.moveTo(x + radius * 0.42, y);
    ink.ellipse(x, y, radius * 0.42, radius * 0.5, 0, 0, 7);
  }
  ink.fill();
  heads.length = 0;
}

function dotColour(number) {
  const what = states[state[number]];
  if (what === "penned" || what === "quiet") return colours.trouble;
  return what === "asleep" || what === "awake" ? colours.wool : colours.rest;
}

function paintShining(radius) {
  let bubbles = 0;
  for (const number of [...shining].reverse()) {
    const age = performance.now() - spoke[number];
    if (age > LIGHTS) { shining.delete(number); continue; }
    const [x, y] = toScreen(number);
    if (x < 0 || y < 0 || x > size.width || y > size.height) continue;
    ink.globalAlpha = Math.min(1, 2 - 2 * age / LIGHTS);
    ink.fillStyle = colours.voice[tint[number]];
    ink.beginPath();
    ink.arc(x, y, Math.max(5, radius * 1.35), 0, 7);
    ink.fill();
    ink.globalAlpha = 1;
    if (said[number] && bubbles < 4 && view.step >= 14) { paintBubble(said[number], x, y - radius); bubbles += 1; }
  }
}

function paintBubble(text, x, y) {
  ink.font = "15px Georgia, serif";
  const short = [...text].length > 44 ? [...text].slice(0, 43).join("") + "…" : text;
  const width = ink.measureText(short).width + 18;
  const left = Math.max(4, Math.min(size.width - width - 4, x - width / 2));
  ink.fillStyle = colours.bubble;
  ink.beginPath();
  ink.roundRect(left, y - 36, width, 27, 9);
  ink.fill();
  ink.fillStyle = colours.ink;
  ink.fillText(short, left + 9, y - 17);
}

function paintNames(radius, left, top, right, bottom, kept) {
  ink.font = `${Math.min(13, view.step / 6)}px Georgia, serif`;
  ink.fillStyle = colours.words;
  ink.textAlign = "center";
  for (let row = Math.max(0, top); row <= bottom; row += 1) {
    for (let column = Math.max(0, left); column <= Math.min(right, columns - 1); column += 1) {
      const number = row * columns + column;
      if (number >= names.length || !kept(number)) continue;
      const [x, y] = toScreen(number);
      ink.fillText(names[number].slice(0, 14), x, y + radius + view.step / 5, view.step * 0.98);
    }
  }
  ink.textAlign = "start";
}

function toScreen(number) {
  const [x, y] = place(number);
  return [(x - view.x) * view.step, (y - view.y) * view.step];
}

function nearest(x, y) {
  const [column, row] = [Math.floor(x / view.step + view.x), Math.floor(y / view.step + view.y)];
  let best = -1;
  let distance = Infinity;
  for (let dy = -1; dy <= 1; dy += 1) {
    for (let dx = -1; dx <= 1; dx += 1) {
      if (column + dx < 0 || column + dx >= columns || row + dy < 0) continue;
      const number = (row + dy) * columns + column + dx;
      if (number >= names.length) continue;
      const [px, py] = toScreen(number);
      const away = Math.hypot(px - x, py - y);
      if (away < distance) [best, distance] = [number, away];
    }
  }
  return distance < Math.max(12, view.step) ? best : -1;
}

// Moving about

function zoom(factor, x = size.width / 2, y = size.height / 2) {
  const [px, py] = [view.x + x / view.step, view.y + y / view.step];
  view.step = Math.max(least(), Math.min(NEAREST, view.step * factor));
  view.x = px - x / view.step;
  view.y = py - y / view.step;
  bound();
}

function pan(dx, dy) {
  view.x += dx / view.step;
  view.y += dy / view.step;
  bound();
}

function goTo(number) {
  const [x, y] = place(number);
  view.step = Math.max(view.step, NEAREST * 0.8);
  view.x = x - size.width / view.step / 2;
  view.y = y - size.height / view.step / 2;
  bound();
  tell(number);
}

function tell(number) {
  spot.textContent = number < 0 ? "" : `${names[number]}, ${states[state[number]]}`;
}

function open(number) { if (number >= 0) location.href = "/bots/" + encodeURIComponent(names[number]); }

const touches = new Map();
let moved = 0;

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  touches.set(event.pointerId, [event.offsetX, event.offsetY]);
  if (touches.size === 1) moved = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const before = touches.get(event.pointerId);
  if (!before) { tell(nearest(event.offsetX, event.offsetY)); return; }
  const here = [event.offsetX, event.offsetY];
  if (touches.size === 2) {
    const other = [...touches].find(([id]) => id !== event.pointerId)[1];
    const ratio = apart(here, other) / Math.max(1, apart(before, other));
    zoom(ratio, (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
  } else pan(before[0] - here[0], before[1] - here[1]);
  moved += apart(before, here);
  touches.set(event.pointerId, here);
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (!touches.delete(event.pointerId) || name === "pointercancel" || moved > 6 || touches.size) return;
    const number = nearest(event.offsetX, event.offsetY);
    if (view.step < 14) zoom(3, event.offsetX, event.offsetY);
    else open(number);
  });
}
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const far = size.width / 8;
  const steps = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (steps[event.key]) pan(...steps[event.key]);
  else if (event.key === "+" || event.key === "=") zoom(1.5);
  else if (event.key === "-") zoom(1 / 1.5);
  else if (event.key === "0") fitAll();
  else if (event.key === "Enter") { open(nearest(size.width / 2, size.height / 2)); return; } else return;
  event.preventDefault();
  if (event.key !== "0") tell(nearest(size.width / 2, size.height / 2));
});
document.getElementById("nearer").addEventListener("click", () => zoom(1.5));
document.getElementById("farther").addEventListener("click", () => zoom(1 / 1.5));

function apart(one, other) { return Math.hypot(one[0] - other[0], one[1] - other[1]); }

// Search, pause, size

function search() {
  const wanted = find.value.trim().replace(/^@/, "").toLowerCase();
  matches = null;
  const items = [];
  if (wanted) {
    matches = new Set();
    names.forEach((name, number) => { if (name.toLowerCase().includes(wanted)) matches.add(number); });
    const first = [...matches].sort((a, b) => names[a].toLowerCase().indexOf(wanted) - names[b].toLowerCase().indexOf(wanted));
    for (const number of first.slice(0, FOUND)) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = "/bots/" + encodeURIComponent(names[number]);
      link.textContent = `${names[number]}, ${states[state[number]]}`;
      link.addEventListener("focus", () => goTo(number));
      item.append(link);
      items.push(item);
    }
    spot.textContent = `${matches.size.toLocaleString("en")} found`;
    if (first.length) {
      const [x, y] = place(first[0]);
      view.x = x - size.width / view.step / 2;
      view.y = y - size.height / view.step / 2;
    }
  } else spot.textContent = "";
  found.replaceChildren(...items);
  bound();
}

find.addEventListener("input", search);
document.getElementById("tools").addEventListener("submit", (event) => {
  event.preventDefault();
  const first = found.querySelector("a");
  if (first) first.focus();
});
still.addEventListener("click", () => {
  isStill = !isStill;
  still.setAttribute("aria-pressed", String(isStill));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; draw(); });
new ResizeObserver(() => {
  const box = canvas.getBoundingClientRect();
  sharp = devicePixelRatio || 1;
  const isFirst = size.width === 1;
  size = { width: box.width, height: box.height };
  dots.width = canvas.width = Math.max(1, Math.round(box.width * sharp));
  dots.height = canvas.height = Math.max(1, Math.round(box.height * sharp));
  under.setTransform(sharp, 0, 0, sharp, 0, 0);
  if (isFirst || view.step <= least()) fitAll();
  else bound();
}).observe(canvas);

// What happens

const read = aloud(document.getElementById("aloud"));
const list = latest(document.getElementById("lines"));
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

async function begin() {
  const answer = await fetch("/field.json", { cache: "no-store" });
  if (answer.ok) take(await answer.json());
}

document.documentElement.classList.add("live");
for (const name of ["tools", "dots", "zoom"]) document.getElementById(name).hidden = false;
await begin().catch(() => {});
connect({
  line: (line) => {
    list.add(line);
    if (isStill || line.outcome === "skipped") return;
    read(line);
    const number = at.get(line.bot);
    if (number === undefined || isCalm.matches || document.hidden) return;
    spoke[number] = performance.now();
    said[number] = line.text;
    shining.delete(number);
    shining.add(number);
    glow();
  },
  dot: (bot) => {
    const number = at.get(bot.name);
    if (number === undefined) { again(); return; }
    const what = states.indexOf(bot.state);
    if (state[number] === what) return;
    const before = colours && dotColour(number);
    state[number] = what;
    if (!colours || before !== dotColour(number)) draw();
  },
  gone: () => again(),
  fresh: take,
  flock: (summary) => {
    const words = Object.entries(summary.states).map(([name, count]) => `${count.toLocaleString("en")} ${name}`);
    document.getElementById("states").textContent = words.join(", ") || "no bots yet";
  },
}, { dots: true });

let timer = 0;

function again() {
  timer ||= setTimeout(async () => {
    await begin().catch(() => {});
    timer = 0;
  }, 1000);
}
