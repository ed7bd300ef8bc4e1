// Reads lines to a screen reader: at a rate that can be borne, the latest first, and none twice.

const PAUSE = 7000; // milliseconds between two lines

/** Returns a function that is given lines; `region` is an element with aria-live. */
export function aloud(region) {
  let next = null;
  let timer = 0;

  function read() {
    timer = 0;
    if (!next) return;
    const said = document.createElement("span");
    said.dir = next.dir;
    if (next.lang) said.lang = next.lang;
    said.textContent = next.text;
    region.replaceChildren(next.bot + ": ", said);
    next = null;
    timer = setTimeout(read, PAUSE);
  }

  return (line) => {
    next = line;
    if (!timer) read();
  };
}
