"""What the commands that look at a flock print: a table for people, or JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

_MANY = 1000  # rows


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
    """Print a table as wide as the terminal, or 80 characters without one; cells that are too long are wrapped.

    A table of more than a thousand rows is printed in columns of which no cell is wrapped: that takes a tenth of
    the time. The columns named in `numbers` are aligned to the right. Without colours where NO_COLOR is set or
    TERM is dumb. Control characters of a cell are shown as escapes.
    """
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - 0.1 s, which --help can do without
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from flock.observers.wording import harmless  # noqa: PLC0415

    lines = [[harmless(str(cell)) for cell in row] for row in rows]
    if len(lines) > _MANY:
        _print_columns(columns, lines, numbers)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in lines:
        table.add_row(*map(Text, row))
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    with console.capture() as drawn:  # rich would end the program with 1 when its reader is gone
        console.print(table)
    click.echo(drawn.get(), nl=False)


def _print_columns(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415

    lines = [columns, *rows]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        padded: list[str] = []
        for column, cell, width in zip(columns, line, widths, strict=True):
            blanks = " " * (width - cell_len(cell))
            padded.append(blanks + cell if column in numbers else cell + blanks)
        click.echo("   ".join(padded).rstrip())


def print_json(value: Any) -> None:
    """Print `value` as JSON on one line."""
    from flock.observers.console import json_line  # noqa: PLC0415

    click.echo(json_line(value))
