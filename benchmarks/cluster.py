"""A flock on PostgreSQL: beside one on SQLite, in several herds, and what a large one needs.

    .venv/bin/python benchmarks/cluster.py                          all of it, twice in turn: 15 minutes
    .venv/bin/python benchmarks/cluster.py --json cluster.json      keep the figures
    .venv/bin/python benchmarks/cluster.py --from-json cluster.json print the tables again, and the model
    .venv/bin/python benchmarks/cluster.py --tiny                   a handful of sheep, for function only

It starts a PostgreSQL server of its own (tests/postgres.py), with `fsync`, on the disk of `TMPDIR`. Flocks post
over HTTPS to a server on loopback, as in `scale.py`. At the end the leases are simulated (leases.py). Exits with 1
when a run ended badly, or when the simulation found what may never happen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

import simplejson as json

from benchmarks import leases, model
from benchmarks.gauges import Machine, Noise
from benchmarks.ground import Failed, ground
from benchmarks.herds import Run, Trial, measure
from benchmarks.model import Measured
from benchmarks.rows import Plan
from benchmarks.runs import ratio
from tests.postgres import PostgresServer

PACED = tuple(
    Trial(store=store, sheep=sheep, interval=interval)
    for sheep, interval in ((1000, 5.0), (10_000, 30.0))
    for store in ("SQLite", "PostgreSQL")
)
RESTLESS = (
    Trial(store="SQLite", sheep=400, interval=0.0),
    *(Trial(store="PostgreSQL", sheep=400, interval=0.0, herds=herds) for herds in (1, 2, 4)),
)
TINY = (
    Trial(store="SQLite", sheep=4, interval=0.25),
    Trial(store="PostgreSQL", sheep=4, interval=0.25),
    Trial(store="PostgreSQL", sheep=4, interval=0.0, herds=2),
)
SMALL = Plan(bots=200, herds=4, hours=0.5, interval=60.0)

HEAD = (
    f"{'':<12}{'sheep':>7}{'herds':>6}{'interval':>9}{'posts/s':>9}{'ms CPU/post':>13}{'of the db':>10}"
    f"{'by SQLite':>10}{'commits/s':>10}{'ms each':>8}{'p99 late ms':>12}{'MB':>8}"
)


@dataclass(frozen=True, slots=True)
class Report:
    """All runs, what they were measured on, and how noisy that was."""

    runs: Sequence[Run]
    machine: Machine
    noise_percent: float
    server: str

    @classmethod
    def load(cls, file: Path) -> Report:
        """Read what `save` wrote."""
        kept = json.loads(file.read_text())
        runs = [Run(**{**run, "trial": Trial(**run["trial"])}) for run in kept["runs"]]
        return cls(runs, Machine(**kept["machine"]), kept["noise_percent"], kept["server"])

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def table(self) -> Iterator[str]:
        """Yield the lines of the table: the medians of the runs of each trial."""
        yield HEAD
        found = list(medians(self.runs))
        for run in found:
            its = run.trial
            beside = next((each for each in found if is_beside(each.trial, its)), None)
            yield (
                f"{its.store:<12}{its.sheep:>7,}{its.herds:>6}{f'{its.interval:g} s':>9}"
                f"{run.posts_per_second:>9.1f}{number(run.cpu_ms, 2):>13}{number(run.server_cpu_ms, 2):>10}"
                f"{ratio(run.cpu_ms, beside.cpu_ms if beside else None):>10}{run.commits_per_second:>10.0f}"
                f"{number(run.commit_ms, 2):>8}{number(run.late_p99_ms):>12}{run.rss_mb:>8.1f}"
            )
        yield f"{self.server}; noise: {self.noise_percent:.0f} %; {self.machine}"


def number(value: float | None, digits: int = 1) -> str:
    """Return it as the table has it."""
    return "-" if value is None else f"{value:.{digits}f}"


def is_beside(other: Trial, its: Trial) -> bool:
    """Return whether the other trial is that of the same flock on SQLite."""
    return other.store == "SQLite" and (other.sheep, other.interval) == (its.sheep, its.interval)


def medians(runs: Iterable[Run]) -> Iterator[Run]:
    """Yield a run for each trial, which has the median of each figure."""
    by_trial: dict[Trial, list[Run]] = {}
    for run in runs:
        by_trial.setdefault(run.trial, []).append(run)
    for trial, its in by_trial.items():
        found: dict[str, Any] = {}
        for name in (field.name for field in fields(Run) if field.name != "trial"):
            values = [value for run in its if (value := getattr(run, name)) is not None]
            found[name] = median(values) if values else None
        yield Run(trial=trial, **found)


def figures(runs: Iterable[Run]) -> Measured | None:
    """Return the figures for the model, or None if there are none: of the largest flock on PostgreSQL that keeps a
    pace, and what its bots weigh, beside the smallest."""
    paced = [run for run in medians(runs) if run.trial.store == "PostgreSQL" and run.trial.interval]
    if not paced:
        return None
    few, many = (by(paced, key=lambda run: run.trial.sheep) for by in (min, max))
    more = many.trial.sheep - few.trial.sheep
    bot_mb = max(0.0, (many.rss_mb - few.rss_mb) / more) if more else 0.0
    return Measured(
        cpu_ms=many.cpu_ms or 0.0,
        server_cpu_ms=many.server_cpu_ms or 0.0,
        commit_ms=many.commit_ms or 0.0,
        process_mb=few.rss_mb - bot_mb * few.trial.sheep,
        bot_kb=bot_mb * 1000,
        wal_kb=many.wal_kb or 0.0,
        post_kb=many.post_kb or 0.0,
        row_kb=many.row_kb or 0.0,
    )


def go_through(trials: Sequence[Trial], rounds: int, steady: float) -> tuple[Report, Sequence[str]]:
    """Measure all of them in turn, so many times; return what was found, and what went wrong."""
    runs: list[Run] = []
    problems: list[str] = []
    noise = Noise()
    with ground() as here, closing(PostgresServer()) as postgres:
        postgres.start(fsync="on", shared_buffers="256MB")
        ((version,),) = postgres.execute("SHOW server_version")
        for _ in range(rounds):
            for trial in trials:
                noise.listen()
                try:
                    run, wrong = measure(here, postgres, trial, steady)
                except Failed as failure:
                    problems.append(f"{trial}: {failure}")
                    continue
                runs.append(run)
                problems += [f"{trial}: {problem}" for problem in wrong]
        noise.listen()
    server = f"PostgreSQL {version.split()[0]}; medians of {rounds}"
    return Report(runs, Machine.this(), round(noise.percent(), 1), server), problems


def tell(report: Report) -> None:
    """Print the tables."""
    print(*report.table(), sep="\n")
    if its := figures(report.runs):
        print("\nthe model, with these figures of PostgreSQL:")
        print("  " + ", ".join(f"{name} {value:.3g}" for name, value in asdict(its).items()))
        print(*model.table(its), sep="\n", flush=True)


def main() -> int:
    """Run what is asked for, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="how often each is measured (2)")
    parser.add_argument("--tiny", action="store_true", help="a handful of sheep, for function only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="measure nothing, show what was kept there")
    asked = parser.parse_args()
    problems: Sequence[str] = ()
    if asked.from_json:
        report = Report.load(asked.from_json)
    elif asked.tiny:
        report, problems = go_through(TINY, 1, 0.5)
    else:
        report, problems = go_through((*PACED, *RESTLESS), asked.rounds, 20.0)
    tell(report)
    if asked.json:
        report.save(asked.json)
    for problem in problems:
        print(problem, file=sys.stderr)
    if asked.from_json:
        return 0
    print()
    is_sound = leases.show(SMALL if asked.tiny else Plan())
    return 0 if is_sound and not problems else 1


if __name__ == "__main__":
    sys.exit(main())
