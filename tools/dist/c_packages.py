"""A tarball a target for programs in C: header, shared and static library, pkg-config file and CMake package.

Unpacked anywhere it works: a distribution's package needs only to move its folders below /usr.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from . import macos, sbom, windows
from .archive import tarred
from .compiler import run, tools
from .lock import HERE, ROOT
from .native import SYSTEM, Build
from .parts import licence_texts
from .python_packages import describe, spdx_parts

SOVERSION = re.compile(r"SOVERSION (\d+)")


def version() -> str:
    header = (ROOT / "core/include/fastbearer.h").read_text(encoding="utf-8")
    found = re.search(r'^#define FB_VERSION "([^"]+)"$', header, re.MULTILINE)
    assert found is not None, "core/include/fastbearer.h defines no FB_VERSION"
    return found[1]


def exports() -> list[str]:
    """What the header declares for others."""
    header = (ROOT / "core/include/fastbearer.h").read_text(encoding="utf-8")
    return sorted(set(re.findall(r"^FB_API[^;(]*?\b(fb_\w+)\(", header, re.MULTILINE)))


def shared(build: Build) -> tuple[dict[str, Path], dict[str, str]]:
    """Files and symbolic links, by their place in the package."""
    target, out = build.target, build.out / "c"
    out.mkdir(parents=True, exist_ok=True)
    major = SOVERSION.search((ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert major is not None, "CMakeLists.txt sets no SOVERSION"
    inputs = build.core() + build.archives("curl", "ssl", "crypto", "jansson")
    if target.system == "darwin":
        made = out / f"libfastbearer.{major[1]}.dylib"
        macos.link(target, made, exports(), inputs, dylib=made.name)
        return {f"lib/{made.name}": made}, {"lib/libfastbearer.dylib": made.name}
    if target.system == "win32":
        made, library = out / "fastbearer.dll", out / "libfastbearer.dll.a"
        build.link(made, exports(), "", inputs)
        windows.import_library(target, made.with_suffix(".def"), library)
        return {"bin/fastbearer.dll": made, "lib/libfastbearer.dll.a": library}, {}
    script, made = out / "exports.map", out / f"libfastbearer.so.{version()}"
    script.write_text("{\nglobal:\n" + "".join(f"    {name};\n" for name in exports()) + "local:\n    *;\n};\n")
    build.link(made, exports(), str(script), inputs, soname=f"libfastbearer.so.{major[1]}")
    links = {f"lib/libfastbearer.so.{major[1]}": made.name, "lib/libfastbearer.so": f"libfastbearer.so.{major[1]}"}
    return {f"lib/{made.name}": made}, links


def static(build: Build) -> Path:
    """On ELF one object whose only global names are ours: it can stand beside another OpenSSL in one program."""
    made = build.out / "c/libfastbearer.a"
    made.unlink(missing_ok=True)
    archives = build.archives("curl", "ssl", "crypto", "jansson")
    if build.target.system == "linux":
        whole, names = build.out / "c/whole.o", build.out / "c/exports.txt"
        names.write_text("\n".join(exports()) + "\n")
        # OpenSSL's assembler for x86-64 has a common symbol, which objcopy cannot make local: ld -d gives it its place.
        linker = ["ld", "-d"] if build.target.cpu == "x86_64" else ["ld.lld-19"]
        run(*linker, "-r", "-o", whole, *build.core(), *archives)
        run("llvm-objcopy", f"--keep-global-symbols={names}", "--strip-debug", whole)
        run(tools(build.target) / "ar", "rcsD", made, whole)
    else:
        script = (
            f"create {made}\n"
            + "".join(f"addlib {path}\n" for path in archives)
            + "".join(f"addmod {path}\n" for path in build.core())
        )
        run("sh", "-c", f"'{tools(build.target) / 'ar'}' -M <<'END'\n{script}save\nend\nEND")
    return made


def _filled(name: str, words: dict[str, str]) -> bytes:
    text = (HERE / "c" / f"{name}.in").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found[1]], text).encode()


def tarball(build: Build, out: Path) -> Path:
    files, links = shared(build)
    system = SYSTEM[build.target.system]
    library = next(name for name in files if not name.endswith(".a"))
    words = {
        "VERSION": version(),
        "SYSTEM": " ".join(system),
        "SYSTEM_LIST": ";".join(word.removeprefix("-l") for word in system),
        "SHARED": library,
        "IMPLIB": "lib/libfastbearer.dll.a" if build.target.system == "win32" else library,
        "MAJOR": version().split(".")[0],
        "MINOR": version().split(".")[1],
    }
    inside = spdx_parts(build.target, "c")
    content = {
        "include/fastbearer.h": (ROOT / "core/include/fastbearer.h").read_bytes(),
        "share/man/man3/fastbearer.3": (ROOT / "core/man/fastbearer.3").read_bytes(),
        "lib/libfastbearer.a": static(build).read_bytes(),
        "lib/pkgconfig/fastbearer.pc": _filled("fastbearer.pc", words),
        **{
            f"lib/cmake/fastbearer/{name}": _filled(name, words)
            for name in ("fastbearerConfig.cmake", "fastbearerConfigVersion.cmake")
        },
        **{name: path.read_bytes() for name, path in files.items()},
        **{
            f"share/doc/fastbearer/{name}": (ROOT / name).read_bytes()
            for name in ("LICENSE", "CHANGELOG.md", "SECURITY.md")
        },
        **{f"share/doc/fastbearer/licences/{name}": text for name, text in licence_texts(build.target, "c").items()},
        "share/doc/fastbearer/fastbearer.spdx.json": (
            json.dumps(sbom.carried("fastbearer", version(), inside), indent=1) + "\n"
        ).encode(),
    }
    top = f"fastbearer-c-{version()}-{build.target.name}"
    made = out / f"{top}.tar.gz"
    tarred(
        made,
        {f"{top}/{name}": data for name, data in content.items()},
        {f"{top}/{name}": to for name, to in links.items()},
    )
    describe(made, inside)
    return made
