"""`flock pasture`: the practice server alone, until a signal ends it."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import simplejson as json
from pydantic import SecretStr

from flock.errors import BadKeys, printable
from flock.keys import FeedCredentials, Key, PracticeNames, XCredentials, read_keys
from flock.pasture import app_passwords
from flock.pasture.accounts import Account
from flock.pasture.server import Pasture

# The account of a pasture that was started without keys. It exists on no network.
_MADE_UP = Account(
    screen_name="black_sheep",
    user_id="1000",
    consumer_key="practice-consumer-token",
    consumer_secret=SecretStr("practice-secret-of-the-consumer"),
    token="1000-practice-token-of-black-sheep",  # noqa: S106 - made up
    token_secret=SecretStr("practice-secret-of-black-sheep"),
)


def serve(keys: Path | None, *, host: str, port: int, state: Path | None, say: Callable[[str], object]) -> None:
    """Run a pasture until SIGTERM or SIGINT; `say` gets the lines for the operator.

    It has an account for each key file in the folder `keys`; without `keys` it has one made-up account, and prints
    a key file for it. Raises BadKeys for bad key files, and BadOption when it cannot listen or keep its posts.
    """
    bots = _bots(keys) if keys else []
    on_x = [Account.of(key, name) for key, name in bots if isinstance(key.credentials, XCredentials)]
    # Blocked before it listens: a signal that comes as soon as it does is waiting for `sigwait`, and not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with Pasture(on_x if keys else [_MADE_UP], state=state, host=host, port=port) as pasture:
        for key, name in bots:
            if not isinstance(key.credentials, XCredentials):
                pasture.admit_bot(key, name)
        say(f"the pasture is open at {pasture.url}: API v2 at {pasture.url}/2, v1.1 at {pasture.url}/1.1")
        # The full path: a bare `flock` is the one of util-linux.
        command = Path(sys.executable).with_name("flock")
        if keys is None:
            say("without KEYS it knows one account; a key file for it:")
            say(_key_file(_MADE_UP))
            say("with that file as app.json, other accounts can let its app in; make keys for them:")
            say(f"{command} keys new keys/ --app app.json --base-url {pasture.url}")
        else:
            folder = shlex.quote(printable(str(keys)))
            say(f"try it: {command} run {folder} --base-url {pasture.url}")
            app = next((key.file for key, _ in bots if isinstance(key.credentials, XCredentials)), None)
            with_app = f" --app {shlex.quote(printable(str(app)))}" if app else ""
            say(f"make keys for new accounts: {command} keys new {folder}{with_app} --base-url {pasture.url}")
        say(f"app passwords for its Bluesky: {pasture.url}{app_passwords.PATH}")
        say(f"read along: {pasture.url}/")
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    say("the pasture is closed")


def _bots(keys: Path) -> list[tuple[Key, str]]:
    """Return the keys in the folder, each with the name that its bot has here. A feed needs no account."""
    ring = read_keys(keys)
    if ring.problems:
        raise BadKeys(ring.problems)
    names = PracticeNames()
    return [(key, names.of(key)) for key in ring.keys if not isinstance(key.credentials, FeedCredentials)]


def _key_file(account: Account) -> str:
    return json.dumps(
        {
            "screen_name": account.screen_name,
            "consumer_token": account.consumer_key,
            "consumer_token_secret": account.consumer_secret.get_secret_value(),
            "oauth_token": account.token,
            "oauth_token_secret": account.token_secret.get_secret_value(),
            "poem_file": "poem.txt",
        },
        indent=2,
    )
