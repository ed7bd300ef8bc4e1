"""The set-up machinery: scripts/flock, scripts/test, what they share, and the lock.

The scripts are real and so are the environments they make, but the project is a stand-in with its own build
backend and no dependencies, so that nothing is fetched and a build takes seconds. That the real lock installs is
proved by the suite's own environment, and by .ci/run on every Python.
"""

import importlib.util
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCRIPTS = ("flock", "test", "lock")
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")  # those that flock is tried on
TIMEOUT = 120  # seconds: far more than two builds take, on the slowest machine

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import os
import re
import zipfile

INFO = "stand_in-1.dist-info/"
SCRIPTS = "[console_scripts]\\nflock=stand_in:main\\npytest=stand_in:main\\n"


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(os.path.join(wheel_directory, "stand_in-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("stand_in.pth", os.getcwd())
        wheel.writestr(INFO + "METADATA", "Metadata-Version: 2.1\\nName: stand-in\\nVersion: 1\\n")
        wheel.writestr(INFO + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(INFO + "entry_points.txt", SCRIPTS)
        wheel.writestr(INFO + "RECORD", "")
    return "stand_in-1-py3-none-any.whl"
"""
PROGRAM = """
import json
import os
import re
import signal
import sys


def main():
    tunables = os.environ.get("GLIBC_TUNABLES")
    found = {"pid": os.getpid(), "cwd": os.getcwd(), "arguments": sys.argv[1:], "tunables": tunables}
    print(json.dumps(found), flush=True)
    if sys.argv[1] == "exit":
        return int(sys.argv[2])
    if sys.argv[1] == "wait":
        signal.pause()
"""


def load_helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_venv", ROOT / "scripts" / "_venv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


helper = load_helper()


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with this Python to build with, and a caller's settings that must not matter."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOCK_")}
    hostile = {
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": "/nowhere",
        "VIRTUAL_ENV": "/nowhere",
        "PIP_USER": "1",
        "PIP_TARGET": "/nowhere",
        "PIP_PREFIX": "/nowhere",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "CDPATH": "/",
    }
    return inherited | hostile | {"FLOCK_PYTHON": sys.executable} | changes


def start(command: Sequence[str | Path], cwd: Path, **changes: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run(command: Sequence[str | Path], cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return finish(start(command, cwd, **changes))


def make_checkout(path: Path) -> Path:
    """Write the stand-in project with the real scripts to `path`, and give `path`."""
    (path / "scripts").mkdir(parents=True)
    (path / "requirements").mkdir()
    for name in ("flock", "test", "_venv.sh", "_venv.py"):
        shutil.copy2(ROOT / "scripts" / name, path / "scripts" / name)
    (path / "pyproject.toml").write_text(PYPROJECT)
    (path / "backend.py").write_text(BACKEND)
    (path / "stand_in.py").write_text(PROGRAM)
    for name in ("pip.txt", "flock.txt", "cluster.txt", "test.txt"):
        (path / "requirements" / name).write_text("# nothing\n")
    return path


def make_hostile(path: Path) -> dict[str, str]:
    """Write modules to `path` that leave a mark when they are imported; return variables that lead there."""
    base = path / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    base.mkdir(parents=True)
    mark = f"open({str(path / 'marked')!r}, 'a').write(__name__ + ' ')\n"
    for name in ("venv", "ensurepip", "simplejson", "flock", "stand_in", "json", "sitecustomize"):
        (path / f"{name}.py").write_text(mark)
    (path / "pip").mkdir()
    for file in (path / "pip" / "__init__.py", path / "pip" / "__main__.py", base / "usercustomize.py"):
        file.write_text(mark)
    return {"PYTHONPATH": str(path), "PYTHONUSERBASE": str(path), "PYTHONSTARTUP": str(path / "json.py")}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkout(tmp_path_factory.mktemp("set-up") / 'a flock\'s "checkout" $HOME')


@pytest.fixture(scope="module")
def elsewhere(fresh: Path) -> Path:
    """A directory outside the checkout, with a symlink to a symlink to scripts/flock."""
    path = fresh.parent / "else where"
    path.mkdir()
    (path / "link").symlink_to(fresh / "scripts" / "flock")
    (path / "flock").symlink_to("link")
    return path


@pytest.fixture(scope="module")
def first_runs(fresh: Path, elsewhere: Path) -> list[subprocess.CompletedProcess[str]]:
    """What came of two flocks and two tests that started at once in a fresh checkout (a real build: seconds).

    The folder that they are started from is hostile.
    """
    flock, test = elsewhere / "flock", fresh / "scripts" / "test"
    variables = make_hostile(elsewhere)
    started = [start([script, "hello"], elsewhere, **variables) for script in (flock, test, flock, test)]
    return [finish(process) for process in started]


@pytest.fixture
def built(fresh: Path, first_runs: list[subprocess.CompletedProcess[str]]) -> Path:
    assert [process.returncode for process in first_runs] == [0, 0, 0, 0]
    return fresh


def test_two_flocks_and_two_tests_can_start_at_once_in_a_fresh_checkout(
    first_runs: list[subprocess.CompletedProcess[str]],
) -> None:
    """One builds, the others wait for it; all become their program, and only the program writes to stdout."""
    assert [process.returncode for process in first_runs] == [0, 0, 0, 0], [run.stderr for run in first_runs]
    assert all(json.loads(process.stdout)["arguments"] == ["hello"] for process in first_runs)
    said = "".join(process.stderr for process in first_runs)
    assert said.count("setting up .venv") == 1
    assert all(line.startswith("flock: ") for line in said.splitlines())


def test_flock_keeps_the_callers_directory_and_the_tests_run_in_the_repository(
    first_runs: list[subprocess.CompletedProcess[str]], fresh: Path, elsewhere: Path
) -> None:
    """KEYS is relative to where the caller is; the suite is not."""
    expected = [str(elsewhere), str(fresh), str(elsewhere), str(fresh)]
    assert expected == [json.loads(process.stdout)["cwd"] for process in first_runs]


def test_nothing_is_imported_from_the_folder_that_one_stands_in(built: Path, elsewhere: Path) -> None:
    """Neither while the environment is made, nor later, whatever PYTHON* says: that folder may be anybody's."""
    assert run([elsewhere / "flock", "hello"], elsewhere).returncode == 0
    assert not (elsewhere / "marked").exists()


@pytest.mark.parametrize("script", ["flock", "test"])
def test_once_set_up_a_script_says_nothing_and_needs_no_python_of_its_own(built: Path, script: str) -> None:
    """With no Python to be found, only the quick way through can succeed."""
    again = run([built / "scripts" / script, "hello"], built, FLOCK_PYTHON="/nowhere")
    assert (again.returncode, again.stderr) == (0, "")


def test_arguments_arrive_as_they_were_given(built: Path) -> None:
    """Spaces, quotes, stars, dollars and empty strings are not the shell's business."""
    arguments = ["a b", "", "*", "$HOME", "it's", '"', "--", "-k"]
    done = run([built / "scripts" / "flock", *arguments], built)
    assert json.loads(done.stdout)["arguments"] == arguments


def test_the_heap_is_set_up_for_many_threads_unless_somebody_did(built: Path) -> None:
    """A thread keeps no freed memory to itself."""
    mine = "glibc.malloc.arena_max=2"
    ours = json.loads(run([built / "scripts" / "flock", "hello"], built).stdout)["tunables"]
    theirs = json.loads(run([built / "scripts" / "flock", "hello"], built, GLIBC_TUNABLES=mine).stdout)["tunables"]
    assert ("glibc.malloc.tcache_count=0", mine) == (ours, theirs)


@pytest.mark.parametrize("script", ["flock", "test"])
def test_the_exit_code_is_the_programs_own(built: Path, script: str) -> None:
    """The script is gone by then."""
    assert run([built / "scripts" / script, "exit", "42"], built).returncode == 42


def test_signals_reach_flock_because_the_script_has_become_it(built: Path) -> None:
    """The process that was started is flock: same number, and a signal to it is flock's to take."""
    process = start([built / "scripts" / "flock", "wait"], built)
    assert process.stdout is not None
    pid = json.loads(process.stdout.readline())["pid"]
    process.send_signal(signal.SIGTERM)
    assert finish(process).returncode == -signal.SIGTERM
    assert pid == process.pid


def test_a_changed_pyproject_is_taken_up_in_place(built: Path) -> None:
    """A tool's setting that changed is no reason to fetch everything again."""
    (built / ".venv" / "kept").touch()
    with (built / "pyproject.toml").open("a") as pyproject:
        pyproject.write("# changed\n")
    done = run([built / "scripts" / "test", "hello"], built)
    assert (done.returncode, done.stderr) == (0, "flock: bringing .venv up to date\n")
    assert (built / ".venv" / "kept").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(built: Path) -> None:
    """As after an upgrade of the system (a second real build: seconds)."""
    for link in (built / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python")
    done = run([built / "scripts" / "test", "exit", "7"], built)
    assert (done.returncode, done.stderr) == (7, "flock: setting up .venv (once; about a minute)\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "checkout")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_python_that_flock_does_not_run_on_is_refused_in_one_line(checkout: Path, tmp_path: Path) -> None:
    """Exit code 69, nothing made."""
    old = script(tmp_path / "python3.10", "exit 1")
    done = run([checkout / "scripts" / "flock", "hello"], checkout, FLOCK_PYTHON=str(old))
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == f"flock: FLOCK_PYTHON is no Python 3.11 or newer that runs: {old}\n"
    assert not (checkout / ".venv").exists()


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with what the scripts call, and no Python."""
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("sh", "dirname", "readlink", "cat", "cmp"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    return path


def test_without_any_python_the_refusal_is_one_line(checkout: Path, bare_path: Path) -> None:
    """It says which versions will do, and where to name one."""
    done = run([checkout / "scripts" / "flock", "hello"], checkout, FLOCK_PYTHON="", PATH=str(bare_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1)
    assert "3.11 or newer" in done.stderr


def test_a_shim_that_leads_nowhere_is_passed_over(checkout: Path, bare_path: Path) -> None:
    """A pyenv shim for a version that is not selected exists, and fails: the next Python is taken."""
    script(bare_path / "python3.13", "echo pyenv: python3.13: command not found >&2; exit 127")
    script(bare_path / "python3.12", 'case $2 in -c) exit 0 ;; *) echo "chosen: $0"; exit 5 ;; esac')
    done = run([checkout / "scripts" / "flock", "hello"], checkout, FLOCK_PYTHON="", PATH=str(bare_path))
    assert (done.returncode, done.stdout, done.stderr) == (5, f"chosen: {bare_path}/python3.12\n", "")


def test_the_newest_python_that_was_tried_is_taken(checkout: Path, bare_path: Path) -> None:
    """Before an older one, and before a python3 that may be newer: that is taken when there is no other."""
    for name in ("python3", "python3.14", "python3.12"):
        script(bare_path / name, 'case $2 in -c) exit 0 ;; *) echo "chosen: $0"; exit 5 ;; esac')
    for name in ("python3.14", "python3.12", "python3"):
        done = run([checkout / "scripts" / "flock", "hello"], checkout, FLOCK_PYTHON="", PATH=str(bare_path))
        assert (done.returncode, done.stdout, done.stderr) == (5, f"chosen: {bare_path}/{name}\n", "")
        (bare_path / name).unlink()


@pytest.fixture
def only_to_be_read(built: Path) -> Iterator[list[str]]:
    """An environment that is another user's: what to start its scripts with, so that root may not write either."""
    folder, lock = built / ".venv", built / ".venv" / helper.LOCK
    folder.chmod(0o555)
    lock.chmod(0o444)
    yield ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    folder.chmod(0o755)
    lock.chmod(0o644)


def test_an_environment_of_another_user_is_used_as_it_is(
    built: Path, only_to_be_read: list[str], bare_path: Path
) -> None:
    """As a service does whose checkout is root's; also where the script's own look is not enough, without cmp."""
    (bare_path / "cmp").unlink()
    (bare_path / "setpriv").symlink_to(shutil.which("setpriv") or "/nowhere")
    for path in (os.environ["PATH"], str(bare_path)):
        done = run([*only_to_be_read, built / "scripts" / "flock", "hello"], built, PATH=path)
        assert (done.returncode, done.stderr) == (0, ""), path
        assert json.loads(done.stdout)["arguments"] == ["hello"]


def test_an_environment_of_another_user_that_is_stale_is_one_line(built: Path, only_to_be_read: list[str]) -> None:
    """It says what to do, and as which user."""
    stamp = built / ".venv" / ".flock.stamp"
    current = stamp.read_bytes()
    stamp.write_bytes(b"")
    done = run([*only_to_be_read, built / "scripts" / "flock", "hello"], built)
    stamp.write_bytes(current)
    script = built / "scripts" / "flock"
    expected = (
        f"flock: cannot use {built}/.venv: it is not up to date; run {script} --version as its owner,"
        f" {built.owner()}, or name a folder of your own in FLOCK_VENV\n"
    )
    assert (done.returncode, done.stderr) == (69, expected)


def test_a_python_that_this_user_may_not_run_is_named(venv: Any) -> None:
    """Such as one in root's home: the stamps are right, and yet there is no use in them."""
    lose_the_python(venv)
    assert f"this user may not run {os.path.realpath(venv.python)}; " in venv.why_unusable("flock")


class Recorder:
    """Stands where commands are run: keeps them, and fails at the one that contains `fails_at`."""

    def __init__(self, fails_at: str = "nothing") -> None:
        self.fails_at = fails_at
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str | Path]) -> None:
        self.commands.append(" ".join(map(str, command)))
        if self.fails_at in self.commands[-1]:
            raise helper.CannotSetUp("told to fail")
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir()
            script(python, "exit 0")

    def ran(self) -> list[str]:
        """What was done, in a word a command."""
        kinds = {"-m venv": "venv", "flock.txt": "flock", "--editable": "project"}
        kinds |= {f"{stage}.txt": stage for stage in ("pip", "cluster", "test")}
        return [next(kind for sign, kind in kinds.items() if sign in command) for command in self.commands]


@pytest.fixture
def venv(checkout: Path) -> Any:
    """An environment that believes it was made, for scripts/test, by a Recorder."""
    venv = helper.Venv(root=checkout, path=checkout / ".venv")
    venv.path.mkdir()
    venv.bring_up("test", Recorder())
    return venv


def bring_up(venv: Any, stage: str) -> list[str]:
    recorder = Recorder()
    venv.bring_up(stage, recorder)
    return recorder.ran()


def test_what_the_tests_need_is_added_to_what_flock_needs(checkout: Path) -> None:
    """A flock that runs meanwhile loses nothing, and going back and forth does nothing."""
    venv = helper.Venv(root=checkout, path=checkout / ".venv")
    venv.path.mkdir()
    assert bring_up(venv, "flock") == ["venv", "pip", "flock", "project"]
    assert bring_up(venv, "test") == ["cluster", "test"]
    assert bring_up(venv, "flock") == []
    assert bring_up(venv, "test") == []


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ray be there for this Python, whatever it is."""
    monkeypatch.setattr(helper, "HAS_RAY", "pass")


def test_ray_comes_with_the_first_command_that_needs_it(
    checkout: Path, with_ray: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is half of all that there is. One line says so, once."""
    venv = helper.Venv(root=checkout, path=checkout / ".venv")
    venv.path.mkdir()
    bring_up(venv, "flock")
    capsys.readouterr()
    assert bring_up(venv, "cluster") == ["cluster"]
    line = "flock: fetching Ray, for flock cluster (once; 80 MB to download, 270 MB on the disk)\n"
    assert line == capsys.readouterr().err
    assert bring_up(venv, "cluster") == bring_up(venv, "flock") == []
    assert bring_up(venv, "test") == ["test"]


def test_where_there_is_no_ray_nothing_is_fetched_for_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is an environment made for it. The others are as they would be without it."""
    monkeypatch.setattr(helper, "HAS_RAY", "raise SystemExit(1)")
    venv = helper.Venv(root=checkout, path=checkout / ".venv")
    venv.path.mkdir()
    with pytest.raises(helper.CannotSetUp, match=r"there is no Ray for /.*: it needs Linux with glibc .*3\.14"):
        bring_up(venv, "cluster")
    assert [] == [*venv.path.iterdir()]
    assert bring_up(venv, "test") == ["venv", "pip", "flock", "project", "cluster", "test"]


def test_that_there_is_no_ray_is_one_line(built: Path) -> None:
    """Exit code 69."""
    script = built / "scripts" / "_venv.py"
    text = script.read_text()
    script.write_text(text.replace("is_known = ", "is_known = 0 and "))
    stamp = built / ".venv" / ".cluster.stamp"
    current = stamp.read_bytes()
    stamp.write_text("stale")
    done = run([built / "scripts" / "flock", "cluster", "status"], built)
    script.write_text(text)
    stamp.write_bytes(current)
    assert (69, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert done.stderr.startswith("flock: flock cluster: there is no Ray for /")


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [((), False), (("--help",), False), (("status",), True), (("run", "keys"), True)],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_help_needs_no_ray(built: Path, arguments: tuple[str, ...], needs: bool) -> None:
    """Of the commands of `flock cluster`, those that do something need it."""
    stamp = built / ".venv" / ".cluster.stamp"
    current = stamp.read_bytes()
    stamp.write_text("stale")
    done = run([built / "scripts" / "flock", "cluster", *arguments], built)
    fetched = stamp.read_bytes() == current
    stamp.write_bytes(current)
    assert (0, needs, needs) == (done.returncode, fetched, "fetching Ray" in done.stderr)
    assert ["cluster", *arguments] == json.loads(done.stdout)["arguments"]


def test_what_is_known_of_ray_agrees_with_pyproject() -> None:
    """The marker says for which Pythons and systems there is Ray, as far as a marker can."""
    ray = next(Requirement(text) for text in extras()["cluster"] if text.startswith("ray"))
    for python, system in itertools.product(PYTHONS, ("linux", "darwin")):
        version = tuple(map(int, python.split(".")))
        assert (system == "linux" and version < (3, 15)) == applies(ray, python, system)
    assert "sys.version_info < (3, 15)" in helper.HAS_RAY
    assert "Python 3.14 or older" in helper.RAY_NEEDS


def test_a_python_newer_than_those_tried_is_warned_of_in_one_line_and_used(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, when the environment is made with it."""
    monkeypatch.setattr(helper, "NEWEST_TRIED", (3, 10))
    venv = helper.Venv(root=checkout, path=checkout / ".venv")
    venv.path.mkdir()
    assert bring_up(venv, "flock") == ["venv", "pip", "flock", "project"]
    assert bring_up(venv, "test") == ["cluster", "test"]
    warnings = [line for line in capsys.readouterr().err.splitlines() if "newer than those" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("flock: Python {}.{} is newer".format(*sys.version_info))


def test_a_python_that_was_tried_is_not_warned_of(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said but that the environment is made."""
    venv = helper.Venv(root=checkout, path=checkout / ".venv")
    venv.path.mkdir()
    bring_up(venv, "test")
    assert capsys.readouterr().err == "flock: setting up .venv (once; about a minute)\n"


def change_pyproject(venv: Any) -> None:
    (venv.root / "pyproject.toml").write_text("# changed\n")


def change_the_pip(venv: Any) -> None:
    venv.requirements("pip").write_text("# changed\n")


def change_what_flock_needs(venv: Any) -> None:
    venv.requirements("flock").write_text("# changed\n")


def change_what_flock_cluster_needs(venv: Any) -> None:
    venv.requirements("cluster").write_text("# changed\n")


def change_what_the_tests_need(venv: Any) -> None:
    venv.requirements("test").write_text("# changed\n")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_pyproject, ["pip", "flock", "project", "cluster", "test"]),
        (change_the_pip, ["pip", "flock", "project", "cluster", "test"]),
        (change_what_flock_needs, ["pip", "flock", "project"]),
        (change_what_flock_cluster_needs, ["cluster"]),
        (change_what_the_tests_need, ["test"]),
    ],
)
def test_what_changed_is_brought_up_to_date_in_place(
    venv: Any, change: Callable[[Any], None], expected: list[str]
) -> None:
    """Only the stages that the change concerns, once."""
    change(venv)
    assert bring_up(venv, "test") == expected
    assert bring_up(venv, "test") == []


def lose_the_python(venv: Any) -> None:
    venv.python.unlink()


def get_an_unsupported_python(venv: Any) -> None:
    script(venv.python, "exit 1")
    change_pyproject(venv)


def come_from_elsewhere(venv: Any) -> None:
    for stage in helper.STAGES:
        venv.stamp(stage).write_bytes(b"/else/where\n/else/where/.venv\n")


def come_from_another_tool(venv: Any) -> None:
    for stage in helper.STAGES:
        venv.stamp(stage).unlink()


def be_interrupted_while_making(venv: Any) -> None:
    change_what_flock_needs(venv)
    with pytest.raises(helper.CannotSetUp):
        venv.bring_up("flock", Recorder(fails_at="--editable"))


def be_interrupted_while_adding(venv: Any) -> None:
    change_what_the_tests_need(venv)
    with pytest.raises(helper.CannotSetUp):
        venv.bring_up("test", Recorder(fails_at="test.txt"))


@pytest.mark.parametrize(
    "happens",
    [
        lose_the_python,
        get_an_unsupported_python,
        come_from_elsewhere,
        come_from_another_tool,
        be_interrupted_while_making,
        be_interrupted_while_adding,
    ],
)
def test_an_environment_that_cannot_be_trusted_is_made_anew(venv: Any, happens: Callable[[Any], None]) -> None:
    """From an empty directory: nothing of the old one is left, but for the lock that is being held."""
    happens(venv)
    (venv.path / helper.LOCK).touch()
    (venv.path / "left over").mkdir()
    (venv.path / "link").symlink_to(venv.root)
    assert bring_up(venv, "test") == ["venv", "pip", "flock", "project", "cluster", "test"]
    left = {path.name for path in venv.path.iterdir()}
    assert left == {"bin", helper.LOCK, ".flock.stamp", ".cluster.stamp", ".test.stamp"}
    assert (venv.root / "pyproject.toml").exists()


def test_another_directory_is_never_emptied(checkout: Path, tmp_path: Path) -> None:
    """A mistyped FLOCK_VENV must not delete files."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").touch()
    venv = helper.Venv(root=checkout, path=tmp_path / "home")
    with pytest.raises(helper.CannotSetUp, match="other things in it"), venv.locked():
        pass
    assert (tmp_path / "home" / "precious").exists()


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "lock").open("w") as file:
        yield file.fileno()


def test_a_command_that_fails_shows_its_last_lines(lock: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Enough to see why, and not the whole of what pip has to say."""
    fail = "print(*range(100), sep='\\n'); raise SystemExit(1)"
    with pytest.raises(helper.CannotSetUp, match="pip failed"):
        helper.run_holding(lock, [sys.executable, "-c", fail])
    out, err = capsys.readouterr()
    assert (out, err.split()) == ("", [str(n) for n in range(88, 100)])


def test_a_command_holds_the_lock_itself(lock: int) -> None:
    """If the helper is killed, the next one waits for the pip that it left running."""
    helper.run_holding(lock, [sys.executable, "-c", f"import os; os.fstat({lock})"])


def test_pip_hears_of_the_callers_index_and_of_nothing_else(lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's mirror is needed; PIP_TARGET and the like would put things where they are not looked for."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_TARGET", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    check = """if True:
        import os
        assert os.environ["PIP_INDEX_URL"] == "https://mirror.example/simple"
        assert not {"PIP_TARGET", "PYTHONPATH"} & os.environ.keys()
    """
    helper.run_holding(lock, [sys.executable, "-c", check])


def test_a_python_without_venv_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian's is until python3-venv is installed."""
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(helper.CannotSetUp, match="apt install python3-venv"):
        helper.refuse_a_python_without_venv()


def test_the_environment_links_to_a_versioned_python() -> None:
    """Then a system's next Python leaves a dead link, which is noticed, and not another version."""
    python = helper.python_to_link_to()
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.split()[1].startswith(python.name.removeprefix("python"))


@pytest.mark.parametrize("name", [*SCRIPTS, "_venv.sh"])
def test_the_scripts_are_posix_shell(name: str) -> None:
    """As far as sh can tell without running them."""
    assert run(["sh", "-n", ROOT / "scripts" / name], ROOT).stderr == ""


@pytest.mark.parametrize(
    "name",
    [
        "scripts/flock",
        "scripts/test",
        "scripts/lock",
        ".ci/run",
        ".ci/python",
        ".ci/forky",
        ".ci/smoke",
        ".ci/chromium",
    ],
)
def test_the_scripts_can_be_started(name: str) -> None:
    """They are executable, and say what runs them."""
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/")


def test_the_folders_of_long_tests_exist() -> None:
    """One that is misspelt would be left out of them, and be run with the others."""
    (long,) = re.findall(r"^long='(.*)'$", (ROOT / "scripts" / "test").read_text(), re.MULTILINE)
    assert [] == [folder for folder in long.split() if not list((ROOT / folder).glob("test_*.py"))]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_scripts_and_the_project_agree_on_pythons() -> None:
    """requires-python and the classifiers, the helper, the shell's candidates and probe, and CI's lists."""
    settings = project()["project"]
    assert ">={}.{}".format(*helper.OLDEST) == settings["requires-python"]
    assert (PYTHONS[0], PYTHONS[-1]) == ("{}.{}".format(*helper.OLDEST), "{}.{}".format(*helper.NEWEST_TRIED))
    prefix = "Programming Language :: Python :: "
    named = [line.removeprefix(prefix) for line in settings["classifiers"] if line.startswith(prefix)]
    assert list(PYTHONS) == named
    newest, *others = [f"python{version}" for version in reversed(PYTHONS)]
    shell = (ROOT / "scripts" / "_venv.sh").read_text()
    assert f'for python in "${{FLOCK_PYTHON:-{newest}}}" {" ".join(others)} python3; do' in shell
    assert f"sys.exit(sys.version_info < {helper.OLDEST})" in shell
    assert f"{PYTHONS[0]} to {PYTHONS[-1]}" in (ROOT / "scripts" / "flock").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    assert f"for version in {' '.join(PYTHONS[:3])}; do" in ci
    assert f'.ci/forky "$scratch/forky" {" ".join(PYTHONS[3:])}\n' in ci


def locked(name: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if line[:1].isalnum()]


def applies(requirement: Requirement, python: str, system: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(
        {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system, "extra": ""}
    )


def extras() -> dict[str, list[str]]:
    found: dict[str, list[str]] = project()["project"]["optional-dependencies"]
    return found


def wanted(name: str) -> list[Requirement]:
    """What pyproject.toml names for requirements/NAME.txt, with the other file's where they are shared."""
    settings = project()
    everybodys = (text for extra, texts in extras().items() if extra != "cluster" for text in texts)
    named = {
        "flock.txt": [
            *settings["build-system"]["requires"],
            *settings["project"]["dependencies"],
            *everybodys,
        ],
        "cluster.txt": extras()["cluster"],
        "test.txt": settings["dependency-groups"]["test"],
    }
    return [Requirement(text) for text in named[name]]


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["flock.txt", "cluster.txt", "test.txt"])
def test_the_lock_is_in_step_with_pyproject(name: str, python: str, system: str) -> None:
    """Every dependency that is named is locked, once, within its bounds. If not: run scripts/lock."""
    both = [*locked("flock.txt"), *(locked(name) if name != "flock.txt" else [])]
    versions: dict[str, list[str]] = {}
    for pin in both:
        if applies(pin, python, system):
            versions.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    for requirement in wanted(name):
        if requirement.name != project()["project"]["name"] and applies(requirement, python, system):
            found = versions.get(canonicalize_name(requirement.name), [])
            assert len(found) == 1, f"{requirement} in requirements/{name}: {found}"
            assert found[0] in requirement.specifier


def test_what_flock_needs_is_without_ray() -> None:
    """Ray is as large as all of it, and there is none for many machines. The locks agree on each version: they
    share an environment."""
    assert "ray" not in {pin.name for pin in locked("flock.txt")}
    for python, system in itertools.product(PYTHONS, ("linux", "darwin")):
        versions: dict[str, set[str]] = {}
        for name in ("flock.txt", "cluster.txt", "test.txt"):
            for pin in locked(name):
                if applies(pin, python, system):
                    versions.setdefault(canonicalize_name(pin.name), set()).add(str(pin.specifier))
        assert {} == {name: found for name, found in versions.items() if len(found) > 1}
        assert ("ray" in versions) == (system == "linux" and python != "3.15")


@pytest.mark.parametrize("name", ["flock.txt", "cluster.txt", "test.txt", "pip.txt", "lock.txt"])
def test_the_lock_has_hashes_and_names_no_place(name: str) -> None:
    """It is for every machine: no index, no link, no path of the one it was made on."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    following = dict(itertools.pairwise(lines))
    pins = [line for line in lines if line[:1].isalnum()]
    assert [pin for pin in pins if not following[pin].startswith("    --hash=sha256:")] == []
    assert [line for line in lines if line.startswith("-") or "://" in line or " /" in line] == []
