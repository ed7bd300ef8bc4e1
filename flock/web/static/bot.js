// The page of a bot: what it says appears, and is read aloud; all else follows.

import { aloud } from "./aloud.js";
import { freshener } from "./fresh.js";
import { connect } from "./live.js";

const { bot, many } = document.getElementById("head").dataset; // many: the flock is too large to follow each bot of it
const read = aloud(document.getElementById("aloud"));
const soon = freshener();

const follow = (each) => { if (each.name === bot) soon(); };

connect({
  line: (line) => {
    if (line.bot !== bot) return;
    if (line.outcome !== "skipped") read(line);
    soon();
  },
  bot: follow,
  dot: follow,
  fresh: soon,
}, { dots: many !== undefined });
