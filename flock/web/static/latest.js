// The list of what was said last. It is written once a second, however much is said.

const MOST = 12;
const PAUSE = 1000; // milliseconds

/** Returns {add(line)} for a list, the newest first. */
export function latest(list) {
  let lines = [];
  let timer = 0;

  function write() {
    timer = 0;
    list.prepend(...lines.reverse().map(entry));
    lines = [];
    while (list.children.length > MOST) list.lastElementChild.remove();
  }

  return {
    add(line) {
      lines.push(line);
      if (lines.length > MOST) lines.shift();
      timer ||= setTimeout(write, PAUSE);
    },
  };
}

function entry(line) {
  const item = document.createElement("li");
  item.className = "t" + line.tint;
  const text = document.createElement("p");
  text.dir = line.dir;
  if (line.lang) text.lang = line.lang;
  text.textContent = line.text;
  const name = document.createElement("a");
  name.href = line.path;
  name.textContent = line.bot;
  item.append(text, " ", name);
  return item;
}
