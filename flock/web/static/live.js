// Server-sent events of the flock; see the docstring of flock/web/__init__.py for what each holds.

const PATIENCE = 40_000; // milliseconds without an event, after which the connection is taken for lost: a beat comes each 15 s
const LOOK = 5_000;
const AGAIN = 3_000;

/**
 * Calls the handlers with what happens from now on, for as long as the page is open: {hello, line, bot, gone, flock}
 * get the data of the event of that name; `fresh` gets all anew when too much was missed; `link` gets true and false as
 * the connection comes and goes.
 *
 * With `dots`, events `dot` come in place of `bot`, and `fresh` gets /field.json, not /flock.json: far less to read.
 */
export function connect(handlers, { dots = false } = {}) {
  const everything = dots ? "/field.json" : "/flock.json";
  let run = document.body.dataset.run || "";
  let after = document.body.dataset.after ?? "";
  let source = null;
  let heard = Date.now(); // also goes on while the machine sleeps

  const call = (name, data) => { if (handlers[name]) handlers[name](data); };

  function close() {
    if (source) source.close();
    source = null;
  }

  async function readAnew() {
    close();
    try {
      const answer = await fetch(everything, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      run = found.run;
      after = found.after;
      call("fresh", found);
    } catch {
      setTimeout(readAnew, AGAIN);
      return;
    }
    open();
  }

  function open() {
    heard = Date.now();
    const here = source = new EventSource("/events?" + (dots ? "bots=dots&" : "") + "after=" + encodeURIComponent(after));
    const on = (name, handle) => here.addEventListener(name, (event) => {
      if (here !== source) return;
      heard = Date.now();
      handle(event);
    });
    on("open", () => call("link", true));
    on("error", () => {
      call("link", false);
      if (here.readyState === EventSource.CLOSED) setTimeout(() => { if (here === source) readAnew(); }, AGAIN);
    });
    on("hello", (event) => {
      const data = JSON.parse(event.data);
      if (data.run !== run) readAnew();
      else { call("hello", data); call("flock", data.flock); }
    });
    on("reset", readAnew);
    on("beat", () => {});
    for (const name of ["line", "bot", "dot", "gone", "flock"]) {
      on(name, (event) => {
        if (event.lastEventId) after = event.lastEventId;
        call(name, JSON.parse(event.data));
      });
    }
  }

  /** Connects anew where nothing came for too long: a connection of before the machine slept never ends by itself. */
  function watch() {
    if (!source || Date.now() - heard < PATIENCE) return;
    call("link", false);
    close();
    open();
  }

  open();
  setInterval(watch, LOOK);
  addEventListener("online", watch);
  document.addEventListener("visibilitychange", watch);
}
