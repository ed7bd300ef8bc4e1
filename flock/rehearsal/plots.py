"""Plots of how a flock ages. Needs the extra `plots` (matplotlib)."""

from __future__ import annotations

import math
import textwrap
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage

from flock.errors import BadOption
from flock.events import Said
from flock.temperament import Temperament, temperament_name
from flock.units import DAY

MOST_BOTS = 200  # in one picture, which is some 11,000 pixels high then
_POINTS = 400  # of each curve
_MOST_RECITATIONS = 600  # most columns of a heat map
_COLUMNS = ((3, 1), (12, 2), (math.inf, 4))  # up to so many bots: heat maps side by side
_WIDTH, _CURVE, _HEAT_MAP, _HEAT_MAPS, _LEGEND = 10.0, 1.9, 3.3, 2.2, 0.2  # inches
_NAMES = 2  # of the legend, side by side
_TITLE = 100  # letters beside each other
_CAPTION = (
    "Entropy is how much the age of a sheep shows: 0 at birth, 0.5 at the age that its temperament calls maturity,"
    " near 1 later. Each tendency (forget, mix_up, boredom, fixation, erratic) is multiplied by it."
)


@dataclass(slots=True)
class _Life:
    """What is drawn of one bot. `days` holds the day of each post; `recitations` the day, the entropy and the
    memory at the beginning of each recitation, and `heard` how often each line was said in each."""

    days: array[float] = field(default_factory=lambda: array("d"))
    recitations: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    heard: Counter[tuple[int, int]] = field(default_factory=Counter)


class AgingPlot:
    """Collects a rehearsal's posts; plots entropy, memory and posts over time, and each bot's lines by age.

    `temperaments` are those of the bots, by their names, and `start` is when the rehearsal began (seconds).
    Raises BadOption for more bots than a picture has room for.
    """

    def __init__(self, temperaments: Mapping[str, Temperament], *, start: float = 0.0) -> None:
        if len(temperaments) > MOST_BOTS:
            found = f"found {len(temperaments):,}; choose some with --bot"
            raise BadOption(f"--plot: expected up to {MOST_BOTS} bots for one picture, {found}")
        mpl.rcParams["svg.hashsalt"] = "flock"  # makes the file the same for the same rehearsal
        self._names = {bot: f"{bot} ({temperament_name(each)})" for bot, each in temperaments.items()}
        self._start = start
        self._lives: dict[str, _Life] = {}

    def hear(self, event: Said) -> None:
        """Store what the plot needs of one post."""
        life = self._lives.setdefault(event.bot, _Life())
        day = (event.at - self._start) / DAY
        life.days.append(day)
        life.recitations.setdefault(int(event.age), (day, event.entropy, event.memory))
        if not event.piece:  # a line of several posts is said once
            life.heard[int(event.age), event.source] += 1

    def save(self, file: Path) -> None:
        """Draw the plot and write it to `file`, in the format of its suffix. Raises BadOption."""
        if not self._lives:
            raise BadOption(f"--plot {file}: no bot posted anything, so there is nothing to draw")
        metadata = {"Date": None} if file.suffix.lower() == ".svg" else None
        try:
            self._draw().savefig(file, dpi=110, metadata=metadata)
        except OSError as error:
            raise BadOption(f"--plot {file}: cannot be written: {error.strerror}") from None

    def _draw(self) -> Figure:
        bots = sorted(self._lives)
        columns = next(columns for most, columns in _COLUMNS if len(bots) <= most)
        rows = math.ceil(len(bots) / columns)
        legend = _LEGEND * (1 + math.ceil(len(bots) / _NAMES))
        curves, maps = 3 * _CURVE + legend, rows * (_HEAT_MAP if len(bots) == 1 else _HEAT_MAPS)
        figure = Figure(figsize=(_WIDTH, curves + maps + 0.5), layout="constrained")
        top, bottom = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(curves, maps)))
        self._draw_curves(top, bots)
        panels = bottom.subplots(rows, columns, squeeze=False).flatten()
        for bot, axes in zip(bots, panels, strict=False):
            image = self._draw_lines(axes, bot, width=_TITLE // columns)
        for axes in panels[len(bots) :]:
            axes.set_visible(False)
        bottom.suptitle("how often each line is said", fontsize="medium")
        bottom.colorbar(image, ax=panels.tolist(), label="times (4: four or more)", aspect=40)
        figure.supxlabel(textwrap.fill(_CAPTION, 110), fontsize="small")
        return figure

    def _draw_curves(self, figure: SubFigure, bots: list[str]) -> None:
        entropy, memory, pace = figure.subplots(3, 1, sharex=True)
        colours = mpl.colormaps["tab10" if len(bots) <= 10 else "hsv"]
        last = max(life.days[-1] for life in self._lives.values())
        bins, most = np.linspace(0, last or 1, 61), 0.0
        for number, bot in enumerate(bots):
            life = self._lives[bot]
            colour = colours(number if len(bots) <= 10 else number / len(bots))
            ages = list(life.recitations.values())
            days, entropies, memories = zip(*ages[:: max(1, len(ages) // _POINTS)], strict=True)
            entropy.plot(days, entropies, label=self._names[bot], linewidth=1.4, color=colour)
            memory.plot(days, memories, linewidth=1.4, color=colour)
            counts, _ = np.histogram(life.days, bins=bins)
            rates = counts / np.diff(bins)
            pace.plot((bins[:-1] + bins[1:]) / 2, rates, linewidth=1.2, color=colour)
            most = max(most, *rates)
        entropy.set(ylabel="entropy", ylim=(-0.03, 1.03))
        memory.set(ylabel="memory left", ylim=(-0.03, 1.03))
        pace.set(ylabel="posts a day", xlabel="days", ylim=(0, 1.05 * most))
        for axes in (entropy, memory, pace):
            axes.grid(alpha=0.25)
        figure.legend(fontsize="small", loc="outside upper center", ncols=min(_NAMES, len(bots)))

    def _draw_lines(self, axes: Axes, bot: str, *, width: int) -> AxesImage:
        heard = self._lives[bot].heard
        first = min(recitation for recitation, _ in heard)
        lines = max(line for _, line in heard) + 1
        span = max(recitation for recitation, _ in heard) + 1 - first
        columns = min(span, _MOST_RECITATIONS)
        column = np.arange(span) * columns // span  # of each recitation
        grid = np.zeros((lines, columns))
        for (recitation, line), count in heard.items():
            grid[line, column[recitation - first]] += count
        grid /= np.bincount(column)
        axes.set_title(textwrap.fill(self._names[bot], width), fontsize="medium")
        axes.set(xlabel="recitation", ylabel="line of the poem")
        return axes.imshow(
            np.clip(grid, 0, 4),
            aspect="auto",
            interpolation="nearest",
            cmap="magma_r",
            extent=(first, first + span, lines + 0.5, 0.5),
            vmin=0,
            vmax=4,
        )
