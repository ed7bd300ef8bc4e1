"""Slices: each bot is in one of them, and they arrive as they were sent, in small parts."""

from __future__ import annotations

import pickle
import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.cluster import slices
from flock.cluster.slices import PART, Slice, deal, deal_anew, herd_name, pack, unpack, with_poems_in
from flock.errors import BadOption
from flock.keys import Key, read_key, read_keys
from flock.options import Options, settle_options
from flock.poem import read_poem
from flock.state import parse_database

ROOT = Path(__file__).parents[2]
HOURS = {"schedule": "0 9 * * *", "awake": "08:00-23:00", "timezone": "Europe/Berlin", "jitter": 0.2}
OPTIONS = settle_options({"line_interval": 0.5, "temperament": "senile", **HOURS}, environment={})
KEYS = read_keys(ROOT / "keys.example").keys


def numbered(bots: int) -> list[Key]:
    """Return so many keys that differ in their files."""
    return [replace(KEYS[0], file=Path(f"bot{number:05}.json")) for number in range(bots)]


@given(bots=st.integers(1, 40), herds=st.integers(1, 40), then=st.integers(1, 40))
def test_each_bot_is_in_one_slice(bots: int, herds: int, then: int) -> None:
    """Also when they are dealt anew; no slice is empty, and none has more than one bot above another."""
    keys = numbered(bots)
    dealt = deal(keys, herds, OPTIONS)
    for found, wanted in ((dealt, herds), (deal_anew(dealt, then), then)):
        assert keys == sorted((key for each in found for key in each.keys), key=lambda key: key.file)
        sizes = [len(each.keys) for each in found]
        assert min(wanted, bots) == len(sizes)
        assert 1 >= max(sizes) - min(sizes)
        assert [herd_name(number) for number in range(len(sizes))] == [each.herd for each in found]
    assert deal(keys, then, OPTIONS) == deal_anew(dealt, then)


def test_a_slice_arrives_as_it_was_sent() -> None:
    sent = deal(KEYS, 2, OPTIONS, log_format="json", level=10)
    assert sent == [unpack(pack(each)) for each in sent]


def test_the_parts_are_smaller_than_what_ray_puts_into_its_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """All together, too, by a limit that the message names."""
    noise = random.Random(1).randbytes(200_000)
    each = replace(deal(KEYS, 1, OPTIONS)[0], poems={KEYS[0].poem_file: noise})
    assert 4 == len(pack(each))
    assert PART >= max(map(len, pack(each)))
    assert each == unpack(pack(each))
    monkeypatch.setattr(slices, "LARGEST_SLICE", 100_000)
    with pytest.raises(
        BadOption, match=r"herd-0001: its \d bots and their poems take 0\.2 MiB.*; give more --herds"
    ):
        pack(each)


def test_its_repr_shows_no_secret(write_key: Callable[..., Path]) -> None:
    """Neither of a key nor of the database."""
    options = settle_options({"state": parse_database("postgresql://me:pass-sesame@db.example/x")}, environment={})
    each = deal([read_key(write_key())], 1, options)[0]
    assert "sesame" in pickle.dumps(each).decode("latin-1")
    assert "sesame" not in repr(each)


def test_a_slice_of_another_version_is_refused() -> None:
    """The two may understand its fields otherwise."""
    each = replace(deal(KEYS, 1, OPTIONS)[0], version="0.0.9")
    with pytest.raises(BadOption, match=r"the keys come from 0\.0\.9; install the same"):
        unpack(pack(each))
    with pytest.raises(BadOption, match="the keys come from another one"):
        unpack([zlib.compress(pickle.dumps("no slice"))])


def test_poems_are_written_where_the_herd_is(tmp_path: Path) -> None:
    """The folder of the keys is on another machine."""
    each: Slice = unpack(pack(deal(KEYS, 1, Options())[0]))
    written = with_poems_in(tmp_path, each)
    assert [key.file for key in KEYS] == [key.file for key in written]
    for key, there in zip(KEYS, written, strict=True):
        assert tmp_path == there.poem_file.parent
        assert read_poem(key.poem_file) == read_poem(there.poem_file)
