# Read by the scripts next to it, which have set `root`: the repository, as an absolute path.
# The common case, an environment that is up to date, is settled here without starting a Python.

venv=${FLOCK_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
unset PYTHONHOME PYTHONPATH # another Python's, they would break this one

# find_python: sets `python` to one that flock runs on, the newest of those that flock was tried on if there is one.
# It is run to see: a pyenv shim may lead nowhere. -I: nothing is imported from the folder that one stands in, and no
# PYTHON* variable counts.
find_python() {
    for python in "${FLOCK_PYTHON:-python3.15}" python3.14 python3.13 python3.12 python3.11 python3; do
        if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            return
        fi
        if [ -n "${FLOCK_PYTHON:-}" ]; then
            echo "flock: FLOCK_PYTHON is no Python 3.11 or newer that runs: $FLOCK_PYTHON" >&2
            exit 69
        fi
    done
    echo "flock: needs Python 3.11 or newer and found none; install one, or name it in FLOCK_PYTHON" >&2
    exit 69
}

# is_current STAGE: the stamp says what _venv.py's Venv.wanted() says.
is_current() {
    { printf '%s\n%s\n' "$root" "$venv" && cat "$root/pyproject.toml" "$root/requirements/pip.txt" "$root/requirements/$1.txt"; } 2>/dev/null |
        cmp -s - "$venv/.$1.stamp" 2>/dev/null
}

# is_current_to STAGE: so are that stage and those before it.
is_current_to() {
    for each in flock cluster test; do
        is_current "$each" || return 1
        if [ "$each" = "$1" ]; then return 0; fi
    done
}

# become STAGE PROGRAM [ARGUMENT...]: PROGRAM is one of those in the environment's bin, or the path of another.
become() {
    stage=$1
    case $2 in */*) program=$2 ;; *) program=$venv/bin/$2 ;; esac
    shift 2
    # Not by the program's first line: that has a length that a system takes, and trouble with odd paths.
    set -- "$venv/bin/python" "$program" "$@"
    # -x looks through to the interpreter: the environment's own is a link to one that may be gone.
    if [ -x "$1" ] && is_current_to "$stage"; then
        exec "$@"
    fi
    find_python
    exec "$python" -I -B "$root/scripts/_venv.py" "$root" "$venv" "$stage" "$@"
}
