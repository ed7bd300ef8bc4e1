// The field: sheep that speak when a line is said, and change as their bots do.

import { aloud } from "./aloud.js";
import { Bubbles } from "./bubbles.js";
import { latest } from "./latest.js";
import { connect } from "./live.js";

const SPEAKS = 1600; // milliseconds
const flock = document.getElementById("flock");
const meadow = document.getElementById("meadow");
const layer = document.getElementById("bubbles");
const still = document.getElementById("still");
const find = document.getElementById("find");

const sheep = new Map(); // name -> {item, link, svg, how, prop, timer, x, y, height}: the place is that in the meadow
let goneAway = new Map(); // name -> bot: what is to be drawn with the next frame
let isStill = false;

function takeIn() {
  sheep.clear();
  for (const item of flock.children) {
    const svg = item.querySelector(".sheep");
    const each = {
      item, svg, link: item.querySelector("a"), how: item.querySelector(".how"), prop: svg.querySelector(".prop"), timer: 0,
    };
    each.link.title = "";
    sheep.set(item.dataset.name, each);
    each.link.tabIndex = -1;
    if (flock.classList.contains("many")) each.link.title = item.dataset.name;
  }
  const first = flock.querySelector("li a");
  if (first) first.tabIndex = 0;
  measure();
}

let meadowTop = 0; // of the page, in pixels
let meadowWidth = 0;

/** Measures where each sheep stands, all at once: what is said later reads nothing of the layout. */
function measure() {
  const field = meadow.getBoundingClientRect();
  meadowTop = field.top + scrollY;
  meadowWidth = field.width;
  for (const each of sheep.values()) {
    const { item } = each;
    each.x = item.offsetLeft + item.offsetWidth / 2;
    each.y = item.offsetTop;
    each.height = item.offsetHeight;
  }
}

let scrolled = scrollY;

function isInSight(each) {
  const top = meadowTop + each.y - scrolled;
  return !each.item.hidden && top < innerHeight && top + each.height > 0;
}

// Lines

const bubbles = new Bubbles(layer, most(), (name) => {
  const each = sheep.get(name);
  return each && isInSight(each) ? { x: each.x, y: each.y, layer: meadowWidth } : null;
});
const read = aloud(document.getElementById("aloud"));
const list = latest(document.getElementById("lines"));

function most() {
  return innerWidth < 640 ? 3 : 6;
}

function say(line) {
  const each = sheep.get(line.bot);
  list.add(line);
  if (isStill || line.outcome === "skipped") return;
  read(line);
  if (!each || !isInSight(each) || document.hidden) return;
  bubbles.say(line);
  clearTimeout(each.timer);
  each.svg.classList.add("speaks");
  each.timer = setTimeout(() => each.svg.classList.remove("speaks"), SPEAKS);
}

// States

function change(bot) {
  if (!sheep.has(bot.name)) anew();
  else {
    if (!goneAway.size) requestAnimationFrame(redraw);
    goneAway.set(bot.name, bot);
  }
}

function redraw() {
  for (const [name, bot] of goneAway) {
    const each = sheep.get(name);
    if (!each || each.svg.dataset.state === bot.state) continue;
    each.svg.dataset.state = bot.state;
    each.prop.setAttribute("href", "#s-at-" + bot.state.replace(" ", "-"));
    each.how.textContent = bot.state;
  }
  goneAway = new Map();
}

let reading = null;

/** The flock is another one: takes the sheep of a fresh page. */
function anew() {
  reading ||= setTimeout(async () => {
    try {
      const answer = await fetch("/", { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("flock");
      if (!answer.ok || !fresh) { location.reload(); return; }
      flock.className = fresh.className;
      flock.replaceChildren(...document.adoptNode(fresh).children);
      bubbles.clear();
      bubbles.most = most();
      takeIn();
      search();
    } catch { /* the page is away; live.js goes on trying */ }
    reading = null;
  }, 500);
}

// Keys, search, pause

function seen() { return [...sheep.values()].filter((each) => !each.item.hidden); }

function move(event) {
  const all = seen();
  const here = all.findIndex((each) => each.link === document.activeElement);
  if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const top = all[0].item.offsetTop;
  const across = Math.max(1, all.findIndex((each) => Math.abs(each.item.offsetTop - top) > each.item.offsetHeight * 0.7));
  const ahead = document.dir === "rtl" ? -1 : 1;
  const steps = { ArrowLeft: -ahead, ArrowRight: ahead, ArrowUp: -across, ArrowDown: across, Home: -here, End: all.length - 1 - here };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const there = all[Math.max(0, Math.min(all.length - 1, here + steps[event.key]))];
  all[here].link.tabIndex = -1;
  there.link.tabIndex = 0;
  there.link.focus();
}

function search() {
  const wanted = find.value.trim().replace(/^@/, "").toLowerCase();
  for (const [name, each] of sheep) each.item.hidden = !name.toLowerCase().includes(wanted);
  bubbles.clear();
  const all = seen();
  for (const each of sheep.values()) each.link.tabIndex = -1;
  if (all.length) all[0].link.tabIndex = 0;
  measure();
}

flock.addEventListener("keydown", move);
find.addEventListener("input", search);
document.getElementById("tools").addEventListener("submit", (event) => {
  event.preventDefault();
  const first = seen()[0];
  if (first) first.link.focus();
});
still.addEventListener("click", () => {
  isStill = !isStill;
  still.setAttribute("aria-pressed", String(isStill));
  if (isStill) bubbles.clear();
});
addEventListener("scroll", () => { scrolled = scrollY; }, { passive: true });
new ResizeObserver(() => {
  bubbles.clear();
  bubbles.most = most();
  measure();
}).observe(flock);

document.documentElement.classList.add("live");
document.getElementById("tools").hidden = false;
document.getElementById("keys").hidden = false;
takeIn();
connect({
  line: say,
  dot: change,
  gone: anew,
  fresh: anew,
  flock: (summary) => {
    const words = Object.entries(summary.states).map(([state, count]) => `${count.toLocaleString("en")} ${state}`);
    document.getElementById("states").textContent = words.join(", ") || "no bots yet";
  },
}, { dots: true });
