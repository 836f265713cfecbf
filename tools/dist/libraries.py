"""Static OpenSSL, jansson and libcurl of one target, each in a folder with include/ and lib/.

A folder is named by all that decides its bytes (lock entry, compiler, flags, recipe), so it is built once.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .compiler import JOBS, flags, run, tools
from .fetch import unpacked
from .lock import CACHE, HERE, Source, read
from .targets import Target

# What a verifier of signatures and a client of HTTPS need, and nothing that reads a file, an environment variable or a
# module by itself: a planted openssl.cnf must not get into somebody's process. With code for numbers of 128 bits, which
# all targets' compilers have and distributions turn on too, ES512 takes a third of the time and ES384 two thirds.
OPENSSL = """
no-shared no-module no-dso no-engine no-static-engine no-tests no-apps no-docs no-autoload-config no-filenames
no-ui-console no-uplink no-comp no-legacy no-ssl3 no-ssl3-method no-tls1 no-tls1-method no-tls1_1 no-tls1_1-method
no-dtls no-quic no-srp no-psk no-ct no-cms no-cmp no-ts no-http no-rfc3779 no-srtp no-nextprotoneg no-ec2m no-dsa
no-gost no-sm2 no-sm3 no-sm4 no-md4 no-mdc2 no-rmd160 no-whirlpool no-bf no-cast no-des no-idea no-rc2 no-rc4 no-rc5
no-seed no-camellia no-aria no-siphash no-siv no-scrypt no-blake2 no-ocb no-ml-dsa no-slh-dsa no-async no-afalgeng
no-devcryptoeng no-capieng no-padlockeng enable-ec_nistp_64_gcc_128
""".split()  # noqa: SIM905

CURL_OFF = """
ALTSVC COOKIES BASIC_AUTH BEARER_AUTH DIGEST_AUTH KERBEROS_AUTH NEGOTIATE_AUTH AWS DOH FORM_API HEADERS_API HSTS
HTTP_AUTH HTTPSIG MIME BINDLOCAL NETRC PROGRESS_METER WEBSOCKETS SHA512_256 GETOPTIONS OPENSSL_AUTO_LOAD_CONFIG
SHUFFLE_DNS
""".split()  # noqa: SIM905

Builder = Callable[[Source, Target, Path, Path], None]


def _flags(target: Target, source: Path, build: Path) -> list[str]:
    return flags(target, {source: "/source", build: "/build", CACHE: "/cache"})


def build_openssl(source: Source, target: Target, build: Path, prefix: Path) -> None:
    """Its prefix does not exist anywhere; the command, time and paths of this build are kept out of its strings."""
    origin, log = unpacked(source), build / "log"
    path = f"{tools(target)}:/usr/local/bin:/usr/bin:/bin"
    # Apple's random numbers need a framework that zig does not have; getentropy serves.
    extra = ["-DOPENSSL_NO_APPLE_CRYPTO_RANDOM"] if target.system == "darwin" else []
    run(
        "perl",
        origin / "Configure",
        target.openssl,
        *OPENSSL,
        "--prefix=/nonexistent/fastbearer",
        "--libdir=lib",
        "--openssldir=/nonexistent/fastbearer/ssl",
        *_flags(target, origin, build),
        *extra,
        cwd=build,
        log=log,
        PATH=path,
        CC="cc",
        AR="ar",
        RANLIB="ranlib",
        RC="rc",
    )
    run("make", "-s", "build_generated", cwd=build, log=log, PATH=path)
    (build / "crypto/buildinf.h").write_text(
        run("perl", origin / "util/mkbuildinf.pl", "cc", target.openssl, SOURCE_DATE_EPOCH="0")
    )
    run("make", "-s", f"-j{JOBS}", "libcrypto.a", "libssl.a", cwd=build, log=log, PATH=path)
    for name in ("libcrypto.a", "libssl.a"):
        shutil.copy(build / name, prefix / "lib" / name)
    for folder in (origin, build):
        shutil.copytree(folder / "include/openssl", prefix / "include/openssl", dirs_exist_ok=True)


def _cmake(
    source: Path, target: Target, build: Path, prefix: Path, definitions: dict[str, str], extra: list[str]
) -> None:
    words = [f"-D{name}={value}" for name, value in definitions.items()]
    run(
        "cmake",
        "-S",
        source,
        "-B",
        build / "out",
        f"-DCMAKE_TOOLCHAIN_FILE={tools(target) / 'toolchain.cmake'}",
        f"-DCMAKE_INSTALL_PREFIX={prefix}",
        "-DCMAKE_BUILD_TYPE=None",
        "-DCMAKE_INSTALL_LIBDIR=lib",
        f"-DCMAKE_C_FLAGS={' '.join(_flags(target, source, build) + extra)}",
        "-DBUILD_SHARED_LIBS=OFF",
        *words,
        log=build / "log",
    )
    run("cmake", "--build", build / "out", "-j", JOBS, log=build / "log")


def build_jansson(source: Source, target: Target, build: Path, prefix: Path) -> None:
    off = {
        "JANSSON_BUILD_DOCS": "OFF",
        "JANSSON_WITHOUT_TESTS": "ON",
        "JANSSON_EXAMPLES": "OFF",
        "JANSSON_BUILD_SHARED_LIBS": "OFF",
    }
    _cmake(
        unpacked(source), target, build, prefix, {**off, "USE_URANDOM": "ON", "CMAKE_POLICY_VERSION_MINIMUM": "3.5"}, []
    )
    run("cmake", "--install", build / "out", log=build / "log")


def build_curl(source: Source, target: Target, build: Path, prefix: Path) -> None:
    openssl = library("openssl", target)
    definitions = {
        "BUILD_STATIC_LIBS": "ON",
        "BUILD_CURL_EXE": "OFF",
        "BUILD_TESTING": "OFF",
        "BUILD_EXAMPLES": "OFF",
        "BUILD_LIBCURL_DOCS": "OFF",
        "BUILD_MISC_DOCS": "OFF",
        "ENABLE_CURL_MANUAL": "OFF",
        "PICKY_COMPILER": "OFF",
        "CMAKE_DISABLE_FIND_PACKAGE_Perl": "ON",
        "HTTP_ONLY": "ON",
        "ENABLE_THREADED_RESOLVER": "ON",
        "ENABLE_UNIX_SOCKETS": "OFF",
        "CURL_USE_OPENSSL": "ON",
        "OPENSSL_ROOT_DIR": str(openssl),
        "CMAKE_FIND_ROOT_PATH": str(openssl),
        "OPENSSL_USE_STATIC_LIBS": "ON",
        "CURL_CA_BUNDLE": "none",
        "CURL_CA_PATH": "none",
        "CURL_ZLIB": "OFF",
        "CURL_BROTLI": "OFF",
        "CURL_ZSTD": "OFF",
        "USE_NGHTTP2": "OFF",
        "USE_LIBIDN2": "OFF",
        "CURL_USE_LIBPSL": "OFF",
        "CURL_USE_LIBSSH2": "OFF",
        "CURL_USE_PKGCONFIG": "OFF",
        **{f"CURL_DISABLE_{name}": "ON" for name in CURL_OFF},
    }
    extra = []
    if target.system == "darwin":  # zig has no frameworks; see the header in macos/
        definitions |= {
            f"{name}_FRAMEWORK": "none" for name in ("SYSTEMCONFIGURATION", "COREFOUNDATION", "CORESERVICES")
        }
        extra = [f"-I{HERE / 'macos'}"]
    _cmake(unpacked(source) / "curl", target, build, prefix, definitions, extra)
    shutil.copy(build / "out/lib/libcurl.a", prefix / "lib")
    shutil.copytree(
        unpacked(source) / "curl/include/curl", prefix / "include/curl", ignore=shutil.ignore_patterns("Makefile*")
    )


BUILDERS: dict[str, Builder] = {"openssl": build_openssl, "jansson": build_jansson, "curl": build_curl}


OPTIONS = {"openssl": OPENSSL, "jansson": [], "curl": CURL_OFF}
#: What a library is built with besides its own sources.
NEEDS = {"openssl": [], "jansson": [], "curl": ["openssl"]}


@cache
def library(name: str, target: Target) -> Path:
    lock, builder = read(), BUILDERS[name]
    decides = [
        target,
        lock["zig"],
        lock[name],
        *_flags(target, Path("/source"), Path("/build")),
        ast.dump(ast.parse(inspect.getsource(builder))),
        OPTIONS[name],
    ]
    decides += [library(other, target).name for other in NEEDS[name]]
    key = hashlib.sha256("\n".join(map(str, decides)).encode()).hexdigest()[:16]
    place = CACHE / "libraries" / f"{target.name}-{name}-{lock[name].version}-{key}"
    if not place.is_dir():
        print(f"{target.name}: {name} {lock[name].version}", flush=True)
        work = place.with_name(place.name + ".work")
        shutil.rmtree(work, ignore_errors=True)
        for folder in ("build", "prefix/lib", "prefix/include"):
            (work / folder).mkdir(parents=True)
        builder(lock[name], target, work / "build", work / "prefix")
        (work / "prefix").rename(place)
        shutil.rmtree(work)
    return place


def libraries(target: Target) -> list[Path]:
    return [library(name, target) for name in BUILDERS]
