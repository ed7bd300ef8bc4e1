// The table of the flock: what is said appears in it at once, and what else has changed soon.

import { freshener } from "./fresh.js";
import { connect } from "./live.js";

const KEPT = 1000; // milliseconds for which the server keeps a table for all readers
const table = document.getElementById("table");
const latest = new Map(); // name -> the line that its bot said last, until the server's table has it
const soon = freshener({ rest: 3000, gather: KEPT + 200, taken: () => latest.forEach(showAgain) });

function say(line) {
  soon();
  if (line.outcome === "skipped") return;
  latest.set(line.bot, line);
  show(cellOf(line), line);
}

function showAgain(line) {
  const cell = cellOf(line);
  const time = cell?.querySelector("time");
  if (cell && !(time && Date.parse(time.dateTime) > Date.parse(line.at) - 1000)) show(cell, line); // the table tells seconds
  else latest.delete(line.bot);
}

function cellOf(line) {
  return table.querySelector(`tr[data-name="${CSS.escape(line.bot)}"] .last-line`);
}

function show(cell, line) {
  if (!cell) return;
  const text = document.createElement("span");
  text.className = "text";
  text.dir = line.dir;
  if (line.lang) text.lang = line.lang;
  text.textContent = line.text;
  const time = document.createElement("time");
  time.dateTime = line.at;
  time.textContent = "now";
  cell.replaceChildren(text, " ", time);
}

connect({ line: say, dot: soon, gone: soon, fresh: soon, flock: soon }, { dots: true });
