"""Where each bot posts: the right network for each key, and the services that the bots share."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flock.errors import BadOption
from flock.keys import (
    BlueskyCredentials,
    FeedCredentials,
    Key,
    MastodonCredentials,
    PracticeNames,
    XCredentials,
)
from flock.keys.credentials import DEFAULT_NETWORK, other_network, title_of
from flock.networks.base import FindsItsAccount, Network
from flock.networks.dry_run import DryRun
from flock.networks.service import Service
from flock.networks.x import prices
from flock.networks.x.length import fits_a_tweet
from flock.options import Options, is_loopback

if TYPE_CHECKING:
    from flock.networks.bluesky.sessions import KeptSessions, Tokens
    from flock.networks.http import Session
    from flock.networks.kept import KeptFile
    from flock.networks.mastodon.server import Server
    from flock.pasture import Pasture

_BLUESKY_POST = re.compile(r"at://(did:[\w:.%-]+)/app\.bsky\.feed\.post/([\w.~:-]+)(?:#|$)")
_DRY_RUN = "nowhere (a dry run)"


class Networks:
    """Connects bots, and owns what their connections share: a Service for each server, and the embedded pasture.

    With `options.pasture` every bot posts to the pasture and nothing reaches the real network.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._services: dict[str, Service] = {}
        self._pasture: Pasture | None = None
        self._practice_names = PracticeNames()
        self._namesakes: dict[str, dict[str, str]] = {}  # a name: the bots that have it, each with its network
        self._kept: KeptFile | None = None
        self._sessions: KeptSessions | None = None
        self._mastodon_servers: dict[str, Server] = {}  # by root URL
        self._factories: Mapping[str, Callable[[Key], Network]] = {
            "x": self._x,
            "pasture": self._x,
            "bluesky": self._bluesky,
            "mastodon": self._mastodon,
            "feed": self._feed,
        }
        self._lock = threading.Lock()

    def realm(self, key: Key) -> str:
        """Return the name of the network that `key` is used on; a bot has a place in its poem in each.

        `base_url` stands for X alone.
        """
        stands_for = self._options.pasture or isinstance(key.credentials, XCredentials)
        return "pasture" if key.practises or (stands_for and self._options.is_practice) else key.network

    def is_real(self, key: Key) -> bool:
        """Return whether the bot's posts are seen by others: not in a dry run or on the practice server, nor in a
        feed, which is a file of this machine."""
        is_out = self.realm(key) != "pasture" and not isinstance(key.credentials, FeedCredentials)
        return is_out and not self._options.dry_run

    def bot(self, key: Key) -> str:
        """Return the name under which the journal knows this bot: `network:name`, in lower case.

        On Mastodon the name has its server's behind it: `mastodon:dolly@botsin.example`.

        A bot that practises is `pasture:name`, whatever network its key is for, so that its place in its poem is
        kept from earlier versions. If a bot of another network in this flock has that name already, it is
        `pasture:name (network)`; the bots take their names in the order of the key files.
        """
        realm = self.realm(key)
        own = f"{key.network}:{key.account_name.casefold()}"
        self._namesakes.setdefault(key.screen_name.casefold(), {}).setdefault(own, key.network)
        name = self._practice_names.of(key) if realm == "pasture" else key.account_name
        return f"{realm}:{name.casefold()}"

    def account(self, key: Key) -> str | None:
        """Return the bot's account on its network, as `network:number`, or None if it is not known.

        What stands for the number on Bluesky is the DID, which is known while a session of the bot is kept. A bot
        that practises has its number on the real network, behind `pasture:`. Raises JournalError when the sessions
        cannot be read.
        """
        realm, number = self.realm(key), key.credentials.account_id
        if number is None:
            kept = self._kept_session(key) if self.tells_account(key) else None
            return f"{realm}:{kept.did}" if kept else None
        return f"{realm}:{number}" if realm == key.network else f"{realm}:{key.network}:{number}"

    def tells_account(self, key: Key) -> bool:
        """Return whether `find_account` finds the account of the key's bot, where it is not known before.

        A bot that practises has an account for its name alone: on a new practice server it is another one.
        """
        is_real = self.realm(key) == key.network and not self._options.dry_run
        return is_real and isinstance(key.credentials, BlueskyCredentials)

    def find_account(self, key: Key, network: Network) -> str | None:
        """Return the account that `network`, the connection of the key's bot, posts to, as `account` does.

        Asks the server if need be. Returns None where the network does not tell, and for a bot that practises.
        Raises NetworkError.
        """
        if self.realm(key) != key.network or not isinstance(network, FindsItsAccount):
            return None
        return f"{key.network}:{network.find_account()}"

    def label(self, key: Key) -> str:
        """Return what the bot is called in logs, and draws its random numbers by: its screen name.

        Where bots of several networks or servers have that name, so far as `bot` was asked for them, one keeps it:
        that on X, or the first. The others have their network before it, such as "mastodon:dolly@botsin.example".
        """
        own = f"{key.network}:{key.account_name.casefold()}"
        bots = self._namesakes.get(key.screen_name.casefold(), {own: key.network})
        first = next((bot for bot, network in bots.items() if network == DEFAULT_NETWORK), next(iter(bots)))
        return key.screen_name if own == first else f"{key.network}:{key.account_name}"

    def connect(self, key: Key) -> Network:
        """Return `key`'s connection to its network. Raises BadOption when the environment makes that
        impossible, and JournalError when what its network remembers cannot be kept."""
        if self._options.dry_run:
            return self.dry_run(key)
        return self._factories.get(key.network, self._other)(key)

    def dry_run(self, key: Key) -> Network:
        """Return a network that posts nothing, with the rules of `key`'s."""
        is_on_x = isinstance(key.credentials, XCredentials)
        return DryRun(self.service(_DRY_RUN), fits=self.fits(key), refuses_duplicates=is_on_x)

    def fits(self, key: Key) -> Callable[[str], bool]:
        """Return what tells whether a text is short enough for one post of the key's bot.

        No server is asked: a server of Mastodon's kind is taken to have Mastodon's own limit.
        """
        return fits_of(key)

    def price(self, key: Key, text: str) -> float:
        """Return what a post of `text` costs on the network that `key` is for, in US dollars.

        A practice server bills nothing; a post there has the price that it would have on the real network.
        """
        return prices.price(text) if isinstance(key.credentials, XCredentials) else 0.0

    def title(self, key: Key) -> str:
        """Return what people call the network whose rules and prices hold for `key`; for a practice key, X."""
        return title_of(DEFAULT_NETWORK if isinstance(key.credentials, XCredentials) else key.network)

    def link(self, key: Key, post_id: str) -> str:
        """Return the address of a post of the key's bot on the web, or an empty text where that is not known."""
        own, bluesky = key.credentials, _BLUESKY_POST.match(post_id)
        if self.realm(key) == "pasture":
            return ""  # the practice server listens at another port each time
        match own:
            case XCredentials() if post_id.isdecimal():
                return f"https://x.com/{key.screen_name}/status/{post_id}"
            case BlueskyCredentials() if bluesky:
                return f"https://bsky.app/profile/{bluesky[1]}/post/{bluesky[2]}"
            case MastodonCredentials() if post_id.isalnum():
                return f"{own.server}/@{key.screen_name}/{post_id}"
        return ""

    def service(self, name: str, open_session: Callable[[], Session] | None = None) -> Service:
        """Return the service of that name, made on first need, with the HTTP session that `open_session` makes."""
        with self._lock:
            if name not in self._services:
                self._services[name] = Service(name, session=open_session() if open_session else None)
            return self._services[name]

    @property
    def services(self) -> Sequence[Service]:
        """The services that bots are connected to."""
        with self._lock:
            return tuple(self._services.values())

    @property
    def has_pasture(self) -> bool:
        """Whether the pasture is in this very process, which then holds both ends of each connection."""
        return self._pasture is not None

    def close(self) -> None:
        """Close every connection, and the pasture."""
        for service in self.services:
            service.close()
        if self._kept:
            self._kept.close()
        if self._pasture:
            self._pasture.close()

    def _x(self, key: Key) -> Network:
        from flock.networks.x.api import ROOT_URL, X  # noqa: PLC0415 - a dry run needs no network stack

        root_url = self._options.base_url or ROOT_URL
        name = self._options.base_url or title_of(key.network)
        if self.realm(key) == "pasture" and not is_loopback(root_url):
            root_url, key = self._admit(key)
            name = self._name_of(root_url)
        own = key.credentials
        api = (own.api if isinstance(own, XCredentials) else None) or self._options.api
        return X(key, service=self._service_at(root_url, name), root_url=root_url, api=api)

    def _bluesky(self, key: Key) -> Network:
        from flock.networks.bluesky.api import Bluesky  # noqa: PLC0415

        bot = self.bot(key)
        key = self._practising(key)
        return Bluesky(key, bot=bot, service_of=self._service_at, sessions=self._kept_sessions())

    def _mastodon(self, key: Key) -> Network:
        from flock.networks.mastodon.api import Mastodon  # noqa: PLC0415

        key = self._practising(key)
        assert isinstance(key.credentials, MastodonCredentials)  # noqa: S101 - chosen by the network
        root_url = key.credentials.server
        return Mastodon(key, service=self._service_at(root_url), server=self._mastodon_server(root_url))

    def _mastodon_server(self, root_url: str) -> Server:
        """Return what the bots of a server know about it, kept over restarts; the pasture is another at each."""
        from flock.networks.kept import KeptTexts  # noqa: PLC0415
        from flock.networks.mastodon.server import Server  # noqa: PLC0415

        with self._lock:
            if root_url not in self._mastodon_servers:
                is_pasture = self._pasture is not None and root_url == self._pasture.url
                kept = None if is_pasture else KeptTexts(self._kept_file(), "mastodon_rules")
                self._mastodon_servers[root_url] = Server(root_url, kept)
            return self._mastodon_servers[root_url]

    def _feed(self, key: Key) -> Network:
        from flock.networks.feed import Feed  # noqa: PLC0415

        if self.realm(key) == "pasture":
            assert isinstance(key.credentials, FeedCredentials)  # noqa: S101 - chosen by the network
            file = self._options.state_file.with_name("pasture-feeds") / f"{self._practice_names.of(key)}.json"
            key = replace(key, credentials=replace(key.credentials, file=str(file.absolute())))
        return Feed(key, service=self.service("feeds"))

    def _other(self, key: Key) -> Network:
        """Connect to a network that another package brings."""
        if self.realm(key) == "pasture":
            raise BadOption(f"{key.file}: there is no practice on {key.network}; take --pasture or this key away")
        root_url = getattr(key.credentials, "server", None)
        service = self._service_at(root_url) if root_url else self.service(key.network)
        network: Network = other_network(key.network)(key, service=service)
        return network

    def _name_of(self, root_url: str) -> str:
        is_pasture = self._pasture is not None and root_url == self._pasture.url
        return f"the pasture at {root_url}" if is_pasture else root_url

    def _service_at(self, root_url: str, name: str = "") -> Service:
        """Return the service of the server with that root URL; all bots that post to one server share it."""
        from flock.networks.http import Session  # noqa: PLC0415

        return self.service(name or self._name_of(root_url), lambda: Session(root_url))

    def _kept_sessions(self) -> KeptSessions:
        from flock.networks.bluesky.sessions import KeptSessions  # noqa: PLC0415

        with self._lock:
            if self._sessions is None:
                self._sessions = KeptSessions(self._kept_file())
            return self._sessions

    def _kept_file(self) -> KeptFile:
        """Return where networks keep what they remember: a file beside the journal. The lock is held."""
        from flock.networks.kept import KeptFile  # noqa: PLC0415

        if self._kept is None:
            self._make_folder()
            self._kept = KeptFile(self._kept_path)
        return self._kept

    def _make_folder(self) -> None:
        """Make the folder of the files that lie beside the journal, unless the journal in a file has made it."""
        if not isinstance(self._options.journal, Path):
            from flock.journal.files import make_folder  # noqa: PLC0415

            make_folder(self._options.state_file.parent)

    @property
    def _kept_path(self) -> Path:
        journal = self._options.state_file
        return journal.with_name(f"{journal.name}.sessions")

    def _kept_session(self, key: Key) -> Tokens | None:
        """Return the session on Bluesky that an earlier run has kept for the key's bot."""
        from flock.networks.bluesky.sessions import kept_tokens  # noqa: PLC0415

        assert isinstance(key.credentials, BlueskyCredentials)  # noqa: S101 - chosen by the network
        if not self._kept_path.exists():
            return None
        return kept_tokens(self._kept_sessions(), self.bot(key), key.credentials)

    def _practising(self, key: Key) -> Key:
        """Return the key of a bot of Bluesky or Mastodon; one that practises has its practice server in it.

        Practice keys may also post to a pasture that runs alone, but not further.
        """
        if self.realm(key) != "pasture":
            return key
        own, alone = key.credentials, self._options.base_url
        if isinstance(own, BlueskyCredentials | MastodonCredentials) and alone and is_loopback(alone):
            return replace(key, credentials=replace(own, server=alone))
        return self._admit(key)[1]

    def _admit(self, key: Key) -> tuple[str, Key]:
        """Give the bot an account on the embedded pasture, which is started when the first bot needs it.

        Returns the pasture's URL, and the key with which the bot posts there.
        """
        from flock.pasture import Pasture  # noqa: PLC0415 - a flock on X needs no server

        with self._lock:
            if self._pasture is None:
                self._make_folder()
                file, port = self._options.state_file.with_name("pasture.db"), self._options.pasture_port or 0
                self._pasture = Pasture((), state=file, port=port).__enter__()
            return self._pasture.url, self._pasture.admit_bot(key, self._practice_names.of(key))


def fits_of(key: Key) -> Callable[[str], bool]:
    """Return what tells whether a text fits into one post of the key's bot, by its network's own count."""
    own: object = key.credentials  # also of a class that is not flock's
    match own:
        case XCredentials():
            return fits_a_tweet
        case BlueskyCredentials():
            from flock.networks.bluesky import length as bluesky  # noqa: PLC0415 - many flocks are on X alone

            return bluesky.fits_a_post
        case MastodonCredentials():
            from flock.networks.mastodon import length as mastodon  # noqa: PLC0415

            warning, mentions = own.content_warning, own.mentions
            rules = mastodon.Rules()
            return partial(mastodon.fits_a_post, rules=rules, content_warning=warning, mentions=mentions)
        case FeedCredentials():
            from flock.networks.feed import Feed  # noqa: PLC0415

            return Feed(key, service=Service(_DRY_RUN)).fits
        case _:
            network: Network = other_network(key.network)(key, service=Service(_DRY_RUN))
            return network.fits
