"""What is probably wrong with a key file, in words: with its JSON, with a value, with the path of its poem.

Each table has patterns, and what to say of a text in which they are found. No hint quotes the text.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from flock.keys.names import NAMES, fold, meanings

ONE_BOT = "write each bot into a file of its own, like those in keys.example/"
_EXAMPLE = "write it like the files in keys.example/"

# JSON: the text as a whole

_FORMATS = (
    (r"\A\s*\Z", "the file is empty; copy one from keys.example/"),
    (r"\0", "it looks like UTF-16 or UTF-32; save it as UTF-8"),
    (r"\A\s*<", f"it looks like HTML or XML; {_EXAMPLE}"),
    (r"\A\s*\{\\rtf", "it is RTF; save it as plain text"),
    (r"\A\s*(module\.exports|export (default|const)|const|let|var)\b", f"it looks like JavaScript; {_EXAMPLE}"),
    (r"\A(\s*#.*\n)*\s*(export\s+)?\w+[ \t]*=", f"it looks like .env, INI or TOML; {_EXAMPLE}"),
    (r"\A(\s*#.*\n)*\s*\[\w[^\]\n,]*\]\s*\n\s*\w+[ \t]*=", f"it looks like INI or TOML; {_EXAMPLE}"),
    (r"\A(---)?(\s*#.*\n)*\s*(- )?[\w-]+:(\s|$)", f"it looks like YAML; {_EXAMPLE}"),
    (r"\A\s*(\w+\s*=\s*)?(//|#|/\*)", "JSON has no comments; take them out"),
    (r"\A\s*\"[^\"\n]*\"\s*:", "the braces around it are missing; put { before it and } after it"),
)

# JSON: what the parser says, and what stands where it stops

_FAULTS = (
    ("Invalid \\", r"", r"there is a backslash in quotes; write / in paths, or \\"),
    ("Invalid control", r"", "there is a line break or a tab within quotes; write the text on one line"),
    ("Illegal trailing comma", r"", "there is a comma after the last field; take it out"),
    ("Extra data", r"\s*,?\s*\{", f"there are several objects in it; {ONE_BOT}"),
    ("", r"\s*(//|#|/\*)", "JSON has no comments; take them out"),
    ("", r"\s*'", 'it holds single quotes; use straight double ones (")'),
    ("", r"\s*[\u2018-\u201f\u00ab\u00bb\u2039\u203a\uff02`]", 'it holds curly quotes; use straight ones (")'),
    ("Expecting value", r"(True|False|None)\b", "True, False and None are Python; write true, false or null"),
    ("Expecting value", r"[\w$.-]", "there is a text without quotes; write it in double quotes"),
    (
        "Expecting property",
        r"[\w$.-]",
        "there is a field's name without quotes; write it in double quotes",
    ),
    ("Unterminated", r"", "there is a quote that is opened and not closed"),
)
_HEAD = 4096  # letters that are looked at
_SURPLUS = "look for a missing or surplus comma, quote or brace just before it"


def about_json(text: str, message: str, position: int) -> str:
    """Return what is probably wrong with a text that JSON's parser refuses at `position` with `message`."""
    head = text.strip()[:_HEAD]
    for pattern, hint in _FORMATS:
        if re.search(pattern, head):
            return hint
    for start, pattern, hint in _FAULTS:
        if message.startswith(start) and re.match(pattern, text[position : position + _HEAD]):
            return hint
    return 'it holds curly quotes; use straight ones (")' if re.search("[“”„«»]", text) else _SURPLUS


# A single value

_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "”": "”", "„": "“", "‘": "’", "’": "’", "«": "»"}
_PLAIN = re.compile(r"[A-Za-z0-9_./+=%:@-]+")  # what nearly all values are made of; saves time
_SHOW_NOTHING = ("Cc", "Cf", "Zl", "Zp", "Zs")

_VARIABLE = re.compile(
    r"\A\$\w|\$[{(]|\{\{|\A%\w+%\Z|<%|environ\b|getenv|process\.env|\bENV\[|\A!\w|\A(env|secrets?|vars?)[.:]\w",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\A[<\[{(].*[>\]})]\Z|\A[x*.…_#?-]{3,}\Z|x{5,}|\*{3,}|\.{3,}\Z|(\A|[^a-z])your?[_ -]|\Ayour[a-z]|"
    r"change[_ -]?me|replace[_ -]?(me|this|with)|\A(insert|enter|paste|put|add|fill)[_ -]|[_ -]here\Z|placeholder|"
    r"\A(todo|tbd|fixme|none|null|nil|undefined|n/a|redacted|hidden|example)\Z|(\A|\d-)not-a-(real|secret)|"
    r"\Amy[_ -](api|app|consumer|access|token|secret|key)",
    re.IGNORECASE,
)
_NAME_OF_FIELD = re.compile(r"[A-Z][A-Z_]+|[A-Za-z]+( [A-Za-z]+)+")  # CONSUMER_KEY, "access token"
_NO_NAME = re.compile(r"your(bot|screen|user|account|twitter|x)*(name|handle|account|bot)", re.IGNORECASE)
_ACCESS_TOKEN = re.compile(r"\d{2,20}-[0-9A-Za-z_-]+", re.ASCII)
_LONGEST_TOKEN = 4096  # letters
_SHORTEST_REAL = 20  # letters; made-up tokens are shorter
_BEARER = re.compile(r"A{10,}")
_SECRET_LENGTH, _KEY_LENGTH = 40, 30  # X's consumer secrets have 50 letters, and consumer keys 25


def trimmed(text: str) -> str:
    """Return `text` without blanks and invisible characters at its ends, and without quotes around it."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return text
    seen = [at for at, letter in enumerate(text) if not _shows_nothing(letter)]
    text = text[seen[0] : seen[-1] + 1] if seen else ""
    return trimmed(text[1:-1]) if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] else text


def _shows_nothing(letter: str) -> bool:
    return unicodedata.category(letter) in _SHOW_NOTHING


def wrong_in_token(text: str) -> str:
    """Return what a trimmed text is that cannot be a token, in words; an empty text if it may be one."""
    if len(text) > _LONGEST_TOKEN:
        return f"a text that is not a token, since it has over {_LONGEST_TOKEN} letters"
    if _PLAIN.fullmatch(text):
        return ""
    if re.match(r"(bearer|oauth|basic)\s", text, re.IGNORECASE):
        return "a text that is not a token of OAuth 1.0a, but a header of OAuth 2.0"
    if text and any(map(_shows_nothing, text)):
        return "a text that is not a token: a blank, a line break or an invisible character is inside"
    if not text.isascii() or not text.isprintable() or re.search("[\"'`,;]", text):
        return "a text that is not a token"
    return ""


def doubts(tokens: Mapping[str, str], screen_name: object, *, oauth_2: bool) -> Iterator[tuple[str, str]]:
    """Yield each field whose value no network gives, and what was found: a placeholder, another field's value.

    `oauth_2` says whether the file has fields of OAuth 2.0, too.
    """
    for field, text in tokens.items():
        if len(text) > _LONGEST_TOKEN:
            continue
        if _VARIABLE.search(text):
            yield field, "found a variable that was not replaced; write the value itself"
        elif _is_placeholder(text):
            where = "copy the value from the developer portal" if field in NAMES else "write the value itself"
            yield field, f"found a placeholder; {where}"
        elif field not in NAMES:
            continue  # the rest is about the tokens of X
        elif twin := _twin(field, tokens):
            yield field, f"found the value of {twin}; each of the two has its own in the developer portal"
        elif field != "oauth_token" and _ACCESS_TOKEN.fullmatch(text):
            if not _ACCESS_TOKEN.fullmatch(tokens.get("oauth_token", "")):
                yield field, "found an access token (digits, a dash, letters); put it into oauth_token"
        elif field == "oauth_token" and (_BEARER.match(text) or (oauth_2 and not _ACCESS_TOKEN.fullmatch(text))):
            yield field, "found a token of OAuth 2.0; expected the Access Token: digits, a dash, letters"
    if isinstance(screen_name, str) and (_VARIABLE.search(screen_name) or _NO_NAME.fullmatch(fold(screen_name))):
        yield "screen_name", "found a placeholder; write the account's name, such as dolly"


def _twin(field: str, tokens: Mapping[str, str]) -> str | None:
    """Return an earlier field with the same value, where that is long enough to be a real one."""
    earlier = [*tokens][: [*tokens].index(field)]
    same = (each for each in earlier if tokens[each] == tokens[field])
    return next(same, None) if len(tokens[field]) >= _SHORTEST_REAL else None


def _is_placeholder(text: str) -> bool:
    is_name = bool(_NAME_OF_FIELD.fullmatch(text)) and bool(meanings(text))
    return is_name or bool(_PLACEHOLDER.search(text))


def suspicions(tokens: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each field whose value is probably another's, by its length and form."""
    key, secret = tokens.get("consumer_token", ""), tokens.get("consumer_token_secret", "")
    if len(key) >= _SECRET_LENGTH and 0 < len(secret) <= _KEY_LENGTH:
        yield "consumer_token", "longer than its secret; check whether the two are swapped"
    token = tokens.get("oauth_token", "")
    if len(token) >= _SHORTEST_REAL and not _ACCESS_TOKEN.fullmatch(token):
        yield "oauth_token", "does not look like an access token of X (digits, a dash, letters)"


# The path of a poem

_LONGEST_PATH = 4096  # letters, on Linux
_NO_PATHS = (
    (r"\A\w[\w+.-]+:/", "a URL; save the text as a file on this machine, and give its path"),
    (r"\A[A-Za-z]:[\\/]", "a path of Windows; give a path on this machine, with / between folders"),
    (r"\A\\\\", "a path of Windows; give a path on this machine, with / between folders"),
    (r"[\0-\x1f]", r"a line break or a tab in it; where a backslash is meant, write / or \\"),
    (r"\A\$|\$\{|\{\{|\A%\w+%", "a variable that was not replaced; write the path itself"),
    (r"\A<.*>\Z", "a placeholder; write the path itself"),
)


def wrong_in_path(text: str) -> str:
    """Return what a text is that is no path of a poem, in words; an empty text if it may be one."""
    if len(text) > _LONGEST_PATH:
        return f"found one of more than {_LONGEST_PATH} letters, which no file can have"
    return next((f"found {hint}" for pattern, hint in _NO_PATHS if re.search(pattern, text)), "")


def about_poem(given: str, path: Path, reason: str) -> str:
    """Return why the poem at `path`, which the key file gives as `given`, cannot be read."""
    if "\\" in given and not os.path.exists(path):  # noqa: PTH110
        return f"{reason}; write / between folders, and not a backslash"
    return reason
