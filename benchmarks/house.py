"""The table of docs/architecture.md: how large this checkout is, and how many places one post runs through.

.venv/bin/python benchmarks/house.py                # this checkout
.venv/bin/python benchmarks/house.py /tmp/old       # another one, beside it

A checkout with a `.venv` is measured with the Python in it, any other with the Python that runs this script.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7  # starts of each command
PROBED = "dolly_the_first"  # the example bot whose beat is followed; its lines are plain text
MAY_BE_OUT = ("unsure", "intended")  # the name of the fact "this post may be out", before and now

STARTS = {
    "`flock run`": ("run", "keys.example/", "--dry-run", "--once"),
    "`flock --help`": ("--help",),
}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield every function and method of a module."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def writes(node: ast.AST, names: tuple[str, ...]) -> bool:
    """Return whether `node` assigns an attribute, or passes a keyword, that has one of these names."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store) and inner.attr in names:
            return True
        if isinstance(inner, ast.Call) and any(keyword.arg in names for keyword in inner.keywords):
            return True
    return False


def of_source(root: Path) -> dict[str, str]:
    """Return what the source of the checkout at `root` tells."""
    sources = {file: file.read_text(encoding="utf-8") for file in sorted((root / "flock").rglob("*.py"))}
    trees = {file: ast.parse(source) for file, source in sources.items()}
    found = [(file, each) for file, tree in trees.items() for each in functions(tree)]
    lengths = {f"{file.stem}.{each.name}": (each.end_lineno or 0) - each.lineno + 1 for file, each in found}
    longest = max(lengths, key=lambda name: lengths[name])
    writers = [file.relative_to(root / "flock") for file, each in found if writes(each, MAY_BE_OUT)]
    return {
        "modules that write whether a post may be out": _counted(sorted(set(map(str, writers)))),
        "functions in them that do": f"{len(writers)}",
        "modules of `flock/`": f"{len(sources)}",
        "lines of `flock/`": f"{sum(source.count(chr(10)) for source in sources.values()):,}",
        "lines of a function, median": f"{statistics.median(lengths.values()):.0f}",
        "lines of a function, longest": f"{lengths[longest]} ({longest})",
    }


class Witness:
    """Notes which files of flock the calls of this thread enter, and which plain data they make meanwhile."""

    def __init__(self, root: Path) -> None:
        self.files: set[str] = set()
        self.types: set[str] = set()
        self._folder = f"{root / 'flock'}{os.sep}"
        self._older = {id(each) for each in gc.get_objects()}
        self._kept: list[object] = []  # an object that has ended would give its id to another one

    def __call__(self, frame: FrameType, event: str, returned: object) -> None:
        if event in ("call", "return"):
            file = frame.f_code.co_filename
            if file.startswith(self._folder):
                self.files.add(file.removeprefix(self._folder))
                self._note([*frame.f_locals.values(), returned])

    def _note(self, values: list[object]) -> None:
        for value in values:
            if id(value) not in self._older and _is_plain_data(value):
                self._kept.append(value)
                self.types.add(type(value).__name__)
                self._note(_parts(value))
            elif type(value) is tuple:
                self._note(list(value))


def _is_plain_data(value: object) -> bool:
    """Return whether `value` is a named tuple or a frozen dataclass of flock's."""
    kind = type(value)
    of_dataclass = getattr(kind, "__dataclass_params__", None)
    return kind.__module__.startswith("flock.") and (
        hasattr(kind, "_fields") or getattr(of_dataclass, "frozen", False)
    )


def _parts(value: Any) -> list[object]:
    names = value._fields if hasattr(value, "_fields") else [field.name for field in fields(value)]
    return [getattr(value, name) for name in names]


def probe() -> None:
    """Print what one successful beat runs through, as JSON: a sheep on X's API as the pasture speaks it."""
    from flock.events import Events  # noqa: PLC0415 - the flock of the checkout that is measured
    from flock.options import Options  # noqa: PLC0415
    from flock.shepherd import Shepherd  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch:
        options = Options(pasture=True, state=Path(scratch) / "flock.db")
        shepherd = Shepherd("keys.example/", 0, 0, options=options, events=Events([lambda _event: None]))
        sheep = next(each for each in shepherd.all_sheep if each.name == PROBED)
        sheep.beat()
        before = sheep.tot_tweet_tracker
        witness = Witness(Path.cwd())
        sys.setprofile(witness)
        sheep.beat()
        sys.setprofile(None)
        assert sheep.tot_tweet_tracker == before + 1, "the post was not made"
        shared = vars(shepherd).get("context") or vars(shepherd)["commons"]  # its name before
        shared.close()
    print(json.dumps({"modules": sorted(witness.files), "types": sorted(witness.types)}))


def environment(root: Path, state: Path) -> dict[str, str]:
    """Return the environment of a process that imports the flock at `root`, and keeps its state in `state`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOCK_")}
    return {**kept, "PYTHONPATH": str(root), "XDG_STATE_HOME": str(state)}


def python_of(root: Path) -> str:
    """Return the Python to measure the checkout at `root` with."""
    own = root / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def of_beat(root: Path, state: Path) -> dict[str, str]:
    """Return what one successful beat of the checkout at `root` runs through."""
    command = [python_of(root), str(Path(__file__).resolve()), "--probe"]
    done = subprocess.run(
        command, cwd=root, env=environment(root, state), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    return {
        "modules that one successful `Sheep.beat` runs through": _counted(found["modules"]),
        "types of plain data that it makes": _counted(found["types"]),
    }


def _counted(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(name.removesuffix('.py') for name in names)})"


def cpu_seconds(root: Path, arguments: tuple[str, ...], state: Path) -> float:
    """Return the user and system time of one run of the command `flock`, in seconds."""
    command = [python_of(root), "-m", "flock", *arguments]
    process = subprocess.Popen(command, cwd=root, env=environment(root, state), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"house: {' '.join(command)} in {root} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def of_starts(roots: list[Path], state: Path) -> list[dict[str, str]]:
    """Return for each checkout how long its commands take to start. The checkouts take turns; the least counts."""
    found: list[dict[str, str]] = [{} for _ in roots]
    for name, arguments in STARTS.items():
        rounds = [[cpu_seconds(root, arguments, state) for root in roots] for _ in range(ROUNDS)]
        for row, seconds in zip(found, zip(*rounds, strict=True), strict=True):
            row[f"CPU seconds of {name}"] = f"{min(seconds):.2f}"
    return found


def table(roots: list[Path]) -> str:
    """Return the measurements of these checkouts, a column each."""
    with tempfile.TemporaryDirectory() as scratch:
        starts = of_starts(roots, Path(scratch))
        columns = [
            of_beat(root, Path(scratch)) | of_source(root) | start
            for root, start in zip(roots, starts, strict=True)
        ]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    heads = ["", *(_commit(root) for root in roots)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def _commit(root: Path) -> str:
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Measure this checkout, and another one where it is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, nargs="?", help="another checkout, shown in the first column")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.probe:
        probe()
    else:
        print(table([*([arguments.other.resolve()] if arguments.other else []), ROOT]))


if __name__ == "__main__":
    main()
