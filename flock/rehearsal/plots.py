"""Plots of how a flock ages. Needs the extra `plots` (matplotlib)."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flock.errors import BadOption
from flock.events import Said
from flock.units import DAY

_POINTS = 400  # of each curve
_CURVES = 8  # most bots that get a curve of their own
_MOST_RECITATIONS = 600  # most columns of the heat map


class AgingPlot:
    """Collects a rehearsal's posts; plots entropy, memory and posts over time, and one bot's lines by age."""

    def __init__(self) -> None:
        mpl.rcParams["svg.hashsalt"] = "flock"  # makes the file the same for the same rehearsal
        self._days: dict[str, list[float]] = {}
        self._entropy: dict[str, list[float]] = {}
        self._memory: dict[str, list[float]] = {}
        self._heard: dict[str, Counter[tuple[int, int]]] = {}

    def hear(self, event: Said) -> None:
        """Store what the plot needs of one post."""
        self._days.setdefault(event.bot, []).append(event.at / DAY)
        self._entropy.setdefault(event.bot, []).append(event.entropy)
        self._memory.setdefault(event.bot, []).append(event.memory)
        self._heard.setdefault(event.bot, Counter())[int(event.age), event.source] += 1

    def save(self, file: Path) -> None:
        """Draw the plot and write it to `file`, in the format of its suffix. Raises BadOption."""
        if not self._days:
            raise BadOption(f"--plot {file}: no bot posted anything, so there is nothing to draw")
        figure = Figure(figsize=(10, 9), layout="constrained")
        rows = figure.subplots(4, 1, height_ratios=(1, 1, 1, 2))
        self._draw_curves(rows[0], self._entropy, "entropy")
        self._draw_curves(rows[1], self._memory, "memory left")
        self._draw_pace(rows[2])
        self._draw_lines(figure, rows[3])
        metadata = {"Date": None} if file.suffix.lower() == ".svg" else None
        try:
            figure.savefig(file, dpi=110, metadata=metadata)
        except OSError as error:
            raise BadOption(f"--plot {file}: cannot be written: {error.strerror}") from None

    def _draw_curves(self, axes: Axes, curves: dict[str, list[float]], title: str) -> None:
        for bot in islice(sorted(curves), _CURVES):
            step = max(1, len(curves[bot]) // _POINTS)
            axes.plot(self._days[bot][::step], curves[bot][::step], label=bot, linewidth=1.4)
        axes.set(ylabel=title, ylim=(-0.03, 1.03))
        axes.grid(alpha=0.25)
        if curves and title == "entropy":
            axes.legend(fontsize="small", loc="lower right", ncols=2)

    def _draw_pace(self, axes: Axes) -> None:
        last = max(days[-1] for days in self._days.values())
        bins = np.linspace(0, last or 1, 61)
        for bot in islice(sorted(self._days), _CURVES):
            counts, _ = np.histogram(self._days[bot], bins=bins)
            axes.plot((bins[:-1] + bins[1:]) / 2, counts / np.diff(bins), linewidth=1.2)
        axes.set(ylabel="posts a day", xlabel="days")
        axes.grid(alpha=0.25)

    def _draw_lines(self, figure: Figure, axes: Axes) -> None:
        bot = max(self._heard, key=lambda name: len(self._heard[name]))
        heard = self._heard[bot]
        first = min(recitation for recitation, _ in heard)
        lines = max(line for _, line in heard) + 1
        span = max(recitation for recitation, _ in heard) + 1 - first
        columns = min(span, _MOST_RECITATIONS)
        grid = np.zeros((lines, columns))
        for (recitation, line), count in heard.items():
            grid[line, (recitation - first) * columns // span] += count * columns / span
        image = axes.imshow(
            np.clip(grid, 0, 4),
            aspect="auto",
            interpolation="nearest",
            cmap="magma_r",
            extent=(first, first + span, lines + 0.5, 0.5),
            vmin=0,
            vmax=4,
        )
        axes.set(xlabel="recitation", ylabel="line of the poem", title=f"{bot}: how often each line is said")
        figure.colorbar(image, ax=axes, label="times (4: four or more)")
