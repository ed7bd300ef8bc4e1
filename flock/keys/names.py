"""Under which names people write the fields of a key file, and which field each name means.

Libraries, the developer portal and older programs have names of their own. A name is read where its meaning is
certain; `docs/keys.md` has the same table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "screen_name": ("screen_name", "username", "account_name", "handle"),
        "consumer_token": (
            *("consumer_token", "consumer_key", "consumer_api_key", "api_key", "api_token", "api_consumer_key"),
            *("app_key", "application_key", "client_key"),
        ),
        "consumer_token_secret": (
            *("consumer_token_secret", "consumer_secret", "consumer_secret_key", "consumer_key_secret"),
            *("consumer_api_secret", "consumer_api_secret_key", "consumer_api_key_secret"),
            *("api_secret", "api_secret_key", "api_key_secret", "api_token_secret", "api_consumer_secret"),
            *("app_secret", "app_key_secret", "application_secret"),
        ),
        "oauth_token": (
            *("oauth_token", "access_token", "access_token_key", "access_key", "token"),
            *("user_access_token", "user_token", "resource_owner_key"),
        ),
        "oauth_token_secret": (
            *("oauth_token_secret", "oauth_secret", "access_token_secret", "access_secret", "access_key_secret"),
            *(
                "token_secret",
                "user_secret",
                "user_access_token_secret",
                "user_token_secret",
                "resource_owner_secret",
            ),
        ),
        "user_id": ("user_id", "account_id"),
        "api": ("api", "api_version"),
        "poem_file": ("poem_file", "poem_path", "poem_filename", "text_file", "file"),
        "network": ("network",),
        "line_interval": ("line_interval",),
        "poem_interval": ("poem_interval",),
        "posts_per_day": ("posts_per_day", "tweets_per_day", "max_posts_per_day", "max_tweets_per_day"),
        "temperament": ("temperament",),
        "thread": ("thread",),
        "say": ("say", "poem_format"),
        "schedule": ("schedule",),
        "poem_schedule": ("poem_schedule",),
        "awake": ("awake",),
        "timezone": ("timezone", "time_zone"),
        "jitter": ("jitter",),
        "stanza_interval": ("stanza_interval",),
    }
)
"""The names of each field of a bot on X; case, blanks, dashes and underscores do not count."""

_OF_X = ("consumer_token", "consumer_token_secret", "oauth_token", "oauth_token_secret", "user_id", "api")
_LANG = ("lang", "language")
OWN_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "bluesky": {
            "app_password": ("app_password", "password"),
            "server": ("server", "pds"),
            "lang": _LANG,
            "mentions": ("mentions",),
        },
        "mastodon": {
            "server": ("server", "instance", "api_base_url"),
            "access_token": ("access_token", "user_access_token", "token"),
            "lang": _LANG,
            "visibility": ("visibility",),
            "content_warning": ("content_warning", "spoiler_text"),
            "mentions": ("mentions",),
        },
        "feed": {"file": ("file", "feed_file"), "title": ("title",), "home": ("home", "home_page_url")},
    }
)
"""The names of the fields that a bot on each other network has in place of those of X's tokens."""

PREFIXES = ("twitter", "x", "oauth", "oauth1", "oauth10a", "my")  # TWITTER_API_KEY means api_key
_OWN_PREFIXES = {"bluesky": ("bluesky", "bsky", "atproto"), "mastodon": ("mastodon",)}
OF_OAUTH_2 = ("client_id", "client_secret", "bearer_token", "bearer", "refresh_token")
OTHER_NETWORKS = frozenset(
    [
        *("mastodon", "bluesky", "bsky", "atproto", "telegram", "discord", "facebook", "instagram", "threads"),
        *("reddit", "slack", "tumblr", "google", "openai", "github", "aws", "medium", "linkedin", "nostr"),
    ]
)
_DEEPEST = 4  # objects in objects
_LONGEST = 99  # letters of a name
_INVISIBLE = re.compile(r"[\W_]")


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """Return the letters and digits of a name, in lower case: "API Key", `api-key` and `apiKey` are one name."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", name).casefold())


def _by_name(names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {fold(name): field for field, all_names in names.items() for name in all_names}


_FIELDS = _by_name(NAMES)
_COMMON = _by_name({field: names for field, names in NAMES.items() if field not in _OF_X})
_FIELDS_OF = {network: {**_COMMON, **_by_name(names)} for network, names in OWN_NAMES.items()}
_OAUTH_2 = frozenset(fold(name) for name in OF_OAUTH_2)
_OF_OAUTH_2_BY_NAME = frozenset(f"oauth2{name}" for name in (*_FIELDS, *_OAUTH_2))


@lru_cache(maxsize=4096)
def field_named(name: str, network: str = "") -> str | None:
    """Return the field that `name` means in the key file of a bot on `network`, or None where that is not certain.

    A network without names of its own has those of X.
    """
    if len(name) > _LONGEST:
        return None
    prefixes = (*PREFIXES, *_OWN_PREFIXES.get(network, ())) if network in OWN_NAMES else PREFIXES
    return _without_prefix(fold(name), _FIELDS_OF.get(network, _FIELDS), prefixes)


@lru_cache(maxsize=4096)
def meanings(name: str) -> frozenset[str]:
    """Return the fields that `name` may mean, on one network or another."""
    return frozenset(filter(None, (field_named(name, network) for network in ("", *OWN_NAMES))))


def _without_prefix(
    folded: str, fields: Mapping[str, str], prefixes: tuple[str, ...], most: int = 2
) -> str | None:
    if folded in fields or not most:
        return fields.get(folded)
    shorter = (folded.removeprefix(prefix) for prefix in prefixes if folded.startswith(prefix))
    return next(filter(None, (_without_prefix(each, fields, prefixes, most - 1) for each in shorter)), None)


@lru_cache(maxsize=4096)
def is_of_oauth_2(name: str) -> bool:
    """Return whether `name` is one of OAuth 2.0, which flock does not use."""
    folded = fold(name)
    return any(folded.removeprefix(prefix) in (*_OAUTH_2, *_OF_OAUTH_2_BY_NAME) for prefix in ("", *PREFIXES))


class Place(NamedTuple):
    """Where a value stands in the file: the names of the objects around it and its own; and the value."""

    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: `given` has a value for each field, and `names` the name in the file that it stands under.

    `contrary` has, by field, two names that give it different values. `bots` are the names of objects that hold
    the same fields with different values: they are several bots. `network` is whose names were read.
    """

    given: dict[str, Any]
    names: dict[str, str]
    contrary: dict[str, tuple[str, str]] = field(default_factory=dict)
    bots: tuple[str, ...] = ()
    network: str = ""


def read_fields(params: Mapping[str, Any]) -> Reading:
    """Return the fields that `params`, a JSON object, gives under any of their names, also in objects within it.

    A field under its own name at the top overrides all others, and a value overrides an empty one.
    """
    reading = _read(params, "")
    network = fold(str(reading.given.get("network", ""))[:_LONGEST])
    return _read(params, network) if network in OWN_NAMES else reading


def _read(params: Mapping[str, Any], network: str) -> Reading:
    found: dict[str, list[Place]] = {}
    for place in _places(params, (), network):
        if name := _field_at(place.path, params, network):
            found.setdefault(name, []).append(place)
    reading = Reading({}, {})
    bots: dict[str, None] = {}  # in their order, each once
    for name, places in found.items():
        said = [place for place in places if place.value not in (None, "")] or places
        first = next((place for place in said if place.path == (name,)), said[0])
        reading.given[name], reading.names[name] = first.value, first.path[0]
        if first.path == (name,):
            continue
        if others := [place for place in said if _plain(place.value) != _plain(first.value)]:
            reading.contrary[name] = (first.path[-1], others[0].path[-1])
            if any(len(first.path) == len(other.path) > 1 for other in others):
                bots |= dict.fromkeys(place.path[-2] for place in said if len(place.path) > 1)
    return Reading(reading.given, reading.names, reading.contrary, tuple(bots), network)


def _places(fields: Mapping[str, Any], around: tuple[str, ...], network: str) -> Iterator[Place]:
    """Yield each value of the object and of the objects in it, and in lists in it, at most four in each other."""
    strangers = OTHER_NETWORKS - {network, *_OWN_PREFIXES.get(network, ())}
    for name, value in fields.items():
        path = (*around, name)
        inner: list[Place] = []
        if isinstance(value, Mapping | list) and len(path) < _DEEPEST and fold(name) not in strangers:
            inner = [place for at, each in _objects(path, value) for place in _places(each, at, network)]
        if field_named(name, network) != "temperament" and any(
            _field_at(place.path, fields, network) for place in inner
        ):
            yield from inner
        else:
            yield Place(path, value)


def _objects(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the value if it is an object, or the objects if it is a list of some; each with its path."""
    if isinstance(value, Mapping):
        yield path, value
    elif isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value, start=1):
            yield (path if len(value) == 1 else (*path[:-1], f"{path[-1]} {number}")), each


def _field_at(path: tuple[str, ...], params: Mapping[str, Any], network: str) -> str | None:
    """Return the field at `path`: "key" in "consumer" is consumer_key, "token" in "twitter" is token."""
    is_x = network not in OWN_NAMES
    if is_x and fold(path[-1]) == "clientsecret" and any(fold(name) == "clientkey" for name in params):
        return "consumer_token_secret"  # as requests-oauthlib calls it; elsewhere the name is of OAuth 2.0
    outer = field_named(" ".join(path[-2:]), network) if len(path) > 1 else None
    return outer or field_named(path[-1], network)


def _plain(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
