"""The yardstick: the article's loop in Python 3, a twitter.Api a sheep, and nothing else.

    python benchmarks/yardstick.py KEYS LINE_INTERVAL ROOT_URL

No journal, no retries, no spread start; it posts to v1.1, as python-twitter does, and prints a line a post.
"""

from __future__ import annotations

import sys
import time
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path
from typing import Any

import simplejson as json
import twitter


class Sheep:
    """As in the article."""

    def __init__(self, json_file: Path, line_interval: float, root_url: str) -> None:
        self.line_interval = line_interval
        self.params: dict[str, Any] = json.loads(json_file.read_text())
        self.memory = [
            line.strip() for line in (json_file.parent / self.params["poem_file"]).read_text().splitlines()
        ]
        self.mod_tweet_tracker = 0
        self.api = twitter.Api(
            consumer_key=self.params["consumer_token"],
            consumer_secret=self.params["consumer_token_secret"],
            access_token_key=self.params["oauth_token"],
            access_token_secret=self.params["oauth_token_secret"],
            base_url=f"{root_url}/1.1",
        )

    def loop(self) -> None:
        while True:
            text = self.memory[self.mod_tweet_tracker]
            try:
                self.api.PostUpdate(text, verify_status_length=False)
                print(self.params["screen_name"], text, flush=True)
            except Exception as error:  # noqa: BLE001 - it knows no better
                print("trouble", error, flush=True)
            self.mod_tweet_tracker = (self.mod_tweet_tracker + 1) % len(self.memory)
            time.sleep(self.line_interval)


def runsheep(sheep: Sheep) -> None:
    sheep.loop()


if __name__ == "__main__":
    keys, interval, url = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    all_sheep = [Sheep(file, interval, url) for file in sorted(keys.glob("*.json"))]
    ThreadPool(len(all_sheep)).map(runsheep, all_sheep, chunksize=1)
