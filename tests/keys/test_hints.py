"""What is said of values, paths and JSON that cannot be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.keys import Key, XCredentials, read_key, read_keys
from flock.keys.hints import about_json, trimmed
from tests.conftest import KEY
from tests.keys.conftest import SECRET, WriteKey, lines

ACCESS_TOKEN = "1234567890-" + "cesame" * 7
CONSUMER_KEY = "aB3dEfGh1jKlMn0pQrStUvWxY"


def told(file: Path) -> str:
    """Return the line about the folder's only key, without its path."""
    (line,) = lines(read_keys(file.parent))
    assert SECRET not in line
    return line.removeprefix(f"{file}: ")


def own_of(key: Key) -> XCredentials:
    """Return the tokens of a key for X."""
    assert isinstance(key.credentials, XCredentials)
    return key.credentials


PLACEHOLDERS = [
    *(
        "YOUR_CONSUMER_KEY",
        "your-api-key-here",
        "yourkey",
        "<consumer key>",
        "[key]",
        "{api_key}",
        "xxx",
        "XXXXXXXX",
    ),
    *(
        "1234-xxxxxxxxxx",
        "changeme",
        "CHANGE_ME",
        "...",
        "***",
        "TODO",
        "null",
        "none",
        "CONSUMER_KEY",
        "access token",
    ),
    *("REPLACE_WITH_KEY", "enter_your_key", "put-token-here", "my_consumer_key", "not-a-real-consumer-token"),
    *("not-a-secret-of-ewe", "1002-not-a-real-token-of-ewe"),
]
VARIABLES = [
    *(
        "$CONSUMER_KEY",
        "${CONSUMER_KEY}",
        "$(cat key)",
        "{{ key }}",
        "%KEY%",
        "os.environ['KEY']",
        "process.env.KEY",
    ),
    *("<%= key %>", "ENV['KEY']", "env:KEY", "secrets.KEY", "!ENV KEY"),
]


@pytest.mark.parametrize("field", ["consumer_token", "oauth_token_secret"])
def test_placeholders_and_variables_are_told(write_key: WriteKey, field: str) -> None:
    """They would be refused by X at the first post."""
    for values, found in ((PLACEHOLDERS, "a placeholder"), (VARIABLES, "a variable that was not replaced")):
        for value in values:
            assert told(write_key(**{field: value})).startswith(f"{field}: found {found}; "), value


@pytest.mark.parametrize("name", ["YOUR_BOT_NAME", "your_bot", "yourScreenName", "$BOT", "{{name}}"])
def test_a_placeholder_for_the_accounts_name_is_told(write_key: WriteKey, name: str) -> None:
    """It would be a stranger's account."""
    assert told(write_key(screen_name=name)).startswith(
        "screen_name: found a placeholder; write the account's name"
    )


def test_a_practice_key_may_have_any_value(write_key: WriteKey) -> None:
    """Its tokens are invented."""
    values = dict(zip([*KEY][1:5], [*PLACEHOLDERS[6:7], "$A", "not-a-real-one", "1-x"], strict=True))
    assert () == read_keys(write_key(network="pasture", **values).parent).problems


@pytest.mark.parametrize(
    "value", ["not-a-token", "app-secret", "the-app", "1001-token", "made-up-token-of-you", "a/b+c="]
)
def test_what_may_be_a_token_is_taken(write_key: WriteKey, value: str) -> None:
    """Nothing is known of the tokens of other servers that speak X's API."""
    own = own_of(read_key(write_key(consumer_token=value)))
    assert value == own.consumer_token.get_secret_value()


SWAPPED = [
    ({"consumer_token": ACCESS_TOKEN, "oauth_token": CONSUMER_KEY}, "consumer_token: found an access token"),
    ({"oauth_token_secret": ACCESS_TOKEN, "oauth_token": "sesame"}, "oauth_token_secret: found an access token"),
    (
        {"consumer_token": ACCESS_TOKEN, "oauth_token": ACCESS_TOKEN},
        "oauth_token: found the value of consumer_token",
    ),
    ({"oauth_token": "AAAAAAAAAAAAAAAAAAAAAMLhe%2Bsesame"}, "oauth_token: found a token of OAuth 2.0"),
    (
        {"oauth_token": "Bearer sesame"},
        "oauth_token: expected a text in quotes, found a text that is not a token of",
    ),
]


@pytest.mark.parametrize(("fields", "text"), SWAPPED, ids=map(str, range(len(SWAPPED))))
def test_a_value_in_anothers_place_is_told(write_key: WriteKey, fields: dict[str, str], text: str) -> None:
    """An access token of X is digits, a dash and letters; a consumer key has no dash."""
    assert told(write_key(**fields)).startswith(text)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"consumer_token": "c" * 50, "consumer_token_secret": "s" * 25},
            "consumer_token: longer than its secret",
        ),
        ({"oauth_token": "o" * 45}, "oauth_token: does not look like an access token of X"),
    ],
)
def test_a_value_that_is_probably_anothers_is_a_warning(
    write_key: WriteKey, fields: dict[str, str], text: str
) -> None:
    """Its length is no proof."""
    (warning,) = read_keys(write_key(**fields).parent).warnings
    assert text in warning


@pytest.mark.parametrize("around", [" {}\n", "\u200b{}\ufeff", '"{}"', "\u2018{}\u2019", "`{}`", "\u00a0'{}' "])
def test_blanks_invisible_letters_and_quotes_around_a_value_are_dropped(write_key: WriteKey, around: str) -> None:
    """Of tokens, of the account's name, of the poem's path and of intervals."""
    named = {name: around.format(KEY[name]) for name in ("consumer_token", "oauth_token_secret", "screen_name")}
    key = read_key(write_key(**named, poem_file=around.format("poem.txt"), line_interval=around.format("5m")))
    assert KEY["consumer_token"] == own_of(key).consumer_token.get_secret_value()
    assert KEY["oauth_token_secret"] == own_of(key).oauth_token_secret.get_secret_value()
    assert ("dolly", "poem.txt", 300) == (key.screen_name, key.poem_file.name, key.line_interval)


@pytest.mark.parametrize(
    "inside", [" ", "\n", "\t", "\u200b", "\u00a0", "\u202e", "\u00ad", '"', ",", "é", "\u3164"]
)
def test_what_no_token_has_is_told_and_not_dropped_inside_of_one(write_key: WriteKey, inside: str) -> None:
    """Half of it may be missing."""
    line = told(write_key(oauth_token=f"1001-{inside}sesame"))
    assert line.startswith("oauth_token: expected a text in quotes, found a text that is not a token")
    assert line.isprintable()


@pytest.mark.parametrize(
    "name", ["https://x.com/dolly", "twitter.com/dolly/", "https://mobile.twitter.com/@dolly?lang=en", "@dolly"]
)
def test_the_address_of_a_profile_names_the_account(write_key: WriteKey, name: str) -> None:
    """On X."""
    assert "dolly" == read_key(write_key(screen_name=name)).screen_name


POEMS = [
    ("C:\\Users\\me\\poem.txt", "a path of Windows"),
    ("C:/Users/me/poem.txt", "a path of Windows"),
    ("\\\\server\\poem.txt", "a path of Windows"),
    ("..\\poem.txt", "write / between folders, and not a backslash"),
    ("..\new.txt", "a line break or a tab in it; where a backslash is meant"),
    ("https://example.org/poem.txt", "a URL; save the text as a file"),
    ("file:///poem.txt", "a URL; save the text as a file"),
    ("$HOME/poem.txt", "a variable that was not replaced"),
    ("${HOME}/poem.txt", "a variable that was not replaced"),
    ("%USERPROFILE%/poem.txt", "a variable that was not replaced"),
    ("<path of the poem>", "a placeholder"),
    ("..", "found a folder"),
]


@pytest.mark.parametrize(("path", "text"), POEMS)
def test_what_is_no_path_of_a_poem_is_told(write_key: WriteKey, path: str, text: str) -> None:
    """With what to write instead."""
    line = told(write_key(poem_file=path))
    assert line.startswith("poem_file: ")
    assert text in line


GOOD = json.dumps(KEY)
BROKEN = [
    (GOOD[:-1] + ",}", "a comma after the last field"),
    (GOOD + GOOD, "several objects in it; write each bot into a file of its own"),
    (GOOD + "\n" + GOOD + "\n", "several objects in it"),
    ("// my bot\n" + GOOD, "JSON has no comments"),
    ("# my bot\n" + GOOD, "JSON has no comments"),
    ("/* my bot */" + GOOD, "JSON has no comments"),
    (GOOD.replace(", ", ", // sesame\n"), "JSON has no comments"),
    (GOOD.replace('"', "'"), "it holds single quotes"),
    (GOOD.replace('"', "“"), "it holds curly quotes"),
    (GOOD.replace('"dolly"', "“dolly”"), "it holds curly quotes"),
    (GOOD.replace('"dolly"', "None"), "True, False and None are Python"),
    (GOOD.replace('"dolly"', "dolly"), "a text without quotes"),
    (GOOD.replace('"screen_name"', "screen_name"), "a field's name without quotes"),
    (GOOD[:-2], "a quote that is opened and not closed"),
    (GOOD[1:-1], "the braces around it are missing"),
    (GOOD.replace("poem.txt", "..\\poem.txt"), "there is a backslash in quotes; write / in paths"),
    (GOOD.replace("poem.txt", "C:\\users\\poem.txt"), "there is a backslash in quotes; write / in paths"),
    (GOOD.replace("dolly", "dol\nly"), "there is a line break or a tab within quotes"),
    ("screen_name: dolly\nconsumer_token: sesame\n", "it looks like YAML"),
    ("---\nscreen_name: dolly\n", "it looks like YAML"),
    ("CONSUMER_KEY=sesame\nCONSUMER_SECRET=sesame\n", "it looks like .env, INI or TOML"),
    ("# mine\nexport CONSUMER_KEY='sesame'\n", "it looks like .env, INI or TOML"),
    ("[bot]\nconsumer_token = 'sesame'\n", "it looks like INI or TOML"),
    ("const keys = " + GOOD, "it looks like JavaScript"),
    ("{\\rtf1 sesame}", "it is RTF"),
    ("<html>sesame</html>", "it looks like HTML or XML"),
    (" \n" * 5000, "the file is empty"),
    (GOOD.replace(", ", " ", 1), "look for a missing or surplus comma"),
]


@pytest.mark.parametrize(("text", "hint"), BROKEN, ids=map(str, range(len(BROKEN))))
def test_what_breaks_the_json_is_told(write_key: WriteKey, text: str, hint: str) -> None:
    """After the place where it breaks."""
    file = write_key()
    file.write_text(text, encoding="utf-8")
    line = told(file)
    assert line.startswith("broken JSON at line ")
    assert hint in line


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_told(write_key: WriteKey, encoding: str) -> None:
    """With a byte order mark and without one."""
    file = write_key()
    for text in (GOOD, json.dumps({**KEY, "mood": "é\u0100"}, ensure_ascii=False)):
        file.write_bytes(text.encode(encoding))
        assert "it looks like UTF-16" in told(file)


def test_a_field_that_stands_twice_is_told(write_key: WriteKey) -> None:
    """JSON allows it, and each parser takes another one; two equal ones do no harm."""
    file = write_key()
    file.write_text(GOOD[:-1] + ', "oauth_token": "1-sesame"}')
    assert told(file).startswith("oauth_token: expected one value, found it twice with different values")
    file.write_text(GOOD[:-1] + ', "screen_name": "dolly"}')
    assert () == read_keys(file.parent).problems


@given(
    st.text(st.characters()),
    st.sampled_from(["Extra data", "Expecting value", "Unterminated", "?"]),
    st.integers(0, 9),
)
def test_any_text_has_a_hint_that_does_not_quote_it(text: str, message: str, position: int) -> None:
    """A printable one."""
    hint = about_json(f"{text} sesame", message, position)
    assert hint.isprintable()
    assert SECRET not in hint


@given(st.text(st.characters() | st.sampled_from(" \u200b'\"“”")))
def test_trimming_twice_changes_nothing(text: str) -> None:
    """And takes only from the ends."""
    assert trimmed(text) in text
    assert trimmed(text) == trimmed(trimmed(text))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[
            ("10 minutes", 600),
            ("1h30m", 5400),
            ("1 hour 30 minutes", 5400),
            ("1 h, 30 min", 5400),
            ("90 sec", 90),
        ],
        *[
            ("1.5 Hours", 5400),
            ("2 days", 172800),
            ("1 hour and 1 second", 3601),
            ("1d2h3m4s", 93784),
            ("30m", 1800),
        ],
    ],
)
def test_an_interval_may_be_written_in_words(write_key: WriteKey, text: str, seconds: float) -> None:
    """Where its meaning is certain."""
    assert seconds == read_key(write_key(line_interval=text)).line_interval


@pytest.mark.parametrize(
    "text",
    [
        "5-10m",
        "30m1h",
        "1h1h",
        "1h30",
        "1:30",
        "half an hour",
        "10 fortnights",
        "٣m",
        "999 days",
        "-1 minute",
        "m",
    ],
)
def test_an_interval_that_is_not_certain_is_told(write_key: WriteKey, text: str) -> None:
    """As any other."""
    assert told(write_key(poem_interval=text)).startswith("poem_interval: expected seconds, 0 or more")


@pytest.mark.parametrize("value", ["20", " 20\n", 20])
def test_a_number_may_be_a_text(write_key: WriteKey, value: Any) -> None:
    """Of posts a day, and of the account."""
    key = read_key(write_key(posts_per_day=value, user_id=value))
    assert (20, "20") == (key.posts_per_day, own_of(key).user_id)
