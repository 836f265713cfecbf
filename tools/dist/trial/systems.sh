#!/bin/sh
# Makes the systems that make dist-test runs in and that no package has, in the cache of make dist: systems.sh [NAME...]
# Each is made once. Needs root (debootstrap), the packages of tools/dist/deps.sh test, and the pinned sources.
set -eu
cd "$(dirname "$0")/../../.."
cache=${DIST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fastbearer-dist}
mkdir -p "$cache/trial"
say() { # say EXPRESSION of what tools/dist knows
    python3 -c "from tools.dist import compiler, fetch, lock, targets; print($1)"
}
python=$(say 'fetch.unpacked(lock.read()["python3.13"])')
# shellcheck disable=SC2016 # apt's words, not the shell's
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' |
    awk '$2 == "Debian" && !/security/ { print $1; exit }')

# What the tests do not need of CPython, and what would need libraries.
off=
for module in _dbm _gdbm _tkinter _curses _curses_panel readline _sqlite3 _ctypes _lzma _bz2 _uuid nis _ssl \
    _hashlib zlib binascii _decimal _crypt; do
    off="$off py_cv_module_$module=n/a"
done

old_debian() { # Debian 11 without a compiler, and a CPython that its libc can run
    debootstrap --variant=minbase --include=ca-certificates bullseye "$1.work/root" "$mirror"
    tools=$(say 'compiler.tools(targets.TARGETS["linux-x64"])')
    export ZIG_GLOBAL_CACHE_DIR="$cache/zig" ZIG_LOCAL_CACHE_DIR="$cache/zig"
    mkdir "$1.work/build"
    # shellcheck disable=SC2086 # several variables
    (cd "$1.work/build" && "$python/configure" CC="$tools/cc -fno-sanitize=undefined -Wno-date-time" AR="$tools/ar" \
        RANLIB="$tools/ranlib" CFLAGS="-O1 -g0" --prefix=/opt/python --without-ensurepip --disable-test-modules \
        $off ac_cv_buggy_getaddrinfo=no &&
        make -j2 && make install DESTDIR="$1.work/root")
    mv "$1.work/root" "$1"
}

arm64() { # Debian's packages and musl, unpacked: no maintainer script runs, qemu is started by hand
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3,ca-certificates,musl bookworm "$1.work" \
        "$mirror"
    for package in "$1.work"/var/cache/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$1.work"
    done
    mv "$1.work" "$1"
}

python_t() { # a CPython without the GIL
    mkdir "$1.work"
    (cd "$1.work" && "$python/configure" CFLAGS="-O1 -g0" --disable-gil --disable-test-modules --without-ensurepip \
        --prefix="$1/inst" &&
        make -j2)
    mv "$1.work" "$1"
    make -C "$1" install
}

python_musl() { # a CPython of musl, by Debian's musl-gcc
    mkdir -p "$1.work/include"
    for folder in /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm"; do
        ln -s "$folder" "$1.work/include/"
    done
    cat >"$1.work/cc" <<END
#!/bin/sh
case "\$*" in *--print-multiarch*) echo x86_64-linux-musl ;; *) exec musl-gcc -isystem $1.work/include "\$@" ;; esac
END
    chmod +x "$1.work/cc"
    # shellcheck disable=SC2086 # several variables
    (cd "$1.work" && "$python/configure" CC="$1.work/cc" CFLAGS="-O1 -g0" --prefix=/nowhere --without-ensurepip \
        --disable-test-modules --build=x86_64-linux-musl --host=x86_64-linux-musl $off &&
        make -j2 python && make -j2 sharedmods)
    mv "$1.work" "$1"
}

bun_musl() { # the C and C++ libraries that Bun for musl asks for
    musl=$(say 'fetch.unpacked(lock.read("trial/programs.lock")["musl"])')
    wheel=$(say 'fetch.unpacked(lock.read("trial/programs.lock")["libstdcxx-musl"])')
    mkdir "$1.work"
    (cd "$1.work" && "$musl/configure" --prefix=/nowhere && make -j2 lib/libc.so)
    cp "$wheel"/greenlet.libs/* "$1.work/lib/"
    mv "$1.work"/lib/libstdc++-* "$1.work/lib/libstdc++.so.6"
    mv "$1.work" "$1"
}

[ $# -gt 0 ] || set -- arm64 old-debian python-t python-musl bun-musl
for name in "$@"; do
    place=$cache/trial/$name
    if [ ! -e "$place" ]; then
        rm -rf "$place.work"
        echo "making $name"
        "$(echo "$name" | tr - _)" "$place" >"$place.log" 2>&1 || {
            tail -5 "$place.log" >&2
            exit 1
        }
    fi
done
