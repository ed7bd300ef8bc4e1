"""Ten bots in a process of its own, which may be killed at any moment and started again.

    python -m tests.real.posters FOLDER

FOLDER holds a JSON file for each bot: its handle, its app password, the server, and its lines. A bot writes each
intent to the disk before it posts, and repeats the last one when it starts again.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from contextlib import closing
from multiprocessing.dummy import Pool
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import SecretStr

from flock.errors import Retry
from flock.keys import BlueskyCredentials, Key, Params
from flock.networks.base import Intent
from flock.networks.bluesky.api import Bluesky
from flock.networks.bluesky.sessions import KeptSessions
from flock.networks.http import Session
from flock.networks.kept import KeptFile
from flock.networks.service import Service


class Services:
    """One service a server."""

    def __init__(self) -> None:
        self._known: dict[str, Service] = {}
        self._lock = Lock()

    def __call__(self, root: str) -> Service:
        with self._lock:
            return self._known.setdefault(root, Service(root, session=Session(root)))


def speak(file: Path, sessions: KeptSessions, service_of: Services) -> None:
    """Say all lines of one bot, each once."""
    about = json.loads(file.read_text())
    own = BlueskyCredentials(app_password=SecretStr(about["app_password"]), server=about["server"], lang="en")
    handle = about["handle"]
    key = Key(file=file, params=Params({}), screen_name=handle, credentials=own, poem_file=file, network="bluesky")
    bot = Bluesky(key, bot=f"bluesky:{handle}", service_of=service_of, sessions=sessions)
    diary = file.with_suffix(".diary")
    said, fixed = read(diary)
    for number in range(said, len(about["lines"])):
        if fixed is None:
            fixed = Intent(secrets.token_hex(16), time.time())
            note(diary, n=number, token=fixed.token, at=fixed.at)
        while True:
            try:
                bot.post(about["lines"][number], fixed)
            except Retry:
                time.sleep(0.1)
                continue
            break
        note(diary, said=number + 1)
        fixed = None


def read(diary: Path) -> tuple[int, Intent | None]:
    """Return how many lines are said, and the intent of the next one if it was begun."""
    said, fixed = 0, None
    for line in diary.read_text().splitlines() if diary.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:  # the process was killed while it wrote this
            continue
        if "said" in entry:
            said, fixed = entry["said"], None
        else:
            fixed = Intent(entry["token"], entry["at"])
    return said, fixed


def note(diary: Path, **entry: Any) -> None:
    """Write one entry, on a line of its own, to the disk."""
    with diary.open("a") as file:
        file.write(f"\n{json.dumps(entry)}")
        file.flush()
        os.fsync(file.fileno())


def main(folder: Path) -> None:
    """Let all bots of the folder speak at once."""
    files = sorted(folder.glob("*.json"))
    service_of = Services()
    with closing(KeptFile(folder / "sessions.db")) as kept, Pool(len(files)) as pool:
        sessions = KeptSessions(kept)
        pool.map(lambda file: speak(file, sessions, service_of), files)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
