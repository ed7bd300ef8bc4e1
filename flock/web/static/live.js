// Server-sent events of the flock; see the docstring of flock/web/__init__.py for what each holds.

/**
 * Calls the handlers with what happens from now on, for as long as the page is open: {hello, line, bot, gone, flock}
 * get the data of the event of that name; `fresh` gets /flock.json when everything is to be read anew; `link` gets
 * true and false as the connection comes and goes.
 */
export function connect(handlers) {
  let run = document.body.dataset.run || "";
  let after = document.body.dataset.after ?? "";
  let source = null;

  const call = (name, data) => { if (handlers[name]) handlers[name](data); };

  async function readAnew() {
    if (source) source.close();
    source = null;
    try {
      const answer = await fetch("/flock.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      run = found.run;
      after = found.after;
      call("fresh", found);
    } catch {
      setTimeout(readAnew, 3000);
      return;
    }
    open();
  }

  function open() {
    source = new EventSource("/events?after=" + encodeURIComponent(after));
    source.addEventListener("open", () => call("link", true));
    source.addEventListener("error", () => {
      call("link", false);
      if (source && source.readyState === EventSource.CLOSED) setTimeout(readAnew, 3000);
    });
    source.addEventListener("hello", (event) => {
      const data = JSON.parse(event.data);
      if (data.run !== run) readAnew();
      else { call("hello", data); call("flock", data.flock); }
    });
    source.addEventListener("reset", readAnew);
    for (const name of ["line", "bot", "gone", "flock"]) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) after = event.lastEventId;
        call(name, JSON.parse(event.data));
      });
    }
  }

  open();
}
