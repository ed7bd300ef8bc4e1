"""What networks remember: in one file, which is its owner's alone and outlives the process."""

import stat
from contextlib import closing
from pathlib import Path

import pytest

from flock.errors import JournalError
from flock.networks.bluesky.sessions import KeptSessions, Tokens
from flock.networks.kept import KeptFile, KeptTexts

TOKENS = Tokens(
    "https://bsky.social", "did:plc:" + "a" * 24, "https://pds.example", "access-sesame", "refresh-sesame"
)


def test_the_file_is_its_owners_alone_and_outlives_the_process(tmp_path: Path) -> None:
    """Also where the file was there with other permissions; sessions and texts are in one file."""
    path = tmp_path / "kept"
    path.touch(0o644)
    with closing(KeptFile(path)) as first:
        KeptSessions(first).put("bluesky:dolly", TOKENS)
        KeptTexts(first, "rules")["https://a.example"] = "one"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    with closing(KeptFile(path)) as second:
        assert TOKENS == KeptSessions(second).get("bluesky:dolly")
        assert {"https://a.example": "one"} == dict(KeptTexts(second, "rules"))


def test_texts_are_a_mapping(tmp_path: Path) -> None:
    """The last text of a name counts, and one that is gone is gone."""
    with closing(KeptFile(tmp_path / "kept")) as file:
        texts = KeptTexts(file, "rules")
        assert texts.get("a") is None
        texts["b"] = texts["a"] = "one"
        texts["a"] = "two"
        assert {"a": "two", "b": "one"} == dict(texts)
        assert "two" == texts.pop("a")
        assert ("none", 1, ["b"]) == (texts.pop("a", "none"), len(texts), [*texts])
        with pytest.raises(KeyError):
            del texts["a"]


@pytest.mark.parametrize("text", ["half a character: \ud83d"])
def test_a_text_that_cannot_be_stored_is_a_journal_error(tmp_path: Path, text: str) -> None:
    """No other exception comes out."""
    with closing(KeptFile(tmp_path / "kept")) as file, pytest.raises(JournalError):
        KeptTexts(file, "rules")["a"] = text


def test_a_file_that_is_no_database_is_a_journal_error(tmp_path: Path) -> None:
    """With its name, and nothing of what is in it."""
    path = tmp_path / "flock.db.sessions"
    path.write_bytes(b"not a database, but long enough to be read as one" * 40)
    with pytest.raises(JournalError, match=r"flock\.db\.sessions: DatabaseError"):
        KeptFile(path)
