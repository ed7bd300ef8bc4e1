// Keeps the parts of a page that have data-live as the server makes them, without a reload.

const GATHER = 300; // milliseconds
const SHARE = 4; // a page is asked for again after so many times as long as it took

/**
 * Returns a function that asks for the page anew, soon: when changes have gathered for `gather` ms, and `rest` ms at least
 * after the time before. `taken` is called when the page's parts are in their places.
 */
export function freshener({ rest = 1000, gather = GATHER, taken = () => {} } = {}) {
  let timer = 0;
  let next = 0;
  let isTaking = false;
  let isBehind = false; // something has changed since the page was asked for

  async function take() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", take, { once: true });
      return;
    }
    const began = performance.now();
    isTaking = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) {
        put(new DOMParser().parseFromString(await answer.text(), "text/html"));
        taken();
      }
    } catch { /* the page is away; live.js goes on trying */ }
    next = performance.now() + Math.max(rest, (performance.now() - began) * SHARE);
    isTaking = false;
    timer = 0;
    if (isBehind) soon();
  }

  function soon() {
    isBehind = isTaking;
    timer ||= setTimeout(take, Math.max(gather, next - performance.now()));
  }

  return soon;
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
