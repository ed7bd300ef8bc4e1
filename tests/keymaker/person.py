"""A person at a browser, who answers the Keymaker's questions: the pages are real, and so is the server."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import requests

APP = ("app-key", "app-secret-of-the-flock")
MASTODON_SCOPES = "read:accounts read:statuses write:statuses"

Answer = str | Callable[[], str]


def press(url: str, name: str, decision: str = "authorize") -> requests.Response:
    """Open the page, choose an account, and press the button, as a browser does."""
    page = requests.get(url, timeout=10)
    (action,) = re.findall(r'action="([^"]+)"', page.text)
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    fields = {field: html.unescape(value) for field, value in hidden}
    parts = urlsplit(url)
    target = f"{parts.scheme}://{parts.netloc}{html.unescape(action)}"
    return requests.post(target, data={**fields, "screen_name": name, "decision": decision}, timeout=10)


def code_on(page: requests.Response) -> str:
    """Return the PIN, code or app password that a page shows."""
    (code,) = re.findall(r"<code>([^<]+)</code>", page.text)
    return html.unescape(str(code))


class Person:
    """Answers in turn; a `...` is the code that the last page shows. `accounts` sign in one after the other.

    `told` and `asked` have all that was shown, and `visited` the addresses.
    """

    def __init__(
        self,
        answers: Iterable[str | None] = (),
        *,
        accounts: Iterable[str] = ("dolly",),
        yes: Iterable[bool] = (),
    ) -> None:
        self.answers = deque(answers)
        self.accounts = deque(accounts)
        self.yes = deque(yes)
        self.code = ""
        self.told: list[str] = []
        self.asked: list[str] = []
        self.visited: list[str] = []

    @property
    def log(self) -> str:
        """All that was shown to the person."""
        return "\n".join([*self.told, *self.asked, *self.visited])

    def ask(self, question: str) -> str:
        self.asked.append(question)
        answer = self.answers.popleft() if self.answers else None
        return self.code if answer is None else answer

    def ask_secret(self, question: str) -> str:
        return self.ask(question)

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return self.yes.popleft() if self.yes else False

    def visit(self, url: str) -> None:
        self.visited.append(url)
        self.code = code_on(press(url, self.accounts.popleft()))

    def tell(self, line: str) -> None:
        self.told.append(line)
