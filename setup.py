"""Builds fastbearer._native: the C core and its Python binding in one extension. Everything else is in pyproject.toml.

The core's files are listed in core/sources.txt, which CMake reads too. Libraries are looked for when the extension is
built, so that metadata and source distributions need none of them.
"""

import gzip
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
LIBRARIES = ("libcrypto >= 3.0", "libssl >= 3.0", "jansson >= 2.13", "libcurl >= 7.87")
NEEDED = "libssl-dev libjansson-dev libcurl4-openssl-dev pkg-config gcc python3-dev"

# CPython 3.10's limited API; the free-threaded builds have none before 3.15.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
ABI3 = not FREE_THREADED and platform.python_implementation() == "CPython"


def version() -> str:
    """The one place that says it is the C header."""
    header = (ROOT / "core/include/fastbearer.h").read_text(encoding="utf-8")
    found = re.search(r'^#define FB_VERSION "([^"]+)"$', header, re.MULTILINE)
    assert found is not None, "core/include/fastbearer.h defines no FB_VERSION"
    return found.group(1)


def sources() -> list[str]:
    lines = (ROOT / "core/sources.txt").read_text(encoding="utf-8").splitlines()
    listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    # On macOS and Windows NAME_darwin.c and NAME_win32.c take the place of NAME.c.
    variants = {file: file.removesuffix(".c") + f"_{sys.platform}.c" for file in listed}
    core = [variants[file] if (ROOT / variants[file]).exists() else file for file in listed]
    return core + sorted(str(path.relative_to(ROOT)) for path in (ROOT / "bindings/python").glob("*.c"))


def headers() -> list[str]:
    found = [*ROOT.glob("core/include/*.h"), *ROOT.glob("core/src/**/*.h"), *ROOT.glob("bindings/python/*.h")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def pkg_config(*arguments: str) -> list[str]:
    tool = os.environ.get("PKG_CONFIG") or shutil.which("pkg-config") or shutil.which("pkgconf")
    if tool is None:
        sys.exit(f"fastbearer: pkg-config is missing; on Debian or Ubuntu: apt-get install {NEEDED}")
    done = subprocess.run([tool, *arguments, *LIBRARIES], capture_output=True, text=True)
    if done.returncode != 0:
        missing = [lib for lib in LIBRARIES if subprocess.run([tool, "--exists", lib]).returncode != 0]
        sys.exit(
            f"fastbearer: {', '.join(missing) or 'a library'} not found by pkg-config; "
            f"on Debian or Ubuntu: apt-get install {NEEDED}"
        )
    return shlex.split(done.stdout)


class BuildExtension(build_ext):
    """Finds the libraries, and hardens as the OpenSSF compiler guide says."""

    def build_extension(self, ext: Extension) -> None:
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
        if shutil.which(compiler) is None:
            sys.exit(f"fastbearer: no C compiler ({compiler}); on Debian or Ubuntu: apt-get install {NEEDED}")
        python_h = Path(sysconfig.get_path("include")) / "Python.h"
        if not python_h.exists():
            sys.exit(f"fastbearer: {python_h} is missing; on Debian or Ubuntu: apt-get install {NEEDED}")
        ext.extra_compile_args += [
            "-std=c11", "-O2", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-fno-strict-overflow",
            "-fno-delete-null-pointer-checks", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3",
            *pkg_config("--cflags"),
        ]  # fmt: skip
        ext.extra_link_args += [*pkg_config("--libs"), "-lm", "-pthread"]
        if sys.platform == "linux":
            ext.extra_link_args += ["-ldl"]  # dlsym, before glibc 2.34
            ext.extra_compile_args += ["-fstack-clash-protection"]
            if platform.machine() in ("x86_64", "AMD64"):
                ext.extra_compile_args += ["-fcf-protection=full"]
            # The run path that this interpreter was built with is no place to look for libcrypto.
            self.compiler.linker_so = [flag for flag in self.compiler.linker_so if not flag.startswith("-Wl,-rpath")]
            ext.extra_link_args += [
                "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack", "-Wl,-Bsymbolic", "-Wl,--gc-sections",
                f"-Wl,--version-script={ROOT / 'bindings/python/exports.map'}",
            ]  # fmt: skip
        elif sys.platform == "darwin":
            ext.extra_link_args += ["-Wl,-exported_symbol,_PyInit__native"]
        super().build_extension(ext)


class SourceDistribution(sdist):
    """With SOURCE_DATE_EPOCH the same sources make the same archive, byte for byte."""

    def make_archive(self, base_name: str, format: str, root_dir: "str | None" = None, base_dir: "str | None" = None,
                     owner: "str | None" = None, group: "str | None" = None) -> str:  # fmt: skip
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)

        def normalised(entry: tarfile.TarInfo) -> tarfile.TarInfo:
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = int(epoch), 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        name = base_name + ".tar.gz"
        with (
            open(name, "wb") as file,
            gzip.GzipFile("", "wb", 9, file, int(epoch)) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(Path(root_dir or ".") / str(base_dir), str(base_dir), filter=normalised)
        return name


setup(
    version=version(),
    ext_modules=[
        Extension(
            "fastbearer._native",
            sources(),
            depends=[*headers(), "core/sources.txt", "bindings/python/exports.map"],
            include_dirs=["core/include", "core/src"],
            define_macros=[("_GNU_SOURCE", None)] + ([("Py_LIMITED_API", "0x030A0000")] if ABI3 else []),
            py_limited_api=ABI3,
        )
    ],
    data_files=[] if sys.platform == "win32" else [("share/man/man1", ["python/man/fastbearer.1"])],
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if ABI3 else {},
    cmdclass={"build_ext": BuildExtension, "sdist": SourceDistribution},
)
