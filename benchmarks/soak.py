"""A flock for twenty minutes: what grows, and whether it keeps its time.

    .venv/bin/python benchmarks/soak.py --sheep 1000 --interval 10 --minutes 20
    .venv/bin/python benchmarks/soak.py --tiny      a few seconds, for function only

Prints a line a minute, from the moment when all sheep are out, and at the end a verdict on each claim. Exits with
1 when the flock ended badly; the verdicts are for people to judge.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import simplejson as json

from benchmarks import gauges
from benchmarks.gauges import Disk, Machine
from benchmarks.ground import Failed, Program, ground
from benchmarks.posts import half_way, lateness, percentile

SETTLED, COMPARED = 5, 10  # minutes: flat since the one, and as punctual in the other as in the first
PUNCTUAL = 250.0  # ms that the 99th percentile of lateness stays under
SHAKE = 5.0  # ms by which two minutes' lateness may differ for no fault of the flock
FRUGAL = 2.0  # ms of CPU that a post takes at most, over all minutes
FLAT = 0.02  # of the mean: what may be gained from minute five to the end
HEAD = (
    f"{'minute':>6}{'MB':>8}{'threads':>9}{'files':>7}{'journal MB':>12}{'posts':>8}{'ms CPU/post':>14}"
    f"{'late: p50':>12}{'p99':>8}{'max ms':>8}{'disk: max ms':>14}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The soak that was asked for: so many minutes, of `minute` seconds each."""

    sheep: int
    interval: float
    minutes: int
    keep_history: str
    minute: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A minute (from 1), and what there was at its end.

    Lateness, in ms, is of (posted - due) in that minute, in which the disk took up to `disk_max_ms` for a flush.
    """

    minute: int
    rss_mb: float
    threads: int
    open_files: int
    journal_mb: float
    posts: int
    cpu_ms_per_post: float | None
    late_p50_ms: float | None
    late_p99_ms: float | None
    late_max_ms: float | None
    disk_max_ms: float

    def __str__(self) -> str:
        late = (self.late_p50_ms, self.late_p99_ms, self.late_max_ms)
        p50, p99, most = ("-" if value is None else f"{value:.1f}" for value in late)
        cpu = "-" if self.cpu_ms_per_post is None else f"{self.cpu_ms_per_post:.2f}"
        return (
            f"{self.minute:>6}{self.rss_mb:>8.1f}{self.threads:>9}{self.open_files:>7}{self.journal_mb:>12.2f}"
            f"{self.posts:>8}{cpu:>14}{p50:>12}{p99:>8}{most:>8}{self.disk_max_ms:>14.1f}"
        )


def watch(program: Program, disk: Disk, asked: Asked) -> Iterator[Sample]:
    """Yield a sample at the end of each minute. Raises Failed when the flock ends by itself."""
    program.said()
    out, since, cpu_before = time.monotonic(), time.time(), gauges.cpu_seconds(program.pid)
    for minute in range(1, asked.minutes + 1):
        program.live_on(out + minute * asked.minute - time.monotonic())
        now, cpu = time.time(), gauges.cpu_seconds(program.pid)
        posts = program.said()
        late = lateness(posts, program.state, since)
        yield Sample(
            minute=minute,
            rss_mb=gauges.rss_mb(program.pid),
            threads=gauges.threads(program.pid),
            open_files=gauges.open_files(program.pid),
            journal_mb=gauges.journal_mb(program.state),
            posts=len(posts),
            cpu_ms_per_post=(cpu - cpu_before) / len(posts) * 1000 if posts else None,
            late_p50_ms=percentile(late, 50),
            late_p99_ms=percentile(late, 99),
            late_max_ms=percentile(late, 100),
            disk_max_ms=disk.slowest_ms(),
        )
        since, cpu_before = now, cpu


CLAIMS: dict[str, Callable[[Sample], float]] = {
    "memory, MB": lambda sample: sample.rss_mb,
    "threads": lambda sample: sample.threads,
    "open files": lambda sample: sample.open_files,
    "journal, MB": lambda sample: sample.journal_mb,
}


def verdicts(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield a line for each claim."""
    settled = [sample for sample in samples if sample.minute >= SETTLED]
    for name, gauge in CLAIMS.items():
        yield f"{name:<12} {flatness([gauge(sample) for sample in settled])}"
    yield f"{'lateness':<12} {punctuality(samples)}"
    yield f"{'lateness':<12} {constancy(samples)}"
    yield f"{'CPU':<12} {frugality(samples)}"


def flatness(values: Sequence[float]) -> str:
    """Return whether a value a minute is flat, its growth an hour by least squares, and its largest over least.

    It is flat when from the first to the last it gained no more than FLAT, or no more than its scatter explains:
    two standard errors of the growth.
    """
    if len(values) < 3:
        return f"too short to tell: flat is since minute {SETTLED}"
    minutes = range(len(values))
    growth, start = statistics.linear_regression(minutes, values)
    strays = sum((value - start - growth * minute) ** 2 for minute, value in enumerate(values))
    spread = statistics.pvariance(minutes) * len(values)
    error = math.sqrt(strays / (len(values) - 2) / spread)
    allowed = max(FLAT * statistics.fmean(values) / (len(values) - 1), 2 * error)
    word = "flat" if growth <= allowed else "GROWS"
    ratio = f"{max(values) / min(values):.3f}" if min(values) else "endless"
    return f"{word} since minute {SETTLED}: {growth * 60:+.2f} an hour, largest/least {ratio}"


def punctuality(samples: Sequence[Sample]) -> str:
    """Return whether the 99th percentile stayed under its bound in every minute."""
    worst = max(samples, key=lambda sample: sample.late_p99_ms or 0.0)
    late = worst.late_p99_ms or 0.0
    word = "stays under" if late < PUNCTUAL else "EXCEEDS"
    return f"p99 {word} {PUNCTUAL:g} ms: {late:.1f} ms at most, in minute {worst.minute}{_excuse(worst)}"


def constancy(samples: Sequence[Sample]) -> str:
    """Return whether the tenth minute was as punctual as the first."""
    first, later = samples[0], samples[min(COMPARED, len(samples)) - 1]
    if first.late_p99_ms is None or later.late_p99_ms is None or first is later:
        return "too little said to tell"
    word = "no worse" if later.late_p99_ms <= first.late_p99_ms + SHAKE else "WORSE"
    return (
        f"p99 is {word} in minute {later.minute} than in the first ({SHAKE:g} ms do not count): "
        f"{first.late_p99_ms:.1f} ms then{_excuse(first)}, {later.late_p99_ms:.1f} ms now{_excuse(later)}"
    )


def _excuse(minute: Sample) -> str:
    """Return what the disk did in a minute in which it was slower than the flock."""
    slower = minute.disk_max_ms > (minute.late_p99_ms or 0.0)
    return f" when the disk took {minute.disk_max_ms:.0f} ms" if slower else ""


def frugality(samples: Sequence[Sample]) -> str:
    """Return whether a post took little CPU over all minutes, and how much it took in the dearest."""
    posts = sum(sample.posts for sample in samples)
    if not posts:
        return "nothing said"
    each = sum((sample.cpu_ms_per_post or 0.0) * sample.posts for sample in samples) / posts
    word = "keeps to" if each <= FRUGAL else "EXCEEDS"
    worst = max(samples, key=lambda sample: sample.cpu_ms_per_post or 0.0)
    most = f"{worst.cpu_ms_per_post:.2f} ms in minute {worst.minute}"
    return f"a post {word} {FRUGAL:g} ms: {each:.2f} ms in all minutes, {most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What became of the flock. `out_seconds` is None when some sheep never spoke."""

    asked: Asked
    machine: Machine
    samples: Sequence[Sample]
    verdicts: Sequence[str]
    out_seconds: float | None
    stop_seconds: float
    exit_code: int
    half_way: int

    def problems(self) -> Iterator[str]:
        """Yield what went wrong, however fast or slow the machine is."""
        if self.exit_code:
            yield f"exit code {self.exit_code}"
        if self.out_seconds is None:
            yield "not every sheep has spoken"
        if self.half_way:
            yield f"{self.half_way} posts left half-way"
        if not any(sample.posts for sample in self.samples):
            yield "no posts"


def soak(asked: Asked) -> Soak:
    """Run the flock, and print a line a minute."""
    samples: list[Sample] = []
    extra = ("--keep-history", asked.keep_history)
    with (
        ground() as here,
        here.server() as server,
        here.program("flock", sheep=asked.sheep, interval=asked.interval, url=server.url, extra=extra) as program,
        (disk := Disk(here.folder)).watched(),
    ):
        out = program.wait_until_out(asked.sheep, asked.interval)
        print(HEAD, flush=True)
        for sample in watch(program, disk, asked):
            samples.append(sample)
            print(sample, flush=True)
        stop, code = program.stop()
        return Soak(
            asked=asked,
            machine=Machine.this(),
            samples=samples,
            verdicts=list(verdicts(samples)),
            out_seconds=out,
            stop_seconds=stop,
            exit_code=code,
            half_way=half_way(program.state),
        )


def wanted() -> tuple[Asked, Path | None]:
    """Return what the command line asks for, and where to keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sheep", type=int, default=1000, metavar="N", help="(1000)")
    parser.add_argument("--interval", type=float, default=10.0, metavar="S", help="between two lines (10)")
    parser.add_argument("--minutes", type=int, default=20, metavar="N", help="(20)")
    parser.add_argument("--keep-history", default="5m", metavar="T", help="as for flock run (5m)")
    parser.add_argument("--tiny", action="store_true", help="five sheep, ten minutes of half a second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers there")
    given = parser.parse_args()
    if given.tiny:
        return Asked(sheep=5, interval=0.2, minutes=10, keep_history=given.keep_history, minute=0.5), given.json
    asked = Asked(
        sheep=given.sheep, interval=given.interval, minutes=given.minutes, keep_history=given.keep_history
    )
    return asked, given.json


def main() -> int:
    """Run it, tell, and return the exit code."""
    asked, file = wanted()
    try:
        done = soak(asked)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(*done.verdicts, sep="\n")
    out = "-" if done.out_seconds is None else f"{done.out_seconds:.1f}"
    print(
        f"all out after {out} s, home {done.stop_seconds:.1f} s after SIGTERM, exit code {done.exit_code}, "
        f"{done.half_way} posts half-way; {done.machine}"
    )
    if file:
        file.write_text(json.dumps(asdict(done), indent=2) + "\n")
    problems = list(done.problems())
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
