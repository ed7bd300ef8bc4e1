"""How a bot looks as a sheep."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.overview import State
from flock.web.looks import GREY_AT, OLD_AT, TINTS, age_of, look_of, sheep, sheet

STATIC = files("flock.web").joinpath("static")
NAMES = [f"bot{number}" for number in range(1000)]


def test_the_same_name_gives_the_same_sheep_for_ever() -> None:
    """In any case; and it is not another one tomorrow."""
    assert look_of("ewe_turn") == look_of("Ewe_Turn")
    expected = (12, 4, 2, "shorn", "ears-small", "long", "", "", 3, "", "", "flip")
    assert expected == tuple(look_of("ewe_turn"))


def test_a_thousand_sheep_differ() -> None:
    """Nearly all of them, and each of them from most others in several ways."""
    looks = [look_of(name) for name in NAMES]
    assert len(set(looks)) > 980
    alike = [sum(a == b for a, b in zip(one, other, strict=True)) for one, other in combinations(looks[:100], 2)]
    assert sum(alike) / len(alike) < 6
    assert set(range(TINTS)) == {look.tint for look in looks}


@pytest.mark.parametrize("state", [state.value for state in State])
@pytest.mark.parametrize("age", [0.5, 10.0, GREY_AT, OLD_AT])
def test_all_shapes_and_colours_that_a_sheep_refers_to_are_there(state: str, age: float) -> None:
    """And it is well-formed, so that a page of sheep is one, too."""
    shapes = {element.get("id") for element in ElementTree.fromstring(str(sheet())).iter()}
    colours = set(re.findall(r"\.([wftp]\d+) \{", STATIC.joinpath("sheep.css").read_text(encoding="utf-8")))
    for name in NAMES[:50]:
        drawn = ElementTree.fromstring(str(sheep(name, state, age)))
        used = {str(use.get("href")).removeprefix("#") for use in drawn.iter("use")}
        assert used - shapes <= {"s-at-"}  # a bot that is awake has nothing beside it
        assert set(re.findall(r"\b[wftp]\d+\b", drawn.get("class", ""))) <= colours
        assert (state, age_of(age)) == (drawn.get("data-state"), drawn.get("class", "").split()[-1])


def test_a_sheep_is_a_few_hundred_bytes() -> None:
    """A thousand of them are read in a moment."""
    assert max(len(sheep(name, "backing off", OLD_AT)) for name in NAMES) < 900


def test_an_old_sheep_looks_old() -> None:
    """With glasses, a beard and a stick."""
    drawn = sheep("dolly", "awake", OLD_AT)
    assert all(f"#s-{worn}" in drawn for worn in ("glasses", "beard", "stick"))
    assert "#s-stick" not in sheep("dolly", "awake", OLD_AT - 1)


@given(st.text())
def test_no_name_breaks_a_page(name: str) -> None:
    """Not a character of it is in the drawing."""
    ElementTree.fromstring(str(sheep(name, "awake", 1.0)))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as #fdf9ef, by WCAG 2.2."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, by WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("package", "file"), [("flock.pages", "style.css"), ("flock.web", "stage.css")])
def test_every_bot_s_colour_is_readable_by_day_and_by_night(package: str, file: str) -> None:
    """On the paper of the pages, and of the stage: WCAG AA asks for 4.5."""
    day, night = STATIC.joinpath("sheep.css").read_text(encoding="utf-8").split("@media", 1)
    papers = re.findall(r"--paper: (#\w{6})", files(package).joinpath("static", file).read_text(encoding="utf-8"))
    for voices, paper in zip((day, night), papers, strict=True):
        found = re.findall(r"--voice: (#\w{6})", voices)
        assert TINTS == len(found)
        assert min(contrast(voice, paper) for voice in found) >= 4.5
