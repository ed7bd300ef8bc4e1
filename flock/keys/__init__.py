"""Key files: one JSON file a bot. `docs/keys.md` describes how to write one."""

from flock.keys.called import keys_called
from flock.keys.credentials import (
    CREDENTIALS,
    BlueskyCredentials,
    Credentials,
    FeedCredentials,
    MastodonCredentials,
    XCredentials,
)
from flock.keys.folder import (
    KeyRing,
    PracticeNames,
    is_readable_by_others,
    key_files,
    left_out,
    poem_problem,
    read_keys,
    shared_poems,
)
from flock.keys.key import Key, Params, find_poem, read_key

__all__ = [
    "CREDENTIALS",
    "BlueskyCredentials",
    "Credentials",
    "FeedCredentials",
    "Key",
    "KeyRing",
    "MastodonCredentials",
    "Params",
    "PracticeNames",
    "XCredentials",
    "find_poem",
    "is_readable_by_others",
    "key_files",
    "keys_called",
    "left_out",
    "poem_problem",
    "read_key",
    "read_keys",
    "shared_poems",
]
