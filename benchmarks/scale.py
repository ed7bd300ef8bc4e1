"""Yardstick and flock side by side: memory and CPU against the number of sheep.

    scripts/bench                                       the table of docs/performance.md (about eight minutes)
    scripts/bench --json runs.json --plot runs.png      keep the numbers, and draw them
    scripts/bench --from-json runs.json                 print that table again
    scripts/bench --tiny                                all of it with a handful of sheep, for function only

Both post over HTTPS, with the full CA bundle, to a server of their own on loopback. A run waits until every sheep
has said its first line, and measures the steady part that follows. Exits with 1 when one ended badly; how fast it
was is for people to judge.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import simplejson as json

from benchmarks.gauges import Machine, Noise
from benchmarks.ground import Failed, ground
from benchmarks.runs import TINY, Plan, Run, measure, ratio

HEAD = (
    f"{'':<20}{'sheep':>6}{'interval':>9}{'posts/s':>9}{'ms CPU/post':>13}{'MB':>7}{'KB/sheep':>9}"
    f"{'all out s':>10}{'p99 late ms':>12}{'stop s':>7}{'exit':>5}{'half-way':>9}"
)


@dataclass(frozen=True, slots=True)
class Report:
    """All runs, what went wrong with them, and what they were measured on."""

    runs: Sequence[Run]
    problems: Sequence[str]
    machine: Machine
    noise_percent: float

    @classmethod
    def load(cls, file: Path) -> Report:
        """Read what `save` wrote."""
        kept = json.loads(file.read_text())
        runs, machine = [Run(**run) for run in kept["runs"]], Machine(**kept["machine"])
        return cls(runs, kept["problems"], machine, kept["noise_percent"])

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def tail(self) -> Iterator[str]:
        """Yield what follows the table: the ratios, and the noise."""
        yield from ratios(self.runs)
        yield f"noise: {self.noise_percent:.0f} %; {self.machine}"


def go_through(plan: Plan) -> Report:
    """Run everything, and print each row as it comes."""
    runs: list[Run] = []
    problems: list[str] = []
    noise = Noise()
    print(HEAD, flush=True)
    with ground() as here:
        for situation in plan.situations():
            noise.listen()
            try:
                run = measure(here, situation, plan.steady_part(situation.interval))
            except Failed as failure:
                problems.append(f"{situation}, {situation.sheep} sheep: {failure}")
                continue
            runs.append(weighed(run, runs))
            print(row(runs[-1]), flush=True)
            problems += [f"{run}, {run.sheep} sheep: {problem}" for problem in run.problems()]
        noise.listen()
    return Report(runs, problems, Machine.this(), round(noise.percent(), 1))


def weighed(run: Run, before: Iterable[Run]) -> Run:
    """Return the run with the weight of a sheep, over the one of the same program that had one sheep."""
    empty = next((other for other in before if (other.who, other.sheep) == (run.who, 1)), None)
    if empty is None or run.sheep == 1:
        return run
    return replace(run, kb_per_sheep=round((run.rss_mb - empty.rss_mb) * 1000 / (run.sheep - 1), 1))


def row(run: Run) -> str:
    """Return the run's line of the table."""
    return (
        f"{run!s:<20}{run.sheep:>6}{f'{run.interval:g} s':>9}{run.posts_per_second:>9.1f}"
        f"{_number(run.cpu_ms_per_post, 2):>13}{run.rss_mb:>7.1f}{_number(run.kb_per_sheep):>9}"
        f"{_number(run.out_seconds):>10}{_number(run.late_p99_ms):>12}{run.stop_seconds:>7.1f}{run.exit_code:>5}"
        f"{_number(run.half_way, 0):>9}"
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def ratios(runs: Sequence[Run]) -> Iterator[str]:
    """Yield how many times what flock needs the yardstick needs, for each size and server that both have met."""
    yardsticks = {(run.sheep, run.interval, run.closing): run for run in runs if run.who == "yardstick"}
    yield f"{'yardstick / flock':<20}{'sheep':>6}{'memory a sheep':>18}{'CPU a post':>13}"
    for ours in (run for run in runs if run.who == "flock" and run.sheep > 1):
        if theirs := yardsticks.get((ours.sheep, ours.interval, ours.closing)):
            memory = ratio(theirs.kb_per_sheep, ours.kb_per_sheep)
            cpu = ratio(theirs.cpu_ms_per_post, ours.cpu_ms_per_post)
            yield f"{'closing' if ours.closing else '':<20}{ours.sheep:>6}{memory:>18}{cpu:>13}"


def wanted() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sheep", type=int, nargs="+", metavar="N", help="sizes for both (10 100 1000)")
    parser.add_argument("--alone", type=int, nargs="*", metavar="N", help="sizes for flock alone (10000)")
    parser.add_argument("--tiny", action="store_true", help="a handful of sheep, for function only")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="run nothing, show what was kept there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there")
    return parser.parse_args()


def main() -> int:
    """Run what is asked for, and return the exit code."""
    asked = wanted()
    plan = TINY if asked.tiny else Plan()
    if asked.sheep is not None:
        plan = replace(plan, both=tuple(asked.sheep))
    if asked.alone is not None:
        plan = replace(plan, alone=tuple(asked.alone))
    if asked.from_json:
        report = Report.load(asked.from_json)
        print(HEAD, *map(row, report.runs), sep="\n")
    else:
        report = go_through(plan)
    print(*report.tail(), sep="\n")
    for problem in report.problems:
        print(problem, file=sys.stderr)
    if asked.json:
        report.save(asked.json)
    if asked.plot:
        from benchmarks.picture import draw  # noqa: PLC0415 - matplotlib, an extra

        draw(report.runs, asked.plot)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
