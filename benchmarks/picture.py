"""The picture of a benchmark: memory and CPU against the number of sheep. Needs the extra `plots` (matplotlib)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.ground import WHO, Who
from benchmarks.runs import Run

KB_PER_SHEEP, CPU_MS_PER_POST = 45.0, 2.0  # the targets
COLOURS = {"yardstick": "tab:orange", "flock": "tab:blue"}
_STEPS = [step * 10.0**power for power in range(-2, 6) for step in (1, 1.5, 2, 3, 5, 7)]

Curves = dict[Who, list[Run]]


def draw(runs: Sequence[Run], file: Path) -> None:
    """Draw the runs that differ only in size. One sheep is the empty process, and no point of a curve."""
    curves: Curves = {who: [run for run in runs if run.who == who and _is_on_curve(run)] for who in WHO}
    empty = next((run.rss_mb for run in runs if (run.who, run.sheep) == ("flock", 1)), 0.0)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    memory, cpu = figure.subplots(1, 2)
    _plot(memory, curves, lambda run: run.rss_mb)
    _plot(cpu, curves, lambda run: run.cpu_ms_per_post)
    sizes = sorted({run.sheep for curve in curves.values() for run in curve})
    across = np.geomspace(sizes[0], sizes[-1])
    _target(memory, across, empty + KB_PER_SHEEP / 1000 * across, f"{KB_PER_SHEEP:g} KB a sheep")
    _target(cpu, across, np.full_like(across, CPU_MS_PER_POST), f"{CPU_MS_PER_POST:.1f} ms")
    _finish(memory, sizes, "resident memory, MB")
    _finish(cpu, sizes, "CPU a post, ms")
    figure.legend(handles=memory.get_lines()[: len(WHO)], loc="outside lower center", ncols=len(WHO))
    figure.savefig(file, dpi=110)


def _is_on_curve(run: Run) -> bool:
    return run.sheep > 1 and run.interval > 0 and not run.closing


def _plot(axes: Axes, curves: Curves, value: Callable[[Run], float | None]) -> None:
    for who, curve in curves.items():
        points = [(run.sheep, y) for run in curve if (y := value(run)) is not None]
        axes.plot([x for x, _ in points], [y for _, y in points], "o-", color=COLOURS[who], label=who)


def _target(axes: Axes, sizes: npt.NDArray[np.float64], values: npt.NDArray[np.float64], label: str) -> None:
    axes.plot(sizes, values, color="grey", linewidth=0.8, zorder=1)
    place = len(sizes) * 2 // 3
    where = (float(sizes[place]), float(values[place]))
    axes.annotate(f"target: {label}", where, (6, -14), textcoords="offset points", color="grey", size="small")


def _finish(axes: Axes, sizes: Sequence[int], title: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="sheep", title=title)
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.3, high * 1.3)
    for axis, ticks in ((axes.xaxis, list(map(float, sizes))), (axes.yaxis, _STEPS)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(alpha=0.3)
