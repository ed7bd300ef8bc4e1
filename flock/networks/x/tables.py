"""X's own tables, read from the files of twitter-text-parser: the emoji and the top-level domains that it knows.

The package itself is not imported: that takes 0.2 s of CPU, and needs pkg_resources, which setuptools has dropped.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

_PACKAGE = "twitter_text"


def emoji() -> list[str]:
    """Return each emoji that X counts as one character, as a string of one or more code points."""
    groups = _read("emoji-test.txt").split("# group: ")
    lines = "".join(group for group in groups if not group.startswith("Component"))  # bare skin tones: not counted
    code_points = re.findall(r"^([0-9A-F ]+);", lines, re.MULTILINE)
    return ["".join(chr(int(each, 16)) for each in sequence.split()) for sequence in code_points]


def top_level_domains() -> list[str]:
    """Return the generic and the country domains after which X sees a link in a text, in lower case."""
    domains: list[str] = []
    for name in ("valid_gtld.py", "valid_cctld.py"):
        alternatives = "".join(re.findall(r"'(.*)'", _read(name)))  # "(?:(?:aaa|bbb)(?=…", over many lines
        domains += alternatives.removeprefix("(?:(?:").partition(")")[0].split("|")
    return domains


def _read(name: str) -> str:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "twitter-text-parser is not installed: run scripts/flock, or pip install poem-flock"
        )
    return Path(spec.origin).with_name("regexp").joinpath(name).read_text(encoding="utf-8")
