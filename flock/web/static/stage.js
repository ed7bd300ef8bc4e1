// The stage: one line at a time. After a break it goes on with the latest line, not with all that was missed.

import { aloud } from "./aloud.js";
import { connect } from "./live.js";

const BEFORE = 3; // lines below the one that is said
const [LEAST, MOST] = [2500, 9000]; // milliseconds for which a line stands, at least; longer ones stand longer
const [SMALLEST, LARGEST] = [3, 19]; // sizes of the letters, in hundredths of the lesser side of the screen
const WHOLE_WORDS = 6; // the size from which on words are left whole, in the same unit
const stage = document.getElementById("stage");
const now = document.getElementById("now");
const before = document.getElementById("before");
const only = new URLSearchParams(location.search).getAll("bot").map((name) => name.toLowerCase());
const read = aloud(document.getElementById("aloud"));

let waiting = null; // the latest line that has not been shown
let shownAt = -Infinity;
let stands = 0;
let timer = 0;
let isPaused = false;

function say(line) {
  if (line.outcome === "skipped" || (only.length && !only.includes(line.bot.toLowerCase()))) return;
  waiting = line;
  schedule();
}

function schedule() {
  if (timer || isPaused || !waiting) return;
  timer = setTimeout(() => {
    timer = 0;
    if (isPaused || !waiting) return;
    show(waiting);
    waiting = null;
  }, Math.max(0, shownAt + stands - performance.now()));
}

function show(line) {
  const quote = now.querySelector("blockquote");
  remember(quote);
  now.className = "now";
  write(quote, line);
  now.querySelector("figcaption").textContent = line.bot;
  now.classList.add("t" + line.tint);
  fit();
  requestAnimationFrame(() => now.classList.add("comes"));
  shownAt = performance.now();
  stands = Math.min(MOST, LEAST + [...line.text].length * 40);
  read(line);
}

function write(element, line) {
  element.dir = line.dir;
  element.lang = line.lang;
  element.textContent = line.text;
}

/** The line that stands there goes below. */
function remember(quote) {
  const tint = [...now.classList].find((name) => /^t\d+$/.test(name));
  if (!tint) return; // nothing was said yet
  const item = document.createElement("li");
  item.className = tint;
  write(item, { dir: quote.dir, lang: quote.lang, text: quote.textContent });
  before.prepend(item);
  while (before.children.length > BEFORE) before.lastElementChild.remove();
}

/** Makes the line as large as it fits, and breaks words only where it would be small otherwise. */
function fit() {
  const quote = now.querySelector("blockquote");
  const unit = Math.min(innerWidth, innerHeight) / 100;
  quote.style.overflowWrap = "normal";
  if (search(quote, SMALLEST * unit, LARGEST * unit) >= WHOLE_WORDS * unit) return;
  quote.style.overflowWrap = "anywhere";
  search(quote, SMALLEST * unit, LARGEST * unit);
}

function search(quote, smallest, largest) {
  let [low, high] = [smallest, largest];
  while (high - low > 1) {
    const middle = (low + high) / 2;
    quote.style.setProperty("--fit", `${middle}px`);
    if (fits(quote)) low = middle;
    else high = middle;
  }
  quote.style.setProperty("--fit", `${low}px`);
  return low;
}

function fits(quote) {
  return now.scrollHeight <= now.clientHeight && quote.scrollWidth <= quote.clientWidth
    && quote.scrollHeight <= quote.clientHeight + 1;
}

// Full screen, a screen that stays on, a pointer that goes away

async function fill() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen?.().catch(() => {});
}

async function stayOn() {
  if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => {});
}

let pointer = 0;

function rest() {
  stage.classList.remove("idle");
  clearTimeout(pointer);
  pointer = setTimeout(() => stage.classList.add("idle"), 3000);
}

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("a")) return;
  if (event.key === " ") {
    event.preventDefault();
    isPaused = !isPaused;
    if (!isPaused) schedule();
  } else if (["Enter", "f", "F"].includes(event.key)) fill();
  else if (event.key === "Escape" && !document.fullscreenElement) location.href = "/";
});
stage.addEventListener("click", fill);
addEventListener("pointermove", rest);
addEventListener("resize", fit);
document.addEventListener("visibilitychange", stayOn);

rest();
fit();
stayOn();
connect({
  line: say,
  fresh: (found) => { for (const line of found.lines) say(line); },
}, { dots: true });
