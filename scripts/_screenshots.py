"""Pictures of the web page and of the pasture, from a flock that practises: `scripts/screenshots` starts this.

    python scripts/_screenshots.py FOLDER

The bots are those of keys.example/ and some more, of all ages: their journal says how old they are.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image  # comes with matplotlib

from flock.journal import WELL, Outcome, Place, Settlement, SqliteJournal
from flock.poem import read_poem
from tests.chromium import TELEPHONE, chromium

ROOT = Path(__file__).parents[1]
DESK, SCREEN = (1280, 800), (1920, 1080)  # pixels
PICTURES = (
    # file, path, size, by night
    ("web-field", "/", DESK, False),
    ("web-field-night", "/", DESK, True),
    ("web-field-phone", "/", TELEPHONE, False),
    ("web-stage", "/stage", SCREEN, True),
    ("web-stage-phone", "/stage", TELEPHONE, False),
    ("web-flock", "/bots", DESK, False),
    ("web-flock-phone", "/bots", TELEPHONE, True),
    ("web-bot", "/bots/hydra_at_rest", DESK, False),
    ("web-bot-phone", "/bots/hydra_at_rest#poem", TELEPHONE, False),
    ("pasture-timeline", "/?network=x&order=oldest", DESK, False),
    ("pasture-timeline-phone", "/", TELEPHONE, True),
)
MORE = {
    "hydra_at_rest": "hydra-in-retirement",
    "a_lost_line": "villanelle-of-the-lost-poem",
    "rented_ram": "rented-machine",
    "voskos": "metraei-voskous",
    "still_moving": "change-of-address",
}
AGES = {"woolly_mammoth": 2600, "hydra_at_rest": 2100, "voskos": 1200, "rented_ram": 0}  # recitations
GROWN = 40
PAST = {"hydra_at_rest": (310, 296, 322, 318, 240, 305, 311, 299, 320)}  # posts of each of the days before today
KEPT = 30  # days that the journal keeps posts
DAY = 86_400.0  # seconds
COLOURS = 192  # of a picture
LIMIT = 200_000  # bytes of a picture
PATIENCE = 60.0  # seconds


def main() -> None:
    """Make the pictures in the folder that the command line names."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        names = write_keys(folder / "keys")
        write_ages(folder / "flock.db", names)
        with running(folder) as pages:
            for file, path, size, by_night in PICTURES:
                url = pages[file.partition("-")[0]]
                take(folder, url + path, size, by_night, target / f"{file}.png")


def write_keys(folder: Path) -> list[str]:
    """Write the keys; return the names by which the journal knows the bots."""
    folder.mkdir()
    examples = {file.stem: json.loads(file.read_text("utf-8")) for file in ROOT.glob("keys.example/*.json")}
    for key in examples.values():
        key["poem_file"] = str(ROOT / "poems" / Path(key["poem_file"]).name)
    for number, (name, poem) in enumerate(MORE.items()):
        secrets = {"oauth_token": f"{9000 + number}-not-a-real-token", "oauth_token_secret": f"of-{name}"}
        poem_file = str(ROOT / "poems" / f"{poem}.txt")
        examples[name] = examples["ewe_turn"] | secrets | {"screen_name": name, "poem_file": poem_file}
    for name, key in examples.items():
        (folder / f"{name}.json").write_text(json.dumps(key), encoding="utf-8")
    return [f"pasture:{name}" for name in examples]


def write_ages(file: Path, names: list[str]) -> None:
    """Let the bots be as old as they should be."""
    with closing(SqliteJournal(file, keep=KEPT * DAY)) as journal:
        journal.claim(names)
        for name in names:
            age = AGES.get(name.partition(":")[2], GROWN)
            past = PAST.get(name.partition(":")[2], ())
            first = age * 30 - sum(past)
            poem = read_poem(ROOT / "poems" / "hydra-in-retirement.txt")
            journal.keep(name, Place(n=first, recitations=age), WELL)
            moments = [
                time.time() - DAY * back - 60 * post for back, posts in enumerate(past, 1) for post in range(posts)
            ]
            for n, at in enumerate(sorted(moments), start=first):
                text = poem[n % len(poem)]
                journal.intend(name, Place(n=n, intended=at, recitations=age), text)
                journal.settle(name, Settlement(n, 0, Outcome.SAID, at), Place(n=n + 1, recitations=age))


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Let the flock run; yields the addresses of its page and of its pasture."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flock = [sys.executable, "-m", "flock"]
    here = [str(folder / "keys"), "--state", str(folder / "flock.db")]
    pace = ["--line-interval", "8", "--poem-interval", "20", "--temperament", "senile"]
    own = ["--pasture-port", str(port), "--keep-history", f"{KEPT}d", "--quiet"]
    run = subprocess.Popen([*flock, "run", *here, *pace, *own], cwd=ROOT)
    web = subprocess.Popen(
        [*flock, "web", *here, *pace, "--web", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert web.stdout
        url = web.stdout.readline().split()[-1].rstrip("/")
        subprocess.run([*flock, "tell", *here, "baarometer", "pause"], cwd=ROOT, check=True)
        yield {"web": url, "pasture": f"http://127.0.0.1:{port}"}
    finally:
        for process in (web, run):
            process.terminate()
            process.wait()


def take(folder: Path, address: str, size: tuple[int, int], by_night: bool, file: Path) -> None:
    """Take a picture when a line has been said."""
    with chromium(folder / file.stem, size) as browser:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if by_night else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(address)
        deadline = time.monotonic() + PATIENCE
        wanted = "return !document.getElementById('bubbles') || document.querySelectorAll('.bubble').length > 1"
        while not browser.execute_script(wanted):
            assert time.monotonic() < deadline, f"nothing is said: {address}"
            time.sleep(0.1)
        time.sleep(1.0)  # what fades in is there
        browser.save_screenshot(str(file))
    picture = Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(file, optimize=True)
    print(f"{file}  {file.stat().st_size / 1000:,.0f} KB")
    assert file.stat().st_size < LIMIT, f"more than {LIMIT / 1000:,.0f} KB: {file}"


if __name__ == "__main__":
    main()
