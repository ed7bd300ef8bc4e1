"""A fuzzer over key files and poems: mutates good ones, lets `flock run --dry-run --once` read them, and looks.

    .venv/bin/python benchmarks/fuzzer.py --cases 20000 --seed 7

flock must end with 0 (usable), 2 or 3 (told in one line for each file), without a traceback, and without a secret
in its output. Each case is a fork of this process, which has loaded flock already: some 20 ms. A case that breaks
the rule is kept in a folder, which is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import simplejson as json

from flock import cli, rates, shepherd
from flock.networks import http
from flock.networks.x import api

ROOT = Path(__file__).parents[1]
SECRETS = (  # as long as X's
    "Rw8Kq3Zt1Yc6Vb0Nm5La9Pd2Xs7Hg4Jf3Ue1Oi8Ty6Qw5Er2Cv",
    "1001-Ap4Sd9Fg2Hj7Kl1Zx6Cv3Bn8Mq5We0Rt4Yu9Io2Pa",
    "Hx3Gc8Vb1Nk6Mj4Lz9Qw2Es7Rd5Tf0Yg3Uh8Ij1Ok6Pl",
)
KEY: dict[str, Any] = {
    "screen_name": "dolly",
    "consumer_token": "the-app",
    "consumer_token_secret": SECRETS[0],
    "oauth_token": SECRETS[1],
    "oauth_token_secret": SECRETS[2],
    "poem_file": "poem.txt",
}
MORE: dict[str, Any] = {
    "network": "x",
    "api": "2",
    "user_id": 17,
    "line_interval": "30s",
    "poem_interval": 5400,
    "posts_per_day": 20,
    "temperament": "senile",
}
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**63, 10**30, [], {}, [None], {"a": {"b": []}}, "", " ", "\t\n"),
    *(
        "a" * 64,
        "a" * 10_000,
        "\u202edolly",
        "do\u2028lly",
        "dolly\x1b[2J",
        "\ud800",
        "ｄｏｌｌｙ",
        "dolly\0",
        "😀",
    ),
    *("/dev/zero", "/dev/null", "fifo", ".", "..", "/", "~nobody-there/x", "key.json", "poem.txt/x", "x" * 300),
    *("nan", "inf", "-5s", "5 parsecs", "9" * 30, "1e999", "x", "pasture", "gopher", "1.1", '{"a": 1}'),
)
BITS = (
    *(
        b"\0",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b",",
        b":",
        b"\n",
        b"\r",
        b"\x1b[31m",
    ),
    *(
        "\u202e".encode(),
        "\u2028".encode(),
        b"\xed\xa0\x80",
        b"\\ud800",
        b"NaN",
        b"[" * 3000,
        b"9" * 5000,
        b"1e9999",
    ),
    *(
        b"a." * 2000,
        b"http://" * 500,
        "👨‍👩‍👧‍👦".encode() * 200,
        "e\u0301".encode() * 300,
        b" " * 5000,
        b"@" * 300,
        b"\t\x0b\x0c\x85",
    ),
)
SECONDS = 20  # that a case is given
MOST_BYTES = 4_000_000_000  # of addresses; a case that needs more has no bound


@dataclass
class Found:
    """What came of the cases: how many ended with which code, and what broke the rule."""

    codes: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def cases(self) -> int:
        """How many cases there were."""
        return self.codes.total()


def mutated_key(chance: Random) -> bytes:
    """Return a key file that differs from a good one in its fields, its bytes, or both."""
    key: dict[str, Any] = {**KEY, **{name: value for name, value in MORE.items() if chance.random() < 0.3}}
    for _ in range(chance.choice((0, 1, 1, 1, 2, 5))):
        name = chance.choice([*key])
        match chance.randrange(6):
            case 0:
                del key[name]
            case 1 | 2:
                key[name] = chance.choice(STRANGE)
            case 3:
                other = chance.choice([*key])
                key[name], key[other] = key[other], key[name]
            case 4:
                value = key.pop(name)
                key[str(chance.choice((value, *STRANGE)))] = value
            case _:
                key[str(chance.choice((name.upper(), f"{name} ", name[:-1], *SECRETS)))] = chance.choice(STRANGE)
        if not key:
            break
    content = json.dumps(key, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 2)))
    raw = content.encode("utf-8", "surrogatepass")
    return mutated(raw, chance) if chance.random() < 0.4 else raw


def mutated(content: bytes, chance: Random) -> bytes:
    """Return `content` with some bytes changed, taken out, put in, doubled, or cut off."""
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(content) + 1)
        to = min(len(content), at + chance.choice((1, 1, 2, 16, 200)))
        match chance.randrange(6):
            case 0:
                content = content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
            case 1:
                content = content[:at] + content[to:]
            case 2 | 3:
                content = content[:at] + chance.choice(BITS) + content[at:]
            case 4:
                content = content[:to] + content[at:]
            case _:
                content = chance.choice((content[:at], content.decode("latin-1").encode("utf-16"), content * 2))
    return content


def poems() -> list[bytes]:
    """Return the corpus: the poems of the repository, and texts that are hard to cut."""
    hard = (
        b"",
        b"\n\n",
        b"a.a." * 250,
        b"a" * 1000,
        "👩‍🚒".encode() * 300,
        b"baa\r\nbaa\r",
        b"http://a.example/" + b"x" * 600,
    )
    return [*(file.read_bytes() for file in sorted((ROOT / "poems").glob("*.txt"))), *hard]


def fuzz(cases: int, seed: int, tell: Callable[[str], None] = lambda _: None) -> Found:
    """Try so many cases."""
    chance, corpus, found = Random(seed), poems(), Found()
    with tempfile.TemporaryDirectory(prefix="flock-fuzz-") as name:
        for number in range(cases):
            folder = Path(name) / str(number)
            (folder / "keys").mkdir(parents=True, mode=0o700)
            key, poem = folder / "keys" / "key.json", folder / "keys" / "poem.txt"
            key.write_bytes(mutated_key(chance))
            key.chmod(0o600)
            poem.write_bytes(mutated(chance.choice(corpus), chance) if chance.random() < 0.6 else b"baa\n")
            os.mkfifo(folder / "keys" / "fifo")
            if problem := try_case(folder, found):
                kept = Path(tempfile.mkdtemp(prefix="flock-fuzz-kept-"))
                (kept / "key.json").write_bytes(key.read_bytes())
                (kept / "poem.txt").write_bytes(poem.read_bytes())
                found.broken.append(f"{problem}: {kept}")
                tell(found.broken[-1])
            for file in sorted(folder.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            folder.rmdir()
    return found


def try_case(folder: Path, found: Found) -> str:
    """Let flock read the keys in `folder`; return what it did wrong, or nothing."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        run_flock(folder)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    found.slowest = max(found.slowest, time.monotonic() - began)
    found.codes[code] += 1
    output, errors = ((folder / name).read_text(errors="replace") for name in ("output", "errors"))
    if code not in (0, 2, 3):
        return f"exit code {code}"
    if "Traceback" in errors:
        return "a traceback"
    if any(secret in output + errors for secret in SECRETS):
        return "a secret"
    if code and len(errors.splitlines()) != 1:
        return f"{len(errors.splitlines())} lines"
    if any(not letter.isprintable() for letter in errors.replace("\n", "")):
        return "a character that is not printable"
    return ""


def run_flock(folder: Path) -> None:
    """Become a flock; this is a process of its own."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    for number, name in ((1, "output"), (2, "errors")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.chdir(folder)
    rates.PIECE_INTERVAL = 0.0  # a line of many posts would take minutes
    try:
        cli.cli(["run", "keys", "--dry-run", "--once"], prog_name="flock")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException as error:  # noqa: BLE001 - the rule is that there is none
        sys.stderr.write(f"Traceback: {error!r}")
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> int:
    """Fuzz, tell, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=20_000, metavar="N", help="(20000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(1)")
    parser.add_argument("--json", action="store_true", help="print one object")
    given = parser.parse_args()
    found = fuzz(given.cases, given.seed, lambda text: print(text, file=sys.stderr, flush=True))
    if given.json:
        print(json.dumps({"codes": {str(code): n for code, n in found.codes.items()}, "broken": found.broken}))
    else:
        codes = ", ".join(f"{count} ended with {code}" for code, count in sorted(found.codes.items()))
        print(f"{found.cases} cases: {codes}; {len(found.broken)} broke the rule; slowest {found.slowest:.1f} s")
    return 1 if found.broken else 0


LOADED = (shepherd, http, api)  # before the forks


if __name__ == "__main__":
    sys.exit(main())
