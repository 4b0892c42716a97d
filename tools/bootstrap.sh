#!/usr/bin/env bash
# Makes a virtual environment that holds exactly what a lock file lists, and this project in editable form.
#
#   tools/bootstrap.sh VENV LOCK [PYTHON]
#
# VENV    directory of the environment; reused when its interpreter still runs
# LOCK    requirements file with hashes: nothing is installed that it does not name
# PYTHON  interpreter to build on; by default python3 or, where that is older than 3.11, the newest python3.x found
#
# Asks of the machine no more than Python 3.11. On Debian, where the standard library comes without ensurepip, the
# missing package is installed when the user is root; otherwise the message says which one it is.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1 lock=$2 asked=${3:-}
say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

is_usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    if [[ -n $asked ]]; then
        is_usable "$asked" || die "$asked does not run or is older than 3.11: give another one with PYTHON=..."
        echo "$asked"
        return
    fi
    for candidate in python3 python3.1{5,4,3,2,1}; do
        if is_usable "$candidate"; then echo "$candidate"; return; fi
    done
    die "no Python 3.11 or later found: install one (Debian 12: apt-get install python3), or name it with PYTHON=..."
}

install_venv_module() { # PYTHON: the apt package that gives this interpreter `venv` with pip
    local package
    package=$("$1" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    command -v apt-get >/dev/null || die "$1 cannot make environments (no ensurepip): install its venv module"
    [[ $(id -u) == 0 ]] || die "$1 cannot make environments: run 'sudo apt-get install $package', then again"
    say "installing $package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || {
        apt-get update -qq >/dev/null
        apt-get install -y -qq --no-install-recommends "$package" >/dev/null
    } || die "apt-get could not install $package"
}

can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

make_venv() { # PYTHON
    if can_make_venv "$1"; then
        "$1" -m venv --clear "$venv"
    elif [[ -n $uv ]]; then
        "$uv" venv --quiet --clear --seed --python "$1" "$venv"
    else
        install_venv_module "$1"
        "$1" -m venv --clear "$venv"
    fi
}

# The development environment's uv serves the environments of the other Python versions too.
uv=
for candidate in "$venv/bin/uv" .venv/bin/uv; do
    if "$candidate" --version >/dev/null 2>&1; then uv=$PWD/$candidate; break; fi
done

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    say "making $venv with $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    make_venv "$python"
fi
pip() { "$venv/bin/python" -m pip "$@"; }

if [[ -z $uv ]] && grep -q '^uv==' "$lock"; then
    say "installing uv"
    sed -n '/^uv==/,/[^\\]$/p' "$lock" >"$venv/uv.txt"
    pip install --quiet --require-hashes --only-binary :all: --no-deps --requirement "$venv/uv.txt"
    uv=$PWD/$venv/bin/uv
fi

say "installing $(grep -c '^[a-z].*==' "$lock") locked packages from $lock"
# The build tools are in the lock too: nothing is fetched without a hash, the project itself included.
with_uv() {
    "$uv" pip sync --quiet --no-config --require-hashes --only-binary :all: --python "$venv/bin/python" "$lock" &&
        "$uv" pip install --quiet --no-config --no-deps --no-build-isolation --python "$venv/bin/python" --editable .
}
with_pip() {
    pip install --quiet --require-hashes --only-binary :all: --requirement "$lock" &&
        pip install --quiet --no-deps --no-build-isolation --editable .
}
# uv is several times faster, but knows nothing of pip's configuration (mirrors, certificates): pip is the way back.
if [[ -z $uv ]] || ! with_uv; then
    [[ -z $uv ]] || say "uv could not: trying pip"
    with_pip || die "the packages could not be installed: check the network, or pip's configuration"
fi
say "$venv is ready"
