"""A large flock when things go wrong: all sheep are late at once, the network is away, or it does not answer.

    .venv/bin/python benchmarks/hardship.py --sheep 10000 --interval 30
    .venv/bin/python benchmarks/hardship.py --only stopped
    .venv/bin/python benchmarks/hardship.py --tiny      a few seconds, for function only

Each hardship comes twice: first to see how the flock gets through it and back to its pace, then to send SIGTERM
in the middle. Exits with 1 when a flock ended badly.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import simplejson as json

from benchmarks import gauges
from benchmarks.gauges import Machine
from benchmarks.ground import START_TIMEOUT, Failed, Ground, Program, ground
from benchmarks.posts import half_way

HARDSHIPS = {
    "stopped": "the flock's process is stopped (SIGSTOP) and continued, so that all sheep are late at once",
    "refused": "the server is gone, and connections are refused",
    "silent": "the server is stopped (SIGSTOP), and answers nothing",
}
AT_ITS_PACE = 0.9  # of the posts that are due
_HEAD = (
    f"{'':<10}{'posts/s':>9}{'cores':>7}{'MB':>7}{'after it, posts/s':>20}{'at its pace after s':>21}"
    f"{'MB':>7}{'stop s':>8}{'exit':>6}{'half-way':>10}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """So many sheep; in seconds their interval, how long a hardship lasts, and in how long a pace is taken."""

    sheep: int
    interval: float
    seconds: float
    window: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a flock got through a hardship; rates are in posts a second, `cores` in CPU seconds a second.

    `pace_seconds` is None when the flock was not back at its pace in the time that it was given.
    """

    hardship: str
    rate_before: float
    cores: float
    rss_mb: float
    rate_after: float
    pace_seconds: float | None
    rss_mb_after: float
    stop_seconds: float
    exit_code: int
    half_way: int

    def __str__(self) -> str:
        pace = "-" if self.pace_seconds is None else f"{self.pace_seconds:.0f}"
        return (
            f"{self.hardship:<10}{self.rate_before:>9.1f}{self.cores:>7.2f}{self.rss_mb:>7.0f}"
            f"{self.rate_after:>20.1f}{pace:>21}{self.rss_mb_after:>7.0f}"
            f"{self.stop_seconds:>8.1f}{self.exit_code:>6}{self.half_way:>10}"
        )


class World:
    """A flock and its server, and what may befall them. Use it as a context manager."""

    def __init__(self, land: Ground, asked: Asked) -> None:
        self._land = land
        self._serving = ExitStack()
        self._running = ExitStack()
        self._server = self._serving.enter_context(land.server())
        self._url = self._server.url
        self.flock: Program = self._running.enter_context(
            land.program("flock", sheep=asked.sheep, interval=asked.interval, url=self._url)
        )

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self._serving.close()

    def begin(self, hardship: str) -> None:
        """Let it come."""
        if hardship == "stopped":
            os.kill(self.flock.pid, signal.SIGSTOP)
        elif hardship == "silent":
            os.kill(self._server.pid, signal.SIGSTOP)
        else:
            self._serving.close()

    def end(self, hardship: str) -> None:
        """Let it pass."""
        if hardship == "stopped":
            os.kill(self.flock.pid, signal.SIGCONT)
        elif hardship == "silent":
            os.kill(self._server.pid, signal.SIGCONT)
        else:
            port = int(self._url.rpartition(":")[2])
            self._server = self._serving.enter_context(self._land.server(port=port))


def go_through(land: Ground, asked: Asked, hardship: str) -> Seen:
    """Let a flock go through it. Raises Failed if the flock ends by itself or never gets going."""
    with World(land, asked) as world:
        flock = world.flock
        if flock.wait_until_out(asked.sheep, asked.interval) is None:
            raise Failed("not every sheep has spoken")
        before = _rate(flock, max(asked.window, asked.interval))
        cpu = gauges.cpu_seconds(flock.pid)
        world.begin(hardship)
        flock.live_on(asked.seconds)
        cores, most = (gauges.cpu_seconds(flock.pid) - cpu) / asked.seconds, gauges.rss_mb(flock.pid)
        flock.said()
        world.end(hardship)
        after, back = _recover(flock, asked)
        rss_after = gauges.rss_mb(flock.pid)
        world.begin(hardship)
        flock.live_on(min(20.0, asked.seconds))
        if hardship == "stopped":  # a stopped process does not take SIGTERM
            world.end(hardship)
        stop, code = flock.stop()
        return Seen(
            hardship=hardship,
            rate_before=before,
            cores=cores,
            rss_mb=most,
            rate_after=after,
            pace_seconds=back,
            rss_mb_after=rss_after,
            stop_seconds=stop,
            exit_code=code,
            half_way=half_way(flock.state),
        )


def _rate(flock: Program, seconds: float) -> float:
    flock.said()
    flock.live_on(seconds)
    return len(flock.said()) / seconds


def _recover(flock: Program, asked: Asked) -> tuple[float, float | None]:
    """Return the posts a second just after a hardship, and after how many seconds the flock was at its pace."""
    enough = AT_ITS_PACE * asked.sheep / asked.interval
    rates: list[float] = []
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < START_TIMEOUT:
        if rates and rates[-1] >= enough:
            return rates[0], elapsed
        rates.append(_rate(flock, asked.window))
    return rates[0], None


def wanted() -> tuple[Asked, list[str], Path | None]:
    """Return what the command line asks for: the flock, its hardships, and where to keep the numbers."""
    what = "; ".join(f"{name}: {what}" for name, what in HARDSHIPS.items())
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], epilog=what)
    parser.add_argument("--sheep", type=int, default=10_000, metavar="N", help="(10000)")
    parser.add_argument("--interval", type=float, default=30.0, metavar="S", help="between two lines (30)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="that a hardship lasts (60)")
    parser.add_argument("--only", choices=list(HARDSHIPS), action="append", help="this one; may come twice")
    parser.add_argument("--tiny", action="store_true", help="five sheep, a second of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers there")
    given = parser.parse_args()
    asked = Asked(sheep=given.sheep, interval=given.interval, seconds=given.seconds)
    if given.tiny:
        asked = Asked(sheep=5, interval=0.25, seconds=1.0, window=1.0)
    return asked, given.only or list(HARDSHIPS), given.json


def main() -> int:
    """Let each hardship come, tell, and return the exit code."""
    asked, hardships, file = wanted()
    seen: list[Seen] = []
    try:
        with ground() as land:
            print(_HEAD, flush=True)
            for hardship in hardships:
                seen.append(go_through(land, asked, hardship))
                print(seen[-1], flush=True)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(Machine.this())
    if file:
        file.write_text(json.dumps([asdict(each) for each in seen], indent=2) + "\n")
    return 1 if any(each.exit_code for each in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
