"""Make the repository's virtual environment if it is stale, then become the program that was asked for.

    python -I -B scripts/_venv.py ROOT VENV STAGE COMMAND [ARGUMENT...]

scripts/flock and scripts/test start this when their own quick look finds the environment wanting. It needs
nothing but the standard library. A second start waits on a lock, which the kernel drops with its holder. A user
who may only read the environment needs no lock: it is up to date, or that user cannot use it.

A stage (see STAGES) is done when its stamp, written last, says what it was made for and from. An empty stamp is
a stage that was begun and never finished: nothing in the environment is trusted then, and it is made anew.

Every Python that this starts runs isolated (-I) in a folder of its own, without the caller's PYTHON* variables:
nothing is imported from the folder that one stands in, which may be anybody's. pip is pinned by its hash, too: the
one that comes with Python installs the one in requirements/pip.txt, and nothing else.
"""

import contextlib
import fcntl
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

UNAVAILABLE = 69  # sysexits.h: EX_UNAVAILABLE
OLDEST, NEWEST_TRIED = (3, 11), (3, 15)
LOCK = ".lock"
STAGES = ("flock", "cluster", "test")  # each adds to the ones before it, and has requirements/STAGE.txt
MAKERS = {"flock": "flock --version", "cluster": "flock cluster status", "test": "test --version"}
RAY = "Ray, for flock cluster (once; 80 MB to download, 270 MB on the disk)"
RAY_NEEDS = "it needs Linux with glibc on x86_64 or aarch64, and Python 3.14 or older"
HAS_RAY = """
import platform, sys
is_known = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
sys.exit(not (is_known and platform.libc_ver()[0] == "glibc" and sys.version_info < (3, 15)))
"""

# Of the caller's pip settings only the way to an index and a cache counts: PIP_USER, PIP_TARGET and their like
# would put things elsewhere.
PIP_SETTINGS_KEPT = frozenset(
    {
        "PIP_CACHE_DIR",
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_KEYRING_PROVIDER",
        "PIP_NO_CACHE_DIR",
        "PIP_NO_INDEX",
        "PIP_PROXY",
        "PIP_RETRIES",
        "PIP_TIMEOUT",
        "PIP_TRUSTED_HOST",
        "PIP_USE_FEATURE",
    }
)
PIP_SETTINGS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_USER": "0",
}
PIP_PATHS = ("PIP_CACHE_DIR", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_CONFIG_FILE", "PIP_FIND_LINKS")
NEUTRAL = "/"  # where commands run: nobody but root puts files there

Run = Callable[[Sequence[str | Path]], None]


class CannotSetUp(Exception):
    """What stands in the way, in one line for the person at the terminal."""


@dataclass(frozen=True)
class Venv:
    """The environment at `path`, for the checkout at `root`; both absolute."""

    root: Path
    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def whose(self) -> bytes:
        """The head of every stamp: an environment that was moved or copied is full of paths to the old one."""
        return os.fsencode(f"{self.root}\n{self.path}\n")

    def stamp(self, stage: str) -> Path:
        return self.path / f".{stage}.stamp"

    def requirements(self, stage: str) -> Path:
        return self.root / "requirements" / f"{stage}.txt"

    def wanted(self, stage: str) -> bytes:
        """What the stage's stamp says when it is up to date; is_current in _venv.sh says it too."""
        files = (self.root / "pyproject.toml", self.requirements("pip"), self.requirements(stage))
        return self.whose + b"".join(file.read_bytes() for file in files)

    def is_current(self, stage: str) -> bool:
        return os.access(self.python, os.X_OK) and self.is_stamped(stage)

    def is_stamped(self, stage: str) -> bool:
        try:
            return self.stamp(stage).read_bytes() == self.wanted(stage)
        except FileNotFoundError:
            return False

    def is_only_to_be_read(self) -> bool:
        """Whether it is there, and this user may not change it: another user's, or on a disk that is read-only."""
        lock = self.path / LOCK
        mine = os.access(self.path, os.W_OK) and (os.access(lock, os.W_OK) or not lock.exists())
        return self.path.is_dir() and not mine

    def why_unusable(self, stage: str) -> str:
        """Why a user who may only read it cannot use it, and what to do; empty if it is up to date."""
        if all(self.is_current(each) for each in stages_to(stage)):
            return ""
        own = "or name a folder of your own in FLOCK_VENV"
        if all(self.is_stamped(each) for each in stages_to(stage)):
            python = os.path.realpath(self.python)
            return f"this user may not run {python}; make it anew with another FLOCK_PYTHON, {own}"
        command = self.root / "scripts" / MAKERS[stage]
        return f"it is not up to date; run {command} as its owner, {owner_of(self.path)}, {own}"

    def is_sound(self) -> bool:
        """Whether it can be brought up to date in place: its own, whole, and its Python runs and is new enough."""
        stamps = [stamp for stage in STAGES if (stamp := self.stamp(stage)).exists()]
        if self.stamp("flock") not in stamps:
            return False
        if not all(stamp.read_bytes().startswith(self.whose) for stamp in stamps):
            return False
        return is_well(self.python, f"import sys; sys.exit(sys.version_info < {OLDEST})")

    def bring_up(self, stage: str, run: Run) -> None:
        """Do the stages up to `stage` that are not current. `run` runs a command, or raises CannotSetUp."""
        stages = stages_to(stage)
        stale = [each for each in stages if not self.is_current(each)]
        if not stale:
            return
        is_sound = self.is_sound()
        if stage == "cluster":
            self.refuse_where_there_is_no_ray(self.python if is_sound else python_to_link_to())
        if is_sound:
            if stale != ["cluster"]:
                say(f"bringing {self.path.name} up to date")
        else:
            say(f"setting up {self.path.name} (once; about a minute)")
            stale = list(stages)
            warn_of_an_untried_python(sys.version_info[:2])
            self.make_anew(run)
        for each in stale:
            if each == stage == "cluster":
                say(f"fetching {RAY}")
            wanted = self.wanted(each)
            self.stamp(each).write_bytes(b"")
            self.install(each, run)
            self.stamp(each).write_bytes(wanted)

    def refuse_where_there_is_no_ray(self, python: Path) -> None:
        """Before anything is fetched: pip would say less clearly that it has found no wheel."""
        if not is_well(python, HAS_RAY):
            raise CannotSetUp(f"flock cluster: there is no Ray for {os.path.realpath(python)}: {RAY_NEEDS}")

    def make_anew(self, run: Run) -> None:
        for stage in STAGES:
            self.stamp(stage).unlink(missing_ok=True)
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
        run([python_to_link_to(), "-I", "-m", "venv", self.path])

    def install(self, stage: str, run: Run) -> None:
        """Only wheels, only those the lock has: nothing unpinned is fetched to build one. Then flock itself."""
        pip: list[str | Path] = [self.python, "-I", "-m", "pip", "install", "--quiet", "--no-deps"]
        for name in ("pip", stage) if stage == "flock" else (stage,):
            run([*pip, "--require-hashes", "--only-binary=:all:", "-r", self.requirements(name)])
        if stage == "flock":
            run([*pip, "--no-build-isolation", "--editable", self.root])

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the environment's lock, and give its file descriptor."""
        self.path.mkdir(parents=True, exist_ok=True)
        if self.path != self.root / ".venv" and any(self.path.iterdir()) and not (self.path / LOCK).exists():
            raise CannotSetUp(f"FLOCK_VENV is a directory with other things in it: {self.path}")
        while True:
            with (self.path / LOCK).open("a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    say(f"waiting for another process that sets up {self.path.name}")
                    fcntl.flock(lock, fcntl.LOCK_EX)
                if os.fstat(lock.fileno()).st_nlink:  # else the directory was removed meanwhile
                    yield lock.fileno()
                    return
            self.path.mkdir(parents=True, exist_ok=True)


def stages_to(stage: str) -> tuple[str, ...]:
    """That stage and those before it."""
    return STAGES[: STAGES.index(stage) + 1]


def is_well(python: Path, probe: str) -> bool:
    """Whether that Python runs, and ends the program `probe` with 0."""
    try:
        probed = subprocess.run([python, "-I", "-c", probe], capture_output=True, check=False)
    except OSError:
        return False
    return probed.returncode == 0


def owner_of(path: Path) -> str:
    owner = path.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"user {owner}"


def python_to_link_to() -> Path:
    """This Python under its versioned name, outside any environment it runs in.

    A system that moves on to the next Python then leaves a dead link, which is noticed, not another version.
    """
    versioned = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    return versioned if os.access(versioned, os.X_OK) else Path(sys.executable)


def refuse_a_python_without_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        minor = sys.version_info.minor
        raise CannotSetUp(
            f"{sys.executable} cannot make virtual environments: "
            f"apt install python3-venv (or python3.{minor}-venv), or name another Python in FLOCK_PYTHON"
        )


def warn_of_an_untried_python(version: tuple[int, int]) -> None:
    if version > NEWEST_TRIED:
        say(
            "Python {}.{} is newer than those that flock was tried on ({}.{} to {}.{}), going on; "
            "if it fails, name an older one in FLOCK_PYTHON".format(*version, *OLDEST, *NEWEST_TRIED)
        )


def run_holding(lock: int, command: Sequence[str | Path]) -> None:
    """Run `command` silently; if it fails, show the last lines it said and raise CannotSetUp.

    It holds the lock as well: when this process is killed, the next one waits for what it left running.
    """
    environment = {
        name: str(Path(value).absolute()) if name in PIP_PATHS and Path(value).exists() else value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV")) or name in PIP_SETTINGS_KEPT
    }
    done = subprocess.run(
        command,
        cwd=NEUTRAL,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment | PIP_SETTINGS,
        pass_fds=[lock],
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(*done.stdout.splitlines()[-12:], sep="\n", file=sys.stderr)
        step = "venv" if "venv" in command else "pip"
        raise CannotSetUp(f"cannot set up: {step} failed, see above (no network?); the next try starts afresh")


def say(line: str) -> None:
    print(f"flock: {line}", file=sys.stderr, flush=True)


def stop(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)  # on its way out subprocess.run kills what it runs


def main(root: str, venv: str, stage: str, *command: str) -> int:
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
    environment = Venv(root=Path(root), path=Path(venv))
    try:
        if environment.is_only_to_be_read():
            if why := environment.why_unusable(stage):
                raise CannotSetUp(f"cannot use {environment.path}: {why}")
        else:
            refuse_a_python_without_venv()
            with environment.locked() as lock:
                environment.bring_up(stage, functools.partial(run_holding, lock))
        os.execv(command[0], command)
    except CannotSetUp as error:
        say(str(error))
    except OSError as error:
        say(f"cannot set up: {error}")
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
