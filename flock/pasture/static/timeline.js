// Fetches the page again each second, and takes over what has been said since. Nothing else of the page changes.
import { aloud } from "./aloud.js";

const PAUSE = 1000; // milliseconds
const NEAR = 120; // pixels from the end of the page

const list = document.getElementById("lines");
const none = document.getElementById("none");
const read = aloud(document.getElementById("aloud"));
const isOldestFirst = new URLSearchParams(location.search).get("order") === "oldest";
let tag = "";

function take(wanted) {
  const ids = new Set(wanted.map((item) => item.id));
  for (const item of [...list.children]) if (!ids.has(item.id)) item.remove();
  const added = [];
  let at = list.firstElementChild;
  for (const item of wanted) {
    if (at && at.id === item.id) {
      at = at.nextElementSibling;
    } else {
      list.insertBefore(item, at);
      added.push(item);
    }
  }
  none.hidden = wanted.length > 0;
  return isOldestFirst ? added : added.reverse();
}

function say(item) {
  const text = item.querySelector(".text");
  read({ bot: item.querySelector(".by a").textContent, text: text.textContent, dir: text.dir, lang: text.lang });
}

async function look() {
  try {
    const answer = document.hidden ? null : await fetch(location.href, { cache: "no-store", headers: { "If-None-Match": tag } });
    if (answer && answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("lines");
      const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - NEAR;
      tag = answer.headers.get("ETag") ?? "";
      const added = take([...fresh.children]);
      added.forEach(say);
      if (isOldestFirst && added.length && isAtEnd) scrollTo(0, document.documentElement.scrollHeight);
    }
  } catch {
    // the pasture is away; it may come again
  }
  setTimeout(look, PAUSE);
}

look();
