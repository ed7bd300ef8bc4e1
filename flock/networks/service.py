"""One server that bots post to, and what these bots share because of it: slots, its outages, the apps it knows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flock.errors import AppRefused, NetworkError, Retry, Unauthorized
from flock.events import BackingOff, Event, Penned, Waiting
from flock.threads.outage import Outage
from flock.threads.slots import Slots

if TYPE_CHECKING:
    from flock.networks.http import Session


class Service:
    """What the bots of one service share. A service that hangs or is away does not disturb the bots of another.

    `name` is what the operator knows it by, such as "X". `slots` bounds how many bots post to it at once.
    `session` holds its connections, where it is reached over HTTP.
    """

    def __init__(self, name: str, *, session: Session | None = None, slots: Slots | None = None) -> None:
        self.name = name
        self._session = session
        self.slots = slots or Slots()
        self.outage = Outage()
        self._refused_apps: defaultdict[SecretStr, Outage] = defaultdict(Outage)
        self.good_apps: set[SecretStr] = set()

    @property
    def session(self) -> Session:
        """The HTTP session of this service."""
        assert self._session is not None, f"{self.name} is not reached over HTTP"  # noqa: S101
        return self._session

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()

    def introduce(self, event: Event | None, error: NetworkError, app: SecretStr | None) -> Event | None:
        """Return `event` with what the service knows: its name, and whether another bot has told of the same
        trouble already.

        `app` is the key of the app that the bot posts with, where several bots may share one.
        """
        if isinstance(event, BackingOff | Waiting | Penned):
            event = replace(event, service=self.name)
        if isinstance(event, BackingOff) and isinstance(error, Retry):
            return replace(event, with_others=not self.outage.tells(event.bot))
        if (
            isinstance(event, Penned)
            and isinstance(error, AppRefused | Unauthorized)
            and app
            and app not in self.good_apps
        ):
            follows = not self._refused_apps[app].tells(event.bot)
            advice = event.advice
            if not isinstance(error, AppRefused):
                advice += " (no bot of this app has posted yet: also check the app's own keys)"
            return replace(event, advice=advice, with_its_app=follows)
        return event

    def answers(self, app: SecretStr | None) -> None:
        """Note that a post was made, with the key `app`: the outage is over, and the app is a good one."""
        if self.outage.is_on:
            self.outage.end()
        if app and app not in self.good_apps:
            self.good_apps.add(app)

    def doubt_no_more(self, app: SecretStr | None) -> None:
        """Note that a bot of `app` is let out of the pen: the next refusal of the app is told again."""
        if app and app in self._refused_apps:
            self._refused_apps[app].end()
