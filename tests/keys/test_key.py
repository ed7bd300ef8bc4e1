"""Key files: what is a good one, what is said of a bad one, and that no secret is ever shown."""

import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flock.errors import BadKeys
from flock.keys import KeyRing, Params, XCredentials, find_poem, read_key, read_keys, with_about
from flock.keys.json_file import LARGEST
from flock.keys.key import known_fields
from flock.poem import About
from tests.conftest import no_more_files, open_files
from tests.keys.conftest import SECRET, WriteKey, all_that_shows, lines


def test_a_good_key_holds_its_fields(write_key: WriteKey) -> None:
    """Its tokens can be asked for. The at sign that people write is not part of the name."""
    key = read_key(write_key(screen_name="@Dolly", line_interval="90s", poem_interval=3600, api="1.1"))
    assert "Dolly" == key.screen_name
    assert isinstance(key.credentials, XCredentials)
    assert "1001-token-sesame" == key.credentials.oauth_token.get_secret_value()
    assert (90.0, 3600.0) == (key.line_interval, key.poem_interval)
    assert ("x", "1.1") == (key.network, key.credentials.api)


def test_the_params_are_the_files_fields_as_they_stand_there(write_key: WriteKey) -> None:
    """The seed's `params` mapping, with a bot's own fields too."""
    params = read_key(write_key(mood="woolly", screen_name=" @dolly ")).params
    assert (" @dolly ", "woolly", "poem.txt") == (params["screen_name"], params["mood"], params["poem_file"])
    assert 7 == len(params)


def test_the_field_file_of_rainbow_mind_machine_names_the_poem(write_key: WriteKey) -> None:
    """Keys made by the older tool work as they are, and raise no warning."""
    file = write_key(poem_file=..., file="poem.txt")
    ring = read_keys(file.parent)
    assert [file.parent / "poem.txt"] == [key.poem_file for key in ring.keys]
    assert ((), ()) == (ring.problems, ring.warnings)


def test_a_poem_is_looked_for_beside_the_key_then_in_the_working_directory(
    write_key: WriteKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absolute paths are taken as they are; where there is no such file, the place beside the key is named."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (elsewhere / "here.txt").write_text("baa\n")
    file = write_key("keys/dolly.json", poem_file="here.txt")
    assert elsewhere / "here.txt" == read_key(file).poem_file
    (tmp_path / "keys" / "here.txt").write_text("baa\n")
    assert tmp_path / "keys" / "here.txt" == read_key(file).poem_file
    assert tmp_path / "poem.txt" == read_key(write_key(poem_file=str(tmp_path / "poem.txt"))).poem_file
    assert tmp_path / "keys" / "no.txt" == find_poem(read_key(write_key("keys/ewe.json", poem_file="no.txt")))


def test_a_key_is_read_in_a_working_directory_that_was_removed(
    write_key: WriteKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poem beside the key is found all the same."""
    file = write_key()
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    away.rmdir()
    assert tmp_path / "poem.txt" == read_key(file).poem_file


def test_a_poem_may_be_in_the_home_directory(
    write_key: WriteKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tilde means what it means in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write_key()
    assert tmp_path / "poem.txt" == read_key(write_key("keys/dolly.json", poem_file="~/poem.txt")).poem_file


NESTED: Any = []
for _ in range(300):
    NESTED = [NESTED]

TOO_DEEP: Any = NESTED
for _ in range(300):
    TOO_DEEP = [TOO_DEEP]

BAD_FIELDS = [
    ({"screen_name": ...}, "screen_name", "missing; add the account's name"),
    ({"screen_name": 7}, "screen_name", "expected the account's name"),
    ({"screen_name": "two words"}, "screen_name", "expected the account's name"),
    ({"screen_name": ""}, "screen_name", "expected the account's name"),
    ({"consumer_token": ...}, "consumer_token", "missing; copy it from the developer portal"),
    ({"consumer_token": ..., "consumer_tokn": "sesame"}, "consumer_token", "missing; rename 'consumer_tokn'"),
    ({"consumer_token": ""}, "consumer_token", "expected a text in quotes, found an empty one; copy it again"),
    ({"consumer_token": None}, "consumer_token", "found an empty one; copy it again"),
    ({"consumer_token_secret": 7}, "consumer_token_secret", "expected a text in quotes, found a number"),
    ({"oauth_token": ["sesame"]}, "oauth_token", "expected a text in quotes, found a list"),
    ({"oauth_token": {"sesame": 1}}, "oauth_token", "expected a text in quotes, found an object"),
    ({"oauth_token_secret": True}, "oauth_token_secret", "expected a text in quotes, found true or false"),
    ({"oauth_token_secret": "sesame\nsesame"}, "oauth_token_secret", "found a text that is not a token"),
    ({"oauth_token_secret": "sésame"}, "oauth_token_secret", "found a text that is not a token"),
    ({"oauth_token_secret": "sesame" * 1000}, "oauth_token_secret", "found a text that is not a token"),
    ({"poem_file": ...}, "poem_file", "missing; add the path of the poem"),
    ({"poem_file": 7}, "poem_file", "expected the path of a text file"),
    ({"poem_file": " "}, "poem_file", "expected the path of a text file"),
    ({"poem_file": "nul\0.txt"}, "poem_file", "expected the path of a text file"),
    ({"poem_file": "lost.txt"}, "poem_file", "no such file"),
    ({"poem_file": "."}, "poem_file", "found a folder"),
    ({"poem_file": "x" * 5000}, "poem_file", ""),
    ({"poem_file": "\ud800.txt"}, "poem_file", ""),
    ({"poem_file": "~nobody-of-that-name/poem.txt"}, "poem_file", ""),
    ({"line_interval": -1}, "line_interval", "expected seconds, 0 or more"),
    ({"line_interval": "soon"}, "line_interval", "expected seconds, 0 or more"),
    ({"line_interval": True}, "line_interval", "expected seconds, 0 or more"),
    ({"line_interval": [30]}, "line_interval", "expected seconds, 0 or more"),
    ({"line_interval": 10**400}, "line_interval", "expected seconds, 0 or more"),
    ({"poem_interval": "nan"}, "poem_interval", "expected seconds, 0 or more"),
    ({"poem_interval": 1e300}, "poem_interval", "expected seconds, 0 or more"),
    ({"posts_per_day": -1}, "posts_per_day", "expected"),
    ({"posts_per_day": 1.5}, "posts_per_day", "expected"),
    ({"posts_per_day": True}, "posts_per_day", "expected"),
    ({"posts_per_day": 2**63}, "posts_per_day", "expected a whole number under 2**63"),
    ({"posts_per_day": 10**400}, "posts_per_day", "expected a whole number under 2**63"),
    ({"temperament": {"forget": NESTED}}, "temperament", "forget: expected a number from 0 to 1"),
    ({"user_id": True}, "user_id", "expected the account's number"),
    ({"user_id": "dolly"}, "user_id", "expected the account's number"),
    ({"user_id": -4}, "user_id", "expected the account's number"),
    ({"user_id": 10**30}, "user_id", "expected the account's number"),
    ({"user_id": "9" * 5000}, "user_id", "expected the account's number"),
    ({"screen_name": "a" * 65}, "screen_name", "expected the account's name"),
    ({"line_interval": "٣٠"}, "line_interval", "expected seconds, 0 or more"),
    ({"mood": TOO_DEEP}, "", "broken JSON: a number too long or a nesting too deep"),
    ({"temperament": {"forget": TOO_DEEP}}, "", "broken JSON: a number too long or a nesting too deep"),
    ({"user_id": "١٢٣"}, "user_id", "expected the account's number"),
    ({"network": "myspace"}, "network", 'expected "x", "twitter", '),
    ({"network": None}, "network", 'expected "x", "twitter", '),
    ({"network": ["x"]}, "network", 'expected "x", "twitter", '),
    ({"network": 1}, "network", 'expected "x", "twitter", '),
    ({"api": 2}, "api", 'expected "2" or "1.1", in quotes'),
    ({"api": "3"}, "api", 'expected "2" or "1.1", in quotes'),
]


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    BAD_FIELDS,
    ids=[f"{field}-{number}" for number, (_, field, _) in enumerate(BAD_FIELDS)],
)
def test_a_bad_field_is_one_line_that_names_file_and_field_and_what_to_do(
    write_key: WriteKey, fields: dict[str, Any], field: str, text: str
) -> None:
    """And nothing of the field's value, for it may be a secret in the wrong place."""
    file = write_key(**fields)
    ring = read_keys(file.parent)
    assert () == ring.keys
    (line,) = lines(ring)
    assert line.startswith(f"{file}: {field}: " if field else f"{file}: ")
    assert text in line
    assert 1 == len(line.splitlines())
    assert 1 == len(ring.problems)
    assert SECRET not in line


BAD_FILES = [
    (
        '{"screen_name": "dolly",\n "oauth_token": "sesame"\n "x": 1}',
        "broken JSON at line 3, column 2; look for a missing or surplus comma",
    ),
    ("", "broken JSON at line 1, column 1"),
    ('{"oauth_token": "sesame', "broken JSON at line 1"),
    ('{"line_interval": NaN, "oauth_token": "sesame"}', "broken JSON at line 1, column 19"),
    ('{"line_interval": ' + "9" * 5000 + "}", "broken JSON"),
    ("[" * 100_000, "broken JSON"),
    (json.dumps({"sesame": [[1] * 4000] * 3}), "more than 10,000 values, which is too many for one bot"),
    ('["sesame"]', "expected one JSON object in braces, found a list"),
    ('"sesame"', "expected one JSON object in braces, found a text"),
    ("null", "expected one JSON object in braces, found nothing"),
    ("7", "expected one JSON object in braces, found a number"),
    ("true", "expected one JSON object in braces, found true or false"),
    (
        '{"oauth_token": "sesame"}'.encode("utf-16"),
        "expected UTF-8, found another encoding at byte 1; save it as UTF-8",
    ),
    (
        '{"oauth_token": "sesame", "mood": "na\xefve"}'.encode("latin-1"),
        "expected UTF-8, found another encoding at byte 38",
    ),
]


@pytest.mark.parametrize(("content", "text"), BAD_FILES, ids=map(str, range(len(BAD_FILES))))
def test_a_file_that_is_no_json_object_is_one_line_and_keeps_its_secrets(
    tmp_path: Path, content: str | bytes, text: str
) -> None:
    """It says where the JSON is broken but never quotes it; nor does anything behind the exception."""
    file = tmp_path / "dolly.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadKeys) as caught:
        read_key(file)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{file}: ")
    assert text in line
    assert SECRET not in all_that_shows(caught.value)


def test_a_byte_order_mark_is_taken_in_stride(write_key: WriteKey) -> None:
    """Some editors write one."""
    file = write_key()
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert "dolly" == read_key(file).screen_name


def refusal_of(file: Path) -> str:
    """Return what read_key says of a bad file: one line that begins with its path."""
    with pytest.raises(BadKeys) as caught:
        read_key(file)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{file}: ")
    assert SECRET not in all_that_shows(caught.value)
    return line.removeprefix(f"{file}: ")


def make_folder_at(file: Path) -> None:
    """Make a folder where a file is expected."""
    file.mkdir()


def bind_socket_at(file: Path) -> None:
    """Leave a socket's name behind, as a server does that was killed."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(file))  # such a name may have no more than 107 bytes


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (make_folder_at, "a folder"),
        (os.mkfifo, "a named pipe"),
        (bind_socket_at, "a socket"),
        (lambda file: file.symlink_to("/dev/zero"), "a device"),
        (lambda file: file.symlink_to("/dev/null"), "a device"),
    ],
)
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, make: Callable[[Path], None], found: str) -> None:
    """Reading a named pipe would block, and /dev/zero has no end."""
    file = tmp_path / "dolly.json"
    make(file)
    assert f"expected a plain file, found {found}; take it out of the folder" == refusal_of(file)


def test_a_file_that_becomes_a_pipe_while_it_is_read_does_not_block(
    write_key: WriteKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exchanged between the look at it and the opening."""
    file = write_key()
    plain = file.stat()
    file.unlink()
    os.mkfifo(file)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: plain)
    assert "expected a plain file, found a named pipe; take it out of the folder" == refusal_of(file)


def test_a_file_that_becomes_a_folder_while_it_is_read_leaves_nothing_open(
    write_key: WriteKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exchanged between the look at it and the opening."""
    file = write_key()
    plain = file.stat()
    file.unlink()
    file.mkdir()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: plain)
    assert refusal_of(file).startswith("expected a plain file, found a folder")
    assert 0 == open_files(file)


def test_a_file_over_a_megabyte_is_not_read(write_key: WriteKey) -> None:
    """One of exactly a megabyte is; one of a terabyte is refused at once."""
    file = write_key()
    text = file.read_text()
    file.write_text(text + " " * (LARGEST - len(text)))
    assert "dolly" == read_key(file).screen_name
    file.write_text(text + " " * (LARGEST - len(text) + 1))
    too_large = "too large for a key file (over 1 MB); write it like the files in keys.example/"
    assert too_large == refusal_of(file)
    with file.open("ab") as opened:
        opened.truncate(10**12)  # sparse: it takes no room on the disk
    assert too_large == refusal_of(file)


def test_a_process_without_file_descriptors_says_so(write_key: WriteKey) -> None:
    """The key file is good, and its permissions too."""
    file = write_key()
    with no_more_files(), pytest.raises(BadKeys) as caught:
        read_key(file)
    expected = "cannot be read: Too many open files; raise LimitNOFILE= or ulimit -n"
    assert f"{file}: {expected}" == str(caught.value)


def test_a_link_that_leads_nowhere_is_one_line(tmp_path: Path) -> None:
    """To a missing file, or in a circle."""
    (tmp_path / "lost.json").symlink_to("nowhere")
    (tmp_path / "round.json").symlink_to("round.json")
    advice = "check its path, and where it leads if it is a link"
    assert f"cannot be read: No such file or directory; {advice}" == refusal_of(tmp_path / "lost.json")
    assert f"cannot be read: Too many levels of symbolic links; {advice}" == refusal_of(tmp_path / "round.json")


@pytest.mark.parametrize("name", ["nul\0.json", "half\ud800.json"])
def test_a_path_that_no_file_can_have_is_one_line(tmp_path: Path, name: str) -> None:
    """A Sheep can be made of any text."""
    with pytest.raises(BadKeys, match="no file can have that name") as caught:
        read_key(tmp_path / name)
    assert str(caught.value).isprintable()


def test_a_file_whose_name_is_not_utf8_is_read(write_key: WriteKey, tmp_path: Path) -> None:
    """Python stands in for such bytes with lone surrogates, which no check may stumble over."""
    file = tmp_path / "d\udcfflly.json"
    write_key().rename(file)
    assert file == read_key(file).file


def test_a_fields_name_or_value_may_be_half_a_character(write_key: WriteKey) -> None:
    """JSON can say a lone surrogate: it is a warning or a problem like any other, and can be printed."""
    file = write_key(**{"\ud800": "\ud800", "mood": "\udfff"})
    ring = read_keys(file.parent)
    assert [f"{file}: {name}: unknown field; it is ignored" for name in ("\\ud800", "mood")] == [*ring.warnings]
    for field in ("screen_name", "consumer_token", "user_id", "network", "api", "line_interval", "temperament"):
        line = refusal_of(write_key(**{field: "\ud800"}))
        assert line.startswith(f"{field}: expected ")
        assert line.isprintable()


@pytest.mark.parametrize(
    "field", ["line_interval", "poem_interval", "posts_per_day", "temperament", "api", "user_id"]
)
def test_what_a_key_file_does_not_say_is_none(write_key: WriteKey, field: str) -> None:
    """Also when it said so once, and when it says null: then the flock's own setting holds (again)."""
    said = {"line_interval": 30, "poem_interval": "1h", "posts_per_day": 9, "temperament": "senile", "api": "2"}

    def read(**fields: Any) -> Any:
        key = read_key(write_key(**fields))
        return getattr(key.credentials if field in ("api", "user_id") else key, field)

    assert read(**{"user_id": "7", **said, field: said.get(field, "7")}) is not None
    assert read(**{"user_id": "7", **said, field: ...}) is None
    assert read(**{"user_id": "7", **said, field: None}) is None


def test_everything_wrong_with_a_file_is_one_line(write_key: WriteKey) -> None:
    """All fields in one go, so that it is mended in one go."""
    (line,) = lines(read_keys(write_key(oauth_token=..., line_interval=-1, api=3).parent))
    assert ["oauth_token: ", "api: ", "line_interval: "] == re.findall(
        r"(?:oauth_token|api|line_interval): ", line
    )


def test_a_key_never_prints_its_secrets(write_key: WriteKey) -> None:
    """Not by repr, str, formatting or a dump; nor do its params."""
    key = read_key(write_key(mood="sesame"))
    shown = [repr(key), str(key), f"{key}", repr(key.params), str(key.params), f"{key.params}"]
    shown += [repr(asdict(key)), repr(key.params.items()), repr(KeyRing((key,), ()))]
    assert [] == [text for text in shown if SECRET in text]
    assert "dolly" in repr(key)
    assert "Params(screen_name=…" in repr(key.params)


def test_a_key_does_not_change(write_key: WriteKey) -> None:
    """Threads share it."""
    key = read_key(write_key())
    with pytest.raises(FrozenInstanceError):
        setattr(key, "screen_name", "ewe")  # noqa: B010 - mypy knows as much


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SECRETS = st.sampled_from(["sesame", "1-sesame", "sesame\n", "sesame-é", ["sesame"], {"sesame": "sesame"}])
NAMES = [*known_fields(XCredentials), "file", "params", "credentials", "consumer_key", "\ud800"]
ANYTHING = st.dictionaries(st.sampled_from(NAMES), JSON | SECRETS)
GOOD = st.fixed_dictionaries(
    {
        "screen_name": st.just("dolly"),
        "consumer_token": SECRETS,
        "consumer_token_secret": SECRETS,
        "oauth_token": SECRETS,
        "oauth_token_secret": SECRETS,
        "poem_file": st.just("poem.txt"),
    }
)


@settings(max_examples=150)
@given(st.builds(lambda good, any_: {**good, **any_}, GOOD, ANYTHING) | ANYTHING)
@example({"line_interval": 10**400})
def test_any_json_object_is_a_key_or_bad_keys_and_no_secret_leaks(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any]
) -> None:
    """Every content of a key file gives a key or BadKeys, and neither shows a secret."""
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(json.dumps(fields))
    # A secret in a field that is none is out of our hands; the names and the paths are shown on purpose.
    shown_on_purpose = repr([fields.get(name) for name in ("screen_name", "poem_file", "file", "user_id")])
    refusal = ""
    try:
        shown = repr(read_key(file))
    except BadKeys as error:
        shown, refusal = all_that_shows(error), str(error)
    assert len(refusal.splitlines()) <= 1
    if SECRET not in shown_on_purpose:
        assert SECRET not in shown


def test_params_are_a_mapping_that_equals_its_fields() -> None:
    """As the seed's dictionary was."""
    assert {"a": 1, "b": 2} == dict(Params({"a": 1, "b": 2}))
    with pytest.raises(KeyError):
        Params({})["a"]


def test_what_the_poem_says_of_itself_holds_where_the_key_says_nothing(write_key: WriteKey) -> None:
    """Where the network shows it: the language on Bluesky and Mastodon, the content warning on Mastodon."""
    about = About(language="pt-BR", content_warning="night")
    on_mastodon = {"network": "mastodon", "server": "pasture", "access_token": "sesame"}
    on_bluesky = {"network": "bluesky", "screen_name": "dolly.test", "app_password": "sesame"}

    def told(**fields: Any) -> tuple[Any, Any]:
        own = with_about(read_key(write_key(**fields)), about).credentials
        return getattr(own, "lang", "none"), getattr(own, "content_warning", "none")

    assert ("pt-BR", "night") == told(**on_mastodon)
    assert ("en", "day") == told(**on_mastodon, lang="en", content_warning="day")
    assert ("pt-BR", "none") == told(**on_bluesky)
    assert ("none", "none") == told()


def test_a_key_says_how_its_poem_is_said(write_key: WriteKey) -> None:
    """By any case of the word."""
    assert "stanzas" == read_key(write_key(say="Stanzas")).say
    assert "sentences" == read_key(write_key(poem_format="sentences")).say
    assert read_key(write_key()).say is None
    (line,) = lines(read_keys(write_key(say="verses").parent))
    assert line.endswith("say: expected lines, stanzas or sentences")
