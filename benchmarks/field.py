"""How smooth the field is: frames in headless Chromium's tracing while sheep speak, and how soon a line is seen.

    python benchmarks/field.py [--sheep 10 1000 10000] [--seconds 20] [--interval 30] [--json FILE]
    python benchmarks/field.py --tiny

The journal is written as a flock writes it, without a flock; `flock web` serves the page in a process of its own.
Chromium draws in software here, on the same cores: a graphics card is faster. Needs the packages of
`.ci/chromium`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import websocket
from selenium.webdriver import Chrome

sys.path.insert(0, str(Path(__file__).parents[1]))

from flock.journal import WELL, Outcome, Place, Settlement, SqliteJournal
from tests.chromium import chromium

SCREEN = (1280, 800)  # pixels
FRAMES = "disabled-by-default-devtools.timeline.frame"  # the category of Chromium's tracing
RATE = 60.0  # frames a second of Chromium's
SETTLE = 5.0  # seconds between the page and the measurement
_ARRIVALS = """
window.arrived = [];
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, heard) {
  return listen.call(this, name, name !== "line" ? heard : (event) => {
    window.arrived.push([JSON.parse(event.data).text, Date.now() / 1000]);
    return heard(event);
  });
};
"""
_WATCH = """
const done = arguments[arguments.length - 1], seen = [];
const layer = document.getElementById("bubbles");
const watch = new MutationObserver((changes) => {
  const added = changes.flatMap((change) => [...change.addedNodes]);
  for (const node of added) seen.push([node.textContent, Date.now() / 1000]);
});
if (layer) watch.observe(layer, { childList: true });
window.arrived.length = 0;
setTimeout(() => done(layer ? seen : window.arrived), arguments[0] * 1000);
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured. Times are in milliseconds, but for `load_s`.

    A line is seen when its bubble is there; where bots are dots, when it has arrived: its dot shines with the next
    frame. Frames are those of `frames_of` in which something moves; between two bubbles nothing does.
    """

    sheep: int
    lines_a_second: float
    load_s: float
    moving: int
    frames_a_second: float  # of the moving ones
    dropped: int
    dropped_in_a_row: int
    late: int  # what moves by itself moved on, and what the page changed came a frame later
    main_thread: float  # CPU seconds a second: other programs do not count
    browser: float  # the same, of all processes of Chromium
    seen: int
    seen_p50: float
    seen_max: float


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheep", type=int, nargs="+", default=[10, 1000, 10_000])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between two lines of a sheep")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tiny", action="store_true", help="see that it works")
    chosen = parser.parse_args()
    if chosen.tiny:
        chosen.sheep, chosen.seconds, chosen.interval = [5], 2.0, 2.0
    results = []
    print(" sheep  lines/s  load s  moving  frames/s  dropped  in a row  late", end="")
    print("  main thread  browser  seen after ms p50  max")
    for sheep in chosen.sheep:
        result = measure(sheep, chosen.seconds, chosen.interval)
        results.append(result)
        print(
            f"{result.sheep:6,}  {result.lines_a_second:7.1f}  {result.load_s:6.2f}  {result.moving:6}"
            f"  {result.frames_a_second:8.1f}  {result.dropped:7}  {result.dropped_in_a_row:8}  {result.late:4}"
            f"  {result.main_thread:11.0%}  {result.browser:7.0%}"
            f"  {result.seen_p50:17.0f}  {result.seen_max:3.0f}",
            flush=True,
        )
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")


def measure(sheep: int, seconds: float, interval: float) -> Result:
    """Show a flock of so many sheep, each of which speaks once in `interval` seconds."""
    names = [f"bot{number:05}" for number in range(sheep)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_keys(folder / "keys", names)
        journal = SqliteJournal(folder / "flock.db", keep=1e9)
        with closing(journal):
            speakers = Speakers(journal, names, interval)
            with serving(folder) as url, chromium(folder / "chromium", SCREEN) as browser:
                browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _ARRIVALS})
                begun = time.monotonic()
                browser.get(url)
                load = time.monotonic() - begun
                with speakers.speaking():
                    time.sleep(SETTLE)
                    before = speakers.count
                    busy, whole = busy_seconds(browser), cpu_seconds(browser)
                    trace, seen = watch(browser, seconds)
                    busy, whole = busy_seconds(browser) - busy, cpu_seconds(browser) - whole
                    lines = speakers.count - before
    late = [1000 * (at - speakers.said[text]) for text, at in seen if text in speakers.said] or [float("nan")]
    moving = [frame for frame in frames_of(trace) if frame.moves]
    dropped = [not frame.shown for frame in moving]
    return Result(
        sheep=sheep,
        lines_a_second=lines / seconds,
        load_s=load,
        moving=len(moving),
        frames_a_second=RATE * (1 - sum(dropped) / max(1, len(moving))),
        dropped=sum(dropped),
        dropped_in_a_row=max((len(list(row)) for is_dropped, row in groupby(dropped) if is_dropped), default=0),
        late=sum(frame.late for frame in moving),
        main_thread=busy / seconds,
        browser=whole / seconds,
        seen=len(late),
        seen_p50=float(np.percentile(late, 50)),
        seen_max=max(late),
    )


class Frame(NamedTuple):
    """A sixtieth of a second of the page, as Chromium has reported it."""

    moves: bool
    shown: bool
    late: bool


def frames_of(trace: Sequence[dict[str, Any]]) -> list[Frame]:
    """Return the frames in which Chromium wanted to draw. One or two `PipelineReporter` events tell of each."""
    reports: dict[int, list[dict[str, Any]]] = {}
    for event in trace:
        report = event["args"].get("frame_reporter")
        if report and report["state"] != "STATE_NO_UPDATE_DESIRED":
            reports.setdefault(report["frame_sequence"], []).append(report)
    return [
        Frame(
            moves=any(each["has_compositor_animation"] or each["has_main_animation"] for each in of_frame),
            shown=any(each["state"].startswith("STATE_PRESENTED") for each in of_frame),
            late=any(each["state"] == "STATE_PRESENTED_PARTIAL" for each in of_frame),
        )
        for _, of_frame in sorted(reports.items())
    ]


def write_keys(folder: Path, names: Sequence[str]) -> None:
    """Write a key for each name, all with one poem."""
    folder.mkdir()
    folder.joinpath("poem.txt").write_text("baa\n" * 30, encoding="utf-8")
    for number, name in enumerate(names):
        made_up = ("consumer_token", "consumer_token_secret", "oauth_token_secret")
        key = {"screen_name": name, "poem_file": "poem.txt", "oauth_token": f"{number + 1}-x"}
        text = json.dumps(key | dict.fromkeys(made_up, "x"))
        folder.joinpath(f"{name}.json").write_text(text, encoding="utf-8")


class Speakers:
    """Bots that speak: the journal has what they say. `said` is when each text was written, in wall-clock time."""

    def __init__(self, journal: SqliteJournal, names: Sequence[str], interval: float) -> None:
        self._journal = journal
        self._names = names
        self._pause = interval / len(names)
        self._stop = threading.Event()
        self.said: dict[str, float] = {}
        self.count = 0
        journal.claim([f"x:{name}" for name in names])
        for name in names:
            journal.keep(f"x:{name}", Place(due=time.time() + 3600), WELL)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Let them speak in a thread."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            name = self._names[(self.count * 7919) % len(self._names)]
            n, now = self.count // len(self._names), time.time()
            text = f"line {self.count} of all, which is about as long as lines of poems are"
            self._journal.intend(f"x:{name}", Place(n=n, intended=now), text)
            self._journal.settle(
                f"x:{name}", Settlement(n, 0, Outcome.SAID, now, "1"), Place(n=n + 1, due=now + 3600)
            )
            self.said[text] = now
            self.count += 1
            due = max(due + self._pause, time.monotonic())


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the page in a process of its own; yields its address."""
    command = [sys.executable, "-m", "flock", "web", str(folder / "keys"), "--web", "0"]
    command += ["--state", str(folder / "flock.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def busy_seconds(browser: Chrome) -> float:
    """Return the CPU time that the main thread of the page has taken."""
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def cpu_seconds(browser: Chrome) -> float:
    """Return the CPU time that all processes of the browser have taken."""
    wanted = {browser.service.process.pid}
    total = 0.0
    for file in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda file: int(file.parent.name)):
        with suppress(OSError):  # it has ended
            fields = file.read_text("ascii", "replace").rpartition(")")[2].split()
            if int(fields[1]) in wanted:
                wanted.add(int(file.parent.name))
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def watch(browser: Chrome, seconds: float) -> tuple[list[dict[str, Any]], list[tuple[str, float]]]:
    """Return Chromium's trace of the frames of so many seconds, and what was seen, and when."""
    browser.set_script_timeout(seconds + 120)
    with tracing(browser) as trace:
        seen = browser.execute_async_script(_WATCH, seconds)
    return trace, [(text, at) for text, at in seen]


@contextmanager
def tracing(browser: Chrome) -> Iterator[list[dict[str, Any]]]:
    """Trace the frames; the list has the events when the context ends."""
    address = browser.capabilities["goog:chromeOptions"]["debuggerAddress"]
    with urllib.request.urlopen(f"http://{address}/json/version") as answer:
        url = json.load(answer)["webSocketDebuggerUrl"]
    events: list[dict[str, Any]] = []
    with closing(websocket.create_connection(url, timeout=120, suppress_origin=True)) as devtools:
        config = {"includedCategories": [FRAMES], "excludedCategories": ["*"]}
        devtools.send(json.dumps({"id": 1, "method": "Tracing.start", "params": {"traceConfig": config}}))
        devtools.recv()
        yield events
        devtools.send(json.dumps({"id": 2, "method": "Tracing.end"}))
        while (message := json.loads(devtools.recv())).get("method") != "Tracing.tracingComplete":
            if message.get("method") == "Tracing.dataCollected":
                events += message["params"]["value"]
        assert not message["params"]["dataLossOccurred"]


if __name__ == "__main__":
    main()
