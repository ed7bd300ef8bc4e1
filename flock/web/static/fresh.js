// Keeps the parts of a page that have data-live as the server makes them, without a reload.

const PAUSE = 300; // milliseconds in which changes gather
const SHARE = 4; // a page is asked for again after so many times as long as it took

/** Returns a function that asks for the page anew, soon; `rest` is the least pause between two times, in ms. */
export function freshener(rest = 1000) {
  let timer = 0;
  let next = 0;

  async function take() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", take, { once: true });
      return;
    }
    const began = performance.now();
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the page is away; live.js goes on trying */ }
    next = performance.now() + Math.max(rest, (performance.now() - began) * SHARE);
    timer = 0;
  }

  return () => {
    timer ||= setTimeout(take, Math.max(PAUSE, next - performance.now()));
  };
}

function put(page) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const opened = [...part.querySelectorAll("details[open]")].map((each) => each.id);
    part.replaceChildren(...document.adoptNode(fresh).childNodes);
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focused) find(part, focused)?.focus({ preventScroll: true });
  }
}

/** Returns the element of the fresh part that stands for one of before. */
function find(part, before) {
  if (before.id) return document.getElementById(before.id);
  const href = before.getAttribute("href");
  return href ? part.querySelector(`a[href="${CSS.escape(href)}"]`) : null;
}
