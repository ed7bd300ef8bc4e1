"""--plot: how a flock ages, as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest
import simplejson as json

from flock.events import Said
from flock.rehearsal.plots import AgingPlot
from flock.temperament import TEMPERAMENTS
from tests.endtoend.conftest import Flock, Folder

Make = Callable[..., Folder]
Start = Callable[..., Flock]

HOW = ("--temperament", "erratic=0.5,forget=0.9,maturity=30", "--days", "20", "--quiet")


def test_a_png_shows_curves_and_a_heat_map(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """Each quarter of the picture has something in it, and the heat map has several colours."""
    folder = make_folder(3)

    code, _, errors = start("rehearse", folder.path, *HOW, "--plot", "age.png").end()

    picture = matplotlib.image.imread(tmp_path / "age.png")
    assert (0, "drawn: age.png\n") == (code, errors)
    assert min(picture.shape[:2]) > 500
    for strip in np.array_split(picture, 5):
        assert float(strip.std()) > 0.05
    heat_map = picture[picture.shape[0] * 7 // 10 : picture.shape[0] * 8 // 10, : picture.shape[1] * 8 // 10]
    assert len(np.unique(heat_map.reshape(-1, 4), axis=0)) > 3


def test_an_svg_names_the_bots_and_what_is_drawn(make_folder: Make, start: Start, tmp_path: Path) -> None:
    """The SVG is well-formed, with each bot and its temperament, a label on each axis, and what entropy is."""
    folder = make_folder(14)
    file = folder.path / "bot1.json"
    own = {"forget": 0.4, "maturity": 30}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"temperament": own}))

    code, _, _ = start(
        "rehearse", folder.path, "--temperament", "senile", "--days", "1", "--quiet", "--plot", "age.svg"
    ).end()

    text = (tmp_path / "age.svg").read_text(encoding="utf-8")
    assert 0 == code
    assert "{http://www.w3.org/2000/svg}svg" == ElementTree.fromstring(text).tag
    labels = ("entropy", "memory left", "posts a day", "days", "recitation", "line of the poem")
    names = [f"{bot} (senile)" for bot in folder.poems if bot != "bot1"]
    assert [] == [word for word in labels if f"<!-- {word}" not in text]
    assert {2} == {text.count(f"<!-- {name} -->") for name in names}  # in the legend, and over its heat map
    assert 1 == text.count("<!-- bot1 (forget=0.4,maturity=30) -->")  # over the heat map it is on two lines
    assert "<!-- Entropy is how much the age of a sheep shows: 0 at birth, " in text


@pytest.mark.parametrize("name", ["age.png", "age.svg"])
def test_the_same_rehearsal_is_the_same_picture(
    make_folder: Make, start: Start, tmp_path: Path, name: str
) -> None:
    """The file is the same byte for byte: it holds no date and no random id."""
    folder = make_folder(2)
    (tmp_path / "again").mkdir()

    for file in (name, f"again/{name}"):
        start("rehearse", folder.path, *HOW, "--plot", file).end()

    assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("bots", [1, 12])
def test_one_post_is_enough_and_many_bots_are_not_too_many(
    make_folder: Make, start: Start, tmp_path: Path, bots: int
) -> None:
    """The shortest rehearsal has a picture, and so has one with more bots than colours."""
    folder = make_folder(bots)

    code, _, errors = start("rehearse", folder.path, "--posts", "1", "--quiet", "--plot", "age.png").end()

    assert (0, "drawn: age.png\n") == (code, errors)
    assert (tmp_path / "age.png").exists()


def test_more_bots_than_a_picture_has_room_for_are_told_before_the_rehearsal(
    make_folder: Make, start: Start
) -> None:
    """Some of them are chosen with --bot, which may be given more than once, as in the key file or in capitals."""
    folder = make_folder(201, lines=1)
    arguments = ("rehearse", folder.path, "--posts", "1", "--quiet", "--plot", "age.png")

    code, output, errors = start(*arguments).end()
    some, shown, _ = start(*arguments, "--bot", "@bot7", "--bot", "BOT8").end()

    assert (2, "") == (code, output)
    told = "flock: --plot: expected up to 200 bots for one picture, found 201; choose some with --bot"
    assert told == errors.splitlines()[-1]
    assert 0 == some
    assert ["bot7", "bot8"] == [line.partition(":")[0] for line in shown.splitlines() if line.startswith("bot")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plot", "age.jpg"], "expected a name that ends in .png or .svg"),
        (["--plot", "age"], "expected a name that ends in .png or .svg"),
        (["--plot", "nowhere/age.png"], "nowhere"),
        (["--plot", "age.png", "--days", "1", "--posts-per-day", "0"], "age.png"),
        (["--plot", "folder.png"], "folder.png"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else None,
)
def test_what_cannot_be_drawn_is_one_line(
    make_folder: Make, start: Start, tmp_path: Path, arguments: list[str], words: str
) -> None:
    """A wrong file name or folder is a usage error, not a bug."""
    folder = make_folder(1)
    (tmp_path / "folder.png").mkdir()

    code, _, errors = start(
        "rehearse", folder.path, "--quiet", "--posts" if len(arguments) == 2 else "--seed", "1", *arguments
    ).end()

    assert 2 == code
    assert words in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_a_line_of_several_posts_is_said_once() -> None:
    """The heat map counts lines, not posts."""
    plot = AgingPlot({"dolly": TEMPERAMENTS["steadfast"]})
    for piece in range(3):
        plot.hear(said(line=0, piece=piece))
    plot.hear(said(line=1))

    (heat_map,) = (image for axes in plot._draw().axes for image in axes.images)
    assert [[1], [1]] == np.asarray(heat_map.get_array()).tolist()


def said(line: int, piece: int = 0) -> Said:
    """Return the event of a post of a poem of two lines."""
    return Said(
        at=float(line),
        bot="dolly",
        text="baa",
        n=line,
        line=line,
        lines=2,
        piece=piece,
        age=line / 2,
        late=0.0,
        post_id=None,
        source=line,
    )
