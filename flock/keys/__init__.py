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
    APP_FILE,
    KeyRing,
    PracticeNames,
    about_other_files,
    is_readable_by_others,
    key_files,
    poem_problem,
    read_keys,
    shared_poems,
)
from flock.keys.key import Key, Params, find_poem, read_key, with_about

__all__ = [
    "APP_FILE",
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
    "about_other_files",
    "find_poem",
    "is_readable_by_others",
    "key_files",
    "keys_called",
    "poem_problem",
    "read_key",
    "read_keys",
    "shared_poems",
    "with_about",
]
