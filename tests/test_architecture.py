"""The drawing of docs/architecture.md is what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ALONE = "flock.__init__"  # how the module `flock` stands in the drawing, since `flock` would be all of them


def module_of(file: Path) -> str:
    """Return the module's name, with the name of its package for an `__init__.py`."""
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name if name == ALONE else name.removesuffix(".__init__")


MODULES = {module_of(file): file for file in sorted((ROOT / "flock").rglob("*.py"))}


def named(target: str) -> str:
    return ALONE if target == "flock" else target


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of flock that `tree` imports, wherever in it."""
    for node in ast.walk(tree):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: relative imports are not resolved here"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = [name if name in MODULES else str(node.module) for name in whole]
        yield from (named(target) for target in targets if named(target) in MODULES)


IMPORTS = {module: set(imported(ast.parse(file.read_text(encoding="utf-8")))) for module, file in MODULES.items()}


def read_drawing(page: str) -> list[list[str]]:
    """Return the layers of the drawing from the top, each with the names that stand in it."""
    drawing = re.search(r"^## The house$.*?^```$(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert drawing, "no drawing under the heading"
    return [
        [name for line in layer.splitlines() if line.startswith("│") for name in line.split("│")[1].split()]
        for layer in re.split(r"^├.*$", drawing[1], flags=re.MULTILINE)
    ]


LAYERS = read_drawing(PAGE)
DEPTH = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}  # 0 is the top


def room_of(module: str) -> str | None:
    """Return the name in the drawing under which `module` falls: itself, or the nearest folder around it."""
    path = module.removeprefix("flock.").replace(".", "/")
    if path in DEPTH:
        return path
    parts = path.split("/")
    folders = ("/".join(parts[:length]) + "/" for length in range(len(parts), 0, -1))
    return next((folder for folder in folders if folder in DEPTH), None)


def test_every_module_is_in_the_drawing() -> None:
    """By its own name or by that of its folder."""
    assert [] == [module for module in MODULES if room_of(module) is None]


def test_the_drawing_shows_nothing_else() -> None:
    """Each name stands there once, and is a module or a folder that exists."""
    names = [name for layer in LAYERS for name in layer]
    assert len(set(names)) == len(names)
    assert set(names) == {room_of(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module: str) -> None:
    """To a lower layer, or to another module of the same folder in the same layer."""
    assert [] == [target for target in IMPORTS[module] if is_upward(module, target)]


def is_upward(module: str, target: str) -> bool:
    """Return whether `target` does not stand below `module`, and not beside it in the same folder either."""
    here, there = room_of(module), room_of(target)
    assert here, f"{module} is not in the drawing"
    assert there, f"{target} is not in the drawing"
    if DEPTH[here] == DEPTH[there]:
        return folder_of(here) != folder_of(there)
    return DEPTH[there] < DEPTH[here]


def folder_of(room: str) -> str:
    """Return the folder that a name in the drawing is, or is in. A file of flock/ itself stands for itself."""
    return room.rpartition("/")[0] or room


def test_imports_have_no_circle() -> None:
    """Neither between the modules of one folder; graphlib raises CycleError."""
    order = list(TopologicalSorter(IMPORTS).static_order())
    assert set(MODULES) == set(order)


def test_an_import_that_goes_up_is_seen() -> None:
    """Also inside a function, and where only type checkers see it."""
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from flock.shepherd import Shepherd
def late():
    from flock import __version__, herd
    import flock.cli.run
"""
    assert {"flock.shepherd", ALONE, "flock.herd", "flock.cli.run"} == set(imported(ast.parse(source)))
    assert is_upward("flock.errors", "flock.shepherd")
    assert is_upward("flock.keys.key", "flock.journal.base")  # the same layer, and another room
    assert not is_upward("flock.shepherd", "flock.errors")


def read_rooms(page: str) -> dict[str, str]:
    """Return the rows of the table of rooms: what a name in the first cell stands for, and the second cell."""
    table = re.search(r"^## The rooms$(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    assert table
    rows = [line.strip("|").split("|") for line in table[1].splitlines() if line.startswith("| `")]
    return {name: text for names, text in rows for name in re.findall(r"`([^`]+)`", names)}


def test_every_file_is_in_the_table_of_rooms() -> None:
    """In a row of its own, or in the row of its folder; and each row is of a file or a folder that exists."""
    rooms = read_rooms(PAGE)
    files = [file.relative_to(ROOT / "flock") for file in MODULES.values()]
    within = [file for file in files if str(file) not in rooms and file.name != "__init__.py"]
    assert [] == [str(file) for file in within if f"`{file.name}`" not in rooms.get(f"{file.parent}/", "")]
    assert [] == [room for room in rooms if not (ROOT / "flock" / room).exists()]
