"""Folders of key files: what is said of them, and which keys are usable."""

import json
import os
from pathlib import Path

import pytest

from flock.errors import BadKeys
from flock.keys import APP_FILE, Key, about_other_files, read_keys, shared_poems
from tests.conftest import no_more_files
from tests.keys.conftest import WriteKey, lines

EXAMPLES = Path(__file__).parents[2] / "keys.example"


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"", "no line to say"), (b"\n \n", "no line to say"), (b"na\xefve\n", "not UTF-8 (byte 3 of")],
)
def test_a_bad_poem_is_the_keys_problem(write_key: WriteKey, content: bytes, text: str) -> None:
    """Empty, or not UTF-8: the line names the key file, for that is what the operator listed."""
    file = write_key()
    file.with_name("poem.txt").write_bytes(content)
    (line,) = lines(read_keys(file.parent))
    assert line.startswith(f"{file}: poem_file: {text}")


@pytest.mark.parametrize("poem", ["dolly.json", "other.json", "link.txt", "tokens.txt"])
def test_tokens_are_no_poem(write_key: WriteKey, poem: str) -> None:
    """A slip in `poem_file` must not post them: neither a key file, nor a link to one, nor a list of them."""
    file = write_key(poem_file=poem)
    write_key("other.json", screen_name="ewe", oauth_token="another-token-of-somebody")
    file.with_name("link.txt").symlink_to("other.json")
    token = json.loads(file.read_text())["oauth_token_secret"]
    file.with_name("tokens.txt").write_text(f"my tokens\n{token}\n")
    (line,) = lines(read_keys(file.parent))
    assert line.startswith(f"{file}: poem_file: expected a poem, found ")
    assert token not in line


def test_two_files_for_one_bot_are_told(write_key: WriteKey) -> None:
    """Upper and lower case are one account; so is one token under two names. The first by file name is used."""
    first = write_key("a.json")
    second = write_key("b.json", screen_name="DOLLY", oauth_token="other")
    third = write_key("c.json", screen_name="ewe")
    ring = read_keys(first.parent)
    assert ["dolly"] == [key.screen_name for key in ring.keys]
    assert [
        f"{second}: screen_name: DOLLY has a key in {first} too; keep one",
        f"{third}: oauth_token: the same as in {first}; authorize this bot's account",
    ] == lines(ring)


def test_one_name_on_two_networks_is_two_bots(write_key: WriteKey) -> None:
    """The pasture's dolly is not X's."""
    folder = write_key("a.json").parent
    write_key("b.json", network="pasture", oauth_token="other")
    assert 2 == len(read_keys(folder).keys)


def test_an_unknown_field_is_a_warning_with_the_nearest_name(write_key: WriteKey) -> None:
    """The bot runs all the same."""
    file = write_key(line_intervall=5, mood="woolly")
    ring = read_keys(file.parent)
    assert 1 == len(ring.keys)
    assert (
        f"{file}: line_intervall: unknown field; did you mean 'line_interval'?",
        f"{file}: mood: unknown field; it is ignored",
    ) == ring.warnings


def test_an_unknown_fields_name_cannot_break_the_warnings_line(write_key: WriteKey) -> None:
    """A line feed or an escape sequence in a field's name reaches no terminal."""
    ring = read_keys(write_key(**{"mood\n\x1b[31m": 1}).parent)
    (warning,) = ring.warnings
    assert warning.isprintable()


def test_a_folder_of_six_kinds_of_trouble_gives_six_lines(write_key: WriteKey) -> None:
    """And the good keys beside them are still found."""
    folder = write_key("good.json").parent
    (folder / "a.json").write_text("{")
    write_key("b.json", screen_name="b", oauth_token=...)
    write_key("c.json", screen_name="c", poem_file="lost.txt")
    write_key("d.json", screen_name="d", line_interval=-5)
    (folder / "e.json").write_text("[]")
    write_key("h.json", oauth_token="other")
    ring = read_keys(folder)
    assert ["dolly"] == [key.screen_name for key in ring.keys]
    assert ["a", "b", "c", "d", "e", "h"] == [Path(line.split(": ")[0]).stem for line in lines(ring)]


def test_a_folder_without_keys_is_refused(tmp_path: Path) -> None:
    """Missing, empty, or a file: each is one line that says what to give."""
    (tmp_path / ".hidden.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("{}")
    for folder, text in (
        (tmp_path, "no key file; put one .json file a bot into it"),
        (tmp_path / "lost", "no such folder; give the folder"),
        (tmp_path / "notes.txt", "expected a folder of key files, found a file; give the folder"),
    ):
        with pytest.raises(BadKeys) as caught:
            read_keys(folder)
        assert str(caught.value).startswith(f"{folder}: {text}")


NEARLY_KEYS = [
    *[
        (name, "rename it to dolly.json")
        for name in ("dolly.json.txt", "dolly.JSON.TXT", "dolly.json ", "dolly_json")
    ],
    *[(f"dolly.{ending}", "write its fields into dolly.json") for ending in ("yml", "yaml", "toml", "ini")],
    *[(".env", "write its values into bot.json"), ("dolly.env", "write its values into dolly.json")],
    *[("dolly.jsonc", "write it as plain JSON into dolly.json"), ("dolly.jsonl", "write each of its lines into")],
]


@pytest.mark.parametrize(("name", "advice"), NEARLY_KEYS)
def test_a_file_with_another_ending_is_told(write_key: WriteKey, name: str, advice: str) -> None:
    """It is left out with a warning; where there is no key file, it is what was found."""
    good = write_key("good.json")
    folder = good.parent
    (folder / name).write_text("{}")
    assert (f"{folder / name}: left out, since its name does not end in .json; {advice}",) == tuple(
        warning[: len(f"{folder / name}: left out, since its name does not end in .json; {advice}")]
        for warning in read_keys(folder).warnings
    )
    good.unlink()
    with pytest.raises(BadKeys, match="no key file; put one") as caught:
        read_keys(folder)
    assert f"; found {name}: {advice}" in str(caught.value)


def test_other_files_in_the_folder_are_no_trouble(write_key: WriteKey) -> None:
    """Poems, backups, hidden files; where there is no key file, they are what was found."""
    good = write_key("good.JSON")
    for name in ("dolly.json.bak", ".dolly.json", "._good.json", "README.md", "dolly.txt"):
        good.with_name(name).write_text("baa")
    assert () == read_keys(good.parent).warnings
    good.unlink()
    with pytest.raises(BadKeys, match=r"; found \._good\.json, \.dolly\.json, README\.md and 3 more$"):
        read_keys(good.parent)


def test_many_files_with_another_ending_are_counted(write_key: WriteKey) -> None:
    """The first three have a line each."""
    folder = write_key().parent
    for number in range(9):
        (folder / f"{number}.yml").write_text("a: b")
    assert 4 == len(read_keys(folder).warnings)
    assert "6 more files are left out" in read_keys(folder).warnings[3]
    for number in range(4, 9):
        (folder / f"{number}.yml").unlink()
    (line,) = about_other_files(folder)[3:]
    assert line.endswith("1 more file is left out, since its name does not end in .json")


def test_a_poem_of_two_accounts_is_told(write_key: WriteKey) -> None:
    """X does not allow it; the practice server does, and two networks do not know of each other."""
    first = write_key("a.json")
    second = write_key("b.json", screen_name="b", oauth_token="b", poem_file="./poem.txt")
    third = write_key("c.json", screen_name="c", oauth_token="c", network="pasture")
    keys = read_keys(first.parent).keys
    (line,) = map(str, shared_poems(keys))
    assert line.startswith(f"{first}: poem_file: the same poem as in {second}; X does not allow several accounts")
    assert [] == [*shared_poems([keys[0], keys[2]])]
    (line,) = map(str, shared_poems([*keys[:2], keys[1]]))
    assert f"the same poem as in {second} and 1 more bot; " in line
    write_key("d.json", screen_name="d", oauth_token="d", network="pasture")
    assert 1 == len([*shared_poems(read_keys(third.parent).keys)])


def test_a_folder_that_cannot_be_read_is_not_called_empty(write_key: WriteKey) -> None:
    """It is told why."""
    folder = write_key().parent
    with no_more_files(), pytest.raises(BadKeys) as caught:
        read_keys(folder)
    expected = "cannot be read: Too many open files; raise LimitNOFILE= or ulimit -n"
    assert f"{folder}: {expected}" == str(caught.value)


def test_what_is_no_key_file_harms_no_other(write_key: WriteKey) -> None:
    """A line for each, and the good key beside them is found."""
    good = write_key()
    folder = good.parent
    os.mkfifo(folder / "a.json")
    (folder / "b.json").symlink_to("/dev/zero")
    (folder / "c.json").mkdir()
    (folder / "d.json").write_bytes(b" " * 1_000_001)
    (folder / "e.json").write_text("[" * 100_000)
    (folder / "f.json").symlink_to("nowhere")
    ring = read_keys(folder)
    assert [good] == [key.file for key in ring.keys]
    assert ["a", "b", "c", "d", "e", "f"] == [problem.file.stem for problem in ring.problems]
    assert 6 == len(lines(ring))


def test_an_app_that_others_can_read_is_told(write_key: WriteKey) -> None:
    """Whoever has its secret can act for it on X. It is no key file, and may be missing."""
    folder = write_key().parent
    assert () == read_keys(folder).warnings
    app = folder / APP_FILE
    app.write_text("{}")
    app.chmod(0o600)
    assert () == read_keys(folder).warnings
    app.chmod(0o640)
    line = f"{app}: others can read its secrets; run: chmod 600 {app}"
    assert (line,) == read_keys(folder).warnings == about_other_files(folder)


def test_keys_that_others_can_read_are_told_with_the_remedy(write_key: WriteKey) -> None:
    """Three by name, the others by their number."""
    files = [write_key(f"{name} .json", screen_name=name, oauth_token=name) for name in "abcde"]
    for file in files:
        file.chmod(0o644)
    warnings = read_keys(files[0].parent).warnings
    assert [f"{file}: others can read its secrets; run: chmod 600 '{file}'" for file in files[:3]] == [
        *warnings[:3]
    ]
    assert "others can read the secrets of 2 more key files" in warnings[3]
    assert 4 == len(warnings)


def test_a_file_name_cannot_break_the_warnings_line(write_key: WriteKey) -> None:
    """Neither a line feed nor a byte that is not UTF-8."""
    file = write_key("d\n\udcff.json")
    file.chmod(0o644)
    (warning,) = read_keys(file.parent).warnings
    assert warning.isprintable()


@pytest.mark.parametrize(("mode", "network"), [(0o600, "x"), (0o400, "x"), (0o644, "pasture")])
def test_private_keys_and_practice_keys_need_no_warning(write_key: WriteKey, mode: int, network: str) -> None:
    """A practice key opens no account on any network."""
    file = write_key(network=network)
    file.chmod(mode)
    assert () == read_keys(file.parent).warnings


def test_the_example_keys_are_good() -> None:
    """Every one of them, with its poem and without a warning."""
    ring = read_keys(EXAMPLES)
    assert ((), ()) == (ring.problems, ring.warnings)
    assert {"pasture", "bluesky", "mastodon"} == {key.network for key in ring.keys}
    assert all(key.practises for key in ring.keys)
    assert all(isinstance(key, Key) for key in ring.keys)
