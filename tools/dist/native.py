"""Our own objects for one target, and what is linked of them: the extension, the addon, the C libraries.

Everything but the system's libc is linked statically and stays hidden: an artefact exports its entry points, no more.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import macos, windows
from .compiler import FORTIFY, JOBS, BuildError, flags, run, tools
from .fetch import unpacked
from .libraries import libraries
from .lock import CACHE, HERE, ROOT, read
from .targets import Target


@dataclass(frozen=True)
class Python:
    """A binary interface of CPython: what a wheel is tagged with, and whose headers it is compiled with."""

    tag: str
    headers: str  # lock entry
    include: str  # folder in it
    definitions: tuple[str, ...]
    library: str  # the DLL that has the functions

    def file(self, target: Target) -> str:
        """One of the names that this interpreter's import looks for."""
        if self.tag.endswith("abi3"):
            return "_native.pyd" if target.system == "win32" else "_native.abi3.so"
        version = self.tag.partition("-")[2].removeprefix("cp")
        if target.system == "win32":
            return f"_native.cp{version}-win_amd64.pyd"
        platform = {"glibc": f"{target.cpu}-linux-gnu", "musl": f"{target.cpu}-linux-musl", "": "darwin"}[target.libc]
        return f"_native.cpython-{version}-{platform}.so"


def _free_threaded(minor: int, include: str) -> Python:
    return Python(f"cp3{minor}-cp3{minor}t", f"python3.{minor}", include, ("-DPy_GIL_DISABLED=1",), f"python3{minor}t")


#: Python 3.10 has the oldest limited interface that we use; a build without the GIL has none before 3.15.
PYTHONS = (
    Python("cp310-abi3", "python3.11", "Include", ("-DPy_LIMITED_API=0x030A0000",), "python3"),
    _free_threaded(13, "Include"),
    _free_threaded(14, "include/python3.14"),
)

#: What the static libraries want of the system.
SYSTEM = {
    "linux": ["-lm", "-lpthread", "-ldl"],
    "darwin": [],
    "win32": ["-lws2_32", "-lcrypt32", "-lbcrypt", "-ladvapi32", "-luser32", "-liphlpapi", "-lsecur32"],
}
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Werror"]
CORE = ["-std=c11", "-D_GNU_SOURCE", "-D_DARWIN_C_SOURCE", "-DNDEBUG", "-DCURL_STATICLIB", "-DFB_BUILT_IN"]


def sources(target: Target, curl: bool = True) -> list[str]:
    """On macOS and Windows NAME_darwin.c and NAME_win32.c take the place of NAME.c."""
    lines = (ROOT / "core/sources.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    variants = {file: file.removesuffix(".c") + f"_{target.system}.c" for file in listed}
    found = [variants[file] if (ROOT / variants[file]).exists() else file for file in listed]
    return found if curl else [file.replace("http_curl", "http_none") for file in found]


#: zig's clang makes the vector code of RSA an eighth slower than gcc does, whatever its options: Debian's gcc compiles
#: it for Linux, of one version, since other versions make other bytes.
BY_GCC = {"core/src/arithmetic/rsa/rsa.c"}
GCC = "12.2.0"


@cache
def gcc() -> str:
    said = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
    if said != GCC:
        raise BuildError(f"gcc {GCC}, of Debian 12, is needed for the same bytes; here is {said or 'none'}")
    return "gcc"


def compile_all(target: Target, files: Sequence[str], out: Path, *words: str | Path) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    common = [*flags(target, {ROOT: ".", CACHE: "/cache"}), *words]
    # Before any thread: a file that one has open to write is open in a child that another forks, and cannot be run.
    cc = tools(target) / "cc"

    def one(file: str) -> Path:
        made = out / (file.replace("/", "_") + ".o")
        if made.exists():  # by this build, which began with an empty folder: only one file wants curl or its absence
            return made
        compiler, checks = cc, FORTIFY
        if file in BY_GCC and target.system == "linux" and target.cpu == "x86_64":
            compiler, checks = gcc(), []  # whose headers are this machine's: no function of its C library by name
        run(compiler, *common, *checks, "-c", file, "-o", made, cwd=ROOT)
        return made

    with ThreadPoolExecutor(int(JOBS)) as pool:
        return list(pool.map(one, files))


@dataclass(frozen=True)
class Build:
    """One target's objects and results lie below `out`."""

    target: Target
    out: Path
    headers: Target | None = (
        None  # whose libraries' headers to compile with; its own, which are built, when there is none
    )

    def archives(self, *names: str) -> list[Path]:
        found = {
            path.stem.removeprefix("lib"): path for prefix in libraries(self.target) for path in prefix.glob("lib/*.a")
        }
        return [found[name] for name in names]

    def includes(self) -> list[str]:
        ours = [f"-I{ROOT / 'core/include'}", f"-I{ROOT / 'core/src'}"]
        return ours + [f"-isystem{prefix / 'include'}" for prefix in libraries(self.headers or self.target)]

    @cache  # noqa: B019
    def core(self, curl: bool = True) -> list[Path]:
        files = sources(self.target, curl)
        if self.target.cpu == "aarch64" and self.target.system == "linux":
            files.append(str((HERE / "arm64/trunctfdf2.c").relative_to(ROOT)))
        return compile_all(self.target, files, self.out / "core", *CORE, *WARNINGS, *self.includes())

    def extension_objects(self, python: Python) -> list[Path]:
        headers = unpacked(read()[python.headers])
        found = next(
            path for path in [headers / python.include, *headers.glob(f"**/{python.include}")] if path.is_dir()
        )
        files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "bindings/python").glob("*.c"))
        words = [*CORE, *python.definitions, *self.includes(), f"-isystem{HERE / 'python'}", f"-isystem{found}"]
        return compile_all(self.target, files, self.out / python.tag, *words)

    def extension(self, python: Python) -> Path:
        objects = self.extension_objects(python)
        result = self.out / python.tag / python.file(self.target)
        imports = windows.imports(self.target, objects, python.library, r"_?Py", self.out / python.tag)
        self.link(
            result,
            ["PyInit__native"],
            "bindings/python/exports.map",
            self.core() + objects + self.archives("curl", "ssl", "crypto", "jansson") + imports,
        )
        return result

    def addon_objects(self) -> list[Path]:
        files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "bindings/node").glob("*.c"))
        text = (ROOT / "bindings/node/CMakeLists.txt").read_text(encoding="utf-8")
        napi = re.search(r"\bNAPI_VERSION=\d+", text)
        assert napi is not None, "bindings/node/CMakeLists.txt defines no NAPI_VERSION"
        words = [
            "-std=c11",
            "-D_GNU_SOURCE",
            "-DNDEBUG",
            "-DFB_BUILT_IN",
            f"-D{napi[0]}",
            "-DBUILDING_NODE_EXTENSION",
            f'-DFB_NODE_OPENSSL_HEADER="{read()["openssl"].version}"',
            f"-isystem{unpacked(read()['node-api-headers']) / 'include'}",
            *self.includes(),
        ]
        return compile_all(self.target, files, self.out / "addon", *words)

    def addon(self) -> Path:
        objects = self.addon_objects()
        objects += windows.host_symbols(self.target, objects, self.out / "addon")
        result = self.out / "addon" / "fastbearer.node"
        self.link(
            result,
            ["napi_register_module_v1", "node_api_module_get_api_version_v1"],
            "bindings/node/exports.map",
            self.core(curl=False) + objects + self.archives("crypto", "jansson"),
        )
        return result

    def link(self, result: Path, exports: list[str], script: str, inputs: list[Path], soname: str = "") -> None:
        if self.target.system == "darwin":
            return macos.link(self.target, result, exports, inputs)
        command = [tools(self.target) / "cc", "-shared", "-o", result, *inputs, "-Wl,--gc-sections", "-s"]
        if self.target.system == "win32":
            command.append(windows.definition(result, exports))
        if self.target.system == "linux":
            command += [
                f"-Wl,--version-script={ROOT / script}",
                "-Wl,-z,relro",
                "-Wl,-z,now",
                "-Wl,-z,noexecstack",
                "-Wl,-Bsymbolic",
                "-Wl,-z,nodelete",
                "-Wl,--as-needed",
                *([f"-Wl,-soname,{soname}"] if soname else []),
            ]
        run(*command, *SYSTEM[self.target.system])
        if self.target.libc == "musl":  # what musl's own linker would have written; zig writes libc.so
            loader = f"libc.musl-{self.target.cpu}.so.1"
            run("patchelf", "--replace-needed", "libc.so", loader, result)
        return None
