"""How a bot looks as a sheep: SVG, from its name, its state and its age. `templates/sheet.svg` has the shapes.

The same name gives the same sheep, on each machine and each day. A sheep is a few hundred bytes: it refers to the
shapes of the sheet, which a page holds once, and to the colours of `static/sheep.css`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import NamedTuple, TypeVar

from markupsafe import Markup

T = TypeVar("T")

TINTS = 12  # colours in which bots speak: .t0, .t1, ... of sheep.css

# What stands more than once is more common; "" is nothing. Names are those of the sheet; numbers are colours.
_WOOLS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
_FACES = (0, 1, 2, 3, 4, 5, 6)
_FLEECES = ("cloud", "cloud", "curls", "shag", "shorn")
_EARS = ("ears-out", "ears-up", "ears-lop", "ears-small")
_HEADS = ("face", "long", "round")
_TOPS = ("tuft", "fringe", "curl", "ram", "horns", "", "")
_SPOTS = ("", "", "", "", "dots", "patch", "belt")
_SPOT_COLOURS = (0, 1, 2, 3)
_DRESSES = ("", "", "", "", "scarf", "bell", "bow", "flower", "hat")
_BLAZES = ("blaze", "", "", "", "", "")
_SIDES = ("", "flip")

GREY_AT, OLD_AT = 800.0, 2000.0  # recitations: two and five months at the intervals of the README
_PROPS = ("asleep", "waiting", "backing off", "penned", "paused", "quiet", "not running", "new")


class Look(NamedTuple):
    """What of a sheep follows from its name."""

    wool: int
    face: int
    tint: int
    fleece: str
    ears: str
    head: str
    top: str
    spots: str
    spot: int
    dress: str
    blaze: str
    side: str


@lru_cache(maxsize=16_384)
def look_of(name: str) -> Look:
    """Return how the bot of that name looks. Names differ in case on no network."""
    numbers = iter(blake2b(name.casefold().encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return Look(
        wool=_pick(numbers, _WOOLS),
        face=_pick(numbers, _FACES),
        tint=_pick(numbers, range(TINTS)),
        fleece=_pick(numbers, _FLEECES),
        ears=_pick(numbers, _EARS),
        head=_pick(numbers, _HEADS),
        top=_pick(numbers, _TOPS),
        spots=_pick(numbers, _SPOTS),
        spot=_pick(numbers, _SPOT_COLOURS),
        dress=_pick(numbers, _DRESSES),
        blaze=_pick(numbers, _BLAZES),
        side=_pick(numbers, _SIDES),
    )


def age_of(recitations: float) -> str:
    """Return the stage of life of a sheep: "lamb", "grown", "grey" or "old"."""
    if recitations < 1:
        return "lamb"
    if recitations < GREY_AT:
        return "grown"
    return "grey" if recitations < OLD_AT else "old"


def sheep(name: str, state: str, recitations: float) -> Markup:
    """Return the sheep as SVG: decoration, beside which the name and the state stand as text.

    `state` is a value of flock.overview.State.
    """
    look, age = look_of(name), age_of(recitations)
    old = age == "old"
    worn = ("glasses", "beard") if old else ()
    head = (look.ears, look.head, look.blaze, "eyes", *worn, look.top, look.dress)
    colours = f"w{look.wool} f{look.face} t{look.tint} p{look.spot}"
    prop = state.replace(" ", "-") if state in _PROPS else ""
    return Markup(
        '<svg class="sheep {} {}" data-state="{}" viewBox="0 0 120 100" aria-hidden="true" focusable="false">'
        '<g class="{}"><g class="body"><use class="legs" href="#s-legs"/><use class="feet" href="#s-feet"/>'
        '<g class="trunk">{}</g>{}<g class="head">{}</g></g><use class="prop" href="#s-at-{}"/></g></svg>'
    ).format(
        colours,
        age,
        state,
        look.side,
        _uses("tail", look.fleece, look.spots),
        _uses("stick" if old else ""),
        _uses(*head),
        prop,
    )


@cache
def sheet() -> Markup:
    """Return the shapes of all sheep, to stand once in each page with sheep: our own file."""
    file = files("flock.web").joinpath("templates", "sheet.svg")
    return Markup(file.read_text(encoding="utf-8"))  # noqa: S704  # our own file


def _uses(*shapes: str) -> Markup:
    return Markup().join(Markup('<use href="#s-{}"/>').format(shape) for shape in shapes if shape)


def _pick(numbers: Iterator[int], among: Sequence[T]) -> T:
    return among[next(numbers) % len(among)]
