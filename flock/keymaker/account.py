"""An account that a person has authorized, and what each network's flow offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account, and the fields of its key file without the poem. `repr` shows no secret.

    `remarks` are lines about the account for its operator. `doubt` says why the network has not confirmed the
    tokens; it is empty where it has.
    """

    screen_name: str
    fields: Mapping[str, object] = field(repr=False)
    remarks: tuple[str, ...] = ()
    doubt: str = ""


class Flow(Protocol):
    """How an account on one network is authorized."""

    def account_name(self, screen_name: str) -> str:
        """Return what the account is called, with its server's name where each server has names of its own.

        May ask for the server. Raises KeyNotMade for a name that no account there can have.
        """

    def authorize(self, screen_name: str | None) -> NewAccount:
        """Lead the person through the flow and return the account. It may be another one than `screen_name`.

        Raises KeyNotMade.
        """
