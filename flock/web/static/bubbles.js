// What is said, above the sheep that say it: a few bubbles at a time, none over another.

const LOOK = 200; // milliseconds in which lines gather, so that the page is measured once for all of them
const YOUNG = 1500; // milliseconds in which a bubble makes no room for another
const GAP = 6; // pixels

export class Bubbles {
  /** `place` returns an element's {x, y, width} in `layer`: where its bubble points to, and how wide the layer is. */
  constructor(layer, most, place) {
    this.layer = layer;
    this.most = most;
    this.place = place;
    this.waiting = new Map(); // name -> line, the latest of each
    this.shown = new Map(); // name -> bubble, the oldest first
    this.timer = 0;
  }

  say(line) {
    this.waiting.delete(line.bot);
    this.waiting.set(line.bot, line);
    this.timer ||= setTimeout(() => requestAnimationFrame(() => this.show()), LOOK);
  }

  clear() {
    this.waiting.clear();
    for (const bubble of this.shown.values()) bubble.element.remove();
    this.shown.clear();
  }

  show() {
    this.timer = 0;
    const lines = [...this.waiting.values()].slice(-this.most);
    this.waiting.clear();
    const made = [];
    for (const line of lines) { // reads of the page first
      const at = this.place(line.bot);
      if (at) made.push({ line, at });
    }
    for (const each of made) { // then writes, then reads once more
      each.element = this.build(each.line);
      this.layer.append(each.element);
    }
    for (const each of made) {
      each.width = each.element.offsetWidth;
      each.height = each.element.offsetHeight;
    }
    for (const each of made) this.settle(each);
  }

  build(line) {
    const element = document.createElement("div");
    element.className = "bubble t" + line.tint;
    const text = document.createElement("p");
    text.dir = line.dir;
    if (line.lang) text.lang = line.lang;
    text.textContent = line.text;
    element.append(text);
    return element;
  }

  settle(bubble) {
    const { at, width, element, line } = bubble;
    bubble.since = performance.now();
    const own = this.shown.get(line.bot);
    if (own) this.leave(own, true);
    if (!this.findRoom(bubble)) {
      element.remove();
      return;
    }
    const tip = Math.max(18, Math.min(at.x - bubble.x, width - 18));
    element.style.setProperty("--tip", `${tip}px`);
    element.style.transform = `translate(${bubble.x}px, ${bubble.y}px)`;
    this.shown.set(line.bot, bubble);
    bubble.timer = setTimeout(() => this.leave(bubble), 4000 + Math.min(line.text.length, 280) * 45);
  }

  /** Finds a place where no young bubble is, and takes older ones away from there; false where there is none. */
  findRoom(bubble) {
    const { at, width, height } = bubble;
    const others = [...this.shown.values()];
    const over = others.slice(0, Math.max(0, others.length + 1 - this.most));
    const isYoung = (other) => bubble.since - other.since < YOUNG;
    if (over.some(isYoung)) return false;
    for (const left of [at.x - width / 2, at.x - width + 28, at.x - 28]) {
      bubble.x = Math.max(GAP, Math.min(left, at.layer - width - GAP));
      bubble.y = Math.max(GAP, at.y - height - GAP * 2);
      const inTheWay = others.filter((other) => overlap(bubble, other));
      if (inTheWay.some(isYoung)) continue;
      for (const other of new Set([...inTheWay, ...over])) this.leave(other);
      return true;
    }
    return false;
  }

  leave(bubble, atOnce = false) {
    clearTimeout(bubble.timer);
    if (this.shown.get(bubble.line.bot) === bubble) this.shown.delete(bubble.line.bot);
    bubble.element.classList.add("leaving");
    if (atOnce) bubble.element.remove();
    else setTimeout(() => bubble.element.remove(), 500);
  }
}

function overlap(one, other) {
  return one.x < other.x + other.width + GAP && other.x < one.x + one.width + GAP
    && one.y < other.y + other.height + GAP && other.y < one.y + one.height + GAP;
}
