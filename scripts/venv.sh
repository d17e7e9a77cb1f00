# Sourced by demo/run, tests/run and benchmarks/run, from the top of the checkout: finds a Python and keeps a venv.
# Sets $python (of the venv). POSIX sh.

say() { printf '%s: %s\n' "$me" "$*" >&2; }
fail() { say "$*"; exit 1; }

# 3.11 is the oldest that the viewer's dependencies and syntax allow.
is_suitable() {
    [ "$("$1" -c 'import sys; print(sys.version_info >= (3, 11) and sys.implementation.name)' 2>/dev/null)" = cpython ]
}

# $PYTHON if set; else python3 where it will do (Debian's python3-venv belongs to that one); else the newest that is found.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_suitable "$PYTHON" || fail "PYTHON=$PYTHON is not a CPython 3.11 or newer: set it to one, or unset it"
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 \
        "$HOME"/.pyenv/versions/3.14.*/bin/python "$HOME"/.pyenv/versions/3.13.*/bin/python \
        "$HOME"/.pyenv/versions/3.12.*/bin/python "$HOME"/.pyenv/versions/3.11.*/bin/python; do
        if is_suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null) || found="no python3"
    fail "plopi's viewer needs CPython 3.11 or newer, and here is $found: install python3 and python3-venv of Debian 12" \
        "or Ubuntu 24.04 or newer, or set PYTHON=/path/to/python3.11"
}

# make_venv DIR WHAT [PIP ARGUMENTS]: brings DIR to hold WHAT; does nothing when it does already.
make_venv() {
    venv=$1
    what=$2
    shift 2
    python=$venv/bin/python
    wanted="$PWD $what $* $(cat setup.py pyproject.toml plopi/collector/_sampler*.[ch] 2>/dev/null | cksum)"
    stamp=$venv/installed-$(printf %s "$what" | cksum | cut -d' ' -f1)
    if [ -x "$python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && is_suitable "$python"; then
        return
    fi
    # A venv from elsewhere, from a Python that went, or half made is made anew.
    if ! { is_suitable "$python" && [ -f "$venv/place" ] && [ "$(cat "$venv/place")" = "$PWD" ] && "$python" -m pip --version >/dev/null 2>&1; }; then
        base=$(find_python) || exit 1
        say "making $venv with $("$base" --version)"
        "$base" -m venv --clear "$venv" >"$venv.log" 2>&1 || {
            cat "$venv.log" >&2
            rm -f "$venv.log"
            fail "$base cannot make a venv: install it with 'apt-get install python3-venv'"
        }
        rm -f "$venv.log"
        echo "$PWD" >"$venv/place"
    fi
    say "installing $what into $venv"
    "$python" -m pip install --quiet --disable-pip-version-check "$@" </dev/null ||
        fail "pip could not install $what: see its message above; it needs a package index, PyPI or another (PIP_INDEX_URL)"
    printf %s "$wanted" >"$stamp"
}
