// The page of a bot: what it says appears, and is read aloud; all else follows.

import { aloud } from "./aloud.js";
import { freshener } from "./fresh.js";
import { connect } from "./live.js";

const { bot } = document.getElementById("head").dataset;
const read = aloud(document.getElementById("aloud"));
const soon = freshener();

connect({
  line: (line) => {
    if (line.bot !== bot) return;
    if (line.outcome !== "skipped") read(line);
    soon();
  },
  bot: (each) => { if (each.name === bot) soon(); },
  fresh: soon,
});
