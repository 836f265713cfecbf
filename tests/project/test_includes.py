"""Dependencies point one way. A folder of core/src is a floor: it includes its own headers, and of the floors below it
the one header that bears the folder's name. The core knows nothing of the bindings; a binding knows only the public
header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core/src"

#: From the ground; mint stands on signature, rpc on encoding, and nothing stands on them.
FLOORS = ("base", "encoding", "keys", "arithmetic", "signature", "keysets", "verify", "status", "proof")
BELOW = {floor: FLOORS[:number] for number, floor in enumerate(FLOORS)} | {"mint": FLOORS[:5], "rpc": FLOORS[:2]}

#: System headers that are one file's business.
ONLY_IN = {"curl/": {"keysets/http_curl.c"}}


def includes(path: Path, pattern: str = r'"([^"]+)"') -> list[str]:
    return re.findall(rf"^\s*#\s*include\s+{pattern}", path.read_text(), re.MULTILINE)


def sources() -> list[Path]:
    return sorted(path for path in CORE.rglob("*") if path.suffix in (".c", ".h"))


def why_wrong(path: Path, name: str) -> str | None:
    """What is wrong with this file's including that one; None: nothing."""
    own = path.relative_to(CORE).parts[0]
    if name == "fastbearer.h":
        return None
    target = path.parent / name if (path.parent / name).is_file() else CORE / name
    if not target.is_file():
        return "there is no such file"
    folder = target.relative_to(CORE).parts[0]
    if folder == own:
        # A folder within the floor is a room: its headers are its own.
        return None if path.parent.is_relative_to(target.parent) else "into another room of the floor"
    if folder not in BELOW[own]:
        return "up or sideways"
    return None if name == f"{folder}/{folder}.h" else "a private header of another floor"


def wrong_arrows() -> Iterator[tuple[str, str, str]]:
    for path in sources():
        for name in includes(path):
            why = why_wrong(path, name)
            if why is not None:
                yield str(path.relative_to(CORE)), name, why


def test_every_folder_is_a_floor() -> None:
    assert {path.name for path in CORE.iterdir()} <= set(BELOW)
    assert sum(len(includes(path)) for path in sources()) > 40


def test_arrows_go_down_and_to_the_header_of_a_floor() -> None:
    wrong = {(path, name): why for path, name, why in wrong_arrows()}
    assert wrong == {}


def test_no_header_includes_itself_around_a_corner() -> None:
    edges = {}
    for path in sources():
        targets = [path.parent / name if (path.parent / name).is_file() else CORE / name for name in includes(path)]
        edges[path] = [target for target in targets if target.is_file()]

    def visit(path: Path, above: tuple[Path, ...]) -> None:
        assert path not in above, " -> ".join(str(one.relative_to(CORE)) for one in (*above, path))
        for target in edges[path]:
            visit(target, (*above, path))

    for path in edges:
        visit(path, ())


def test_the_core_knows_no_language_and_one_file_knows_curl() -> None:
    for path in sources():
        for name in includes(path, r"<([^>]+)>"):
            assert not re.match(r"Python|napi|node_api|uv\.h", name), path
            for prefix, places in ONLY_IN.items():
                assert not name.startswith(prefix) or str(path.relative_to(CORE)) in places, path


def test_bindings_include_the_public_header_and_their_own() -> None:
    for path in (ROOT / "bindings").rglob("*.[ch]*"):
        for name in includes(path):
            assert name == "fastbearer.h" or (path.parent / name).is_file(), f"{path}: {name}"


def test_every_source_of_the_core_is_built() -> None:
    """A variant, which is not in the list, is named where it is chosen, or by the system that it is for."""
    listed = {
        line for line in (ROOT / "core/sources.txt").read_text().splitlines() if line and not line.startswith("#")
    }
    there = {str(path.relative_to(ROOT)) for path in sources() if path.suffix == ".c"}
    assert listed <= there
    rules = (ROOT / "CMakeLists.txt").read_text()
    variants = {path for path in there - listed if re.sub(r"_(darwin|win32)\.c$", ".c", path) not in listed}
    assert [path for path in variants if path not in rules] == []


def test_what_is_wrong_is_noticed(tmp_path: Path) -> None:
    cases = {
        ("keys/keys.h", "base/base.h"): True,
        ("base/status.c", "encoding/encoding.h"): False,
        ("verify/verify.c", "keysets/key_source.h"): False,
        ("arithmetic/p256/p256.c", "../rsa/rsa_field.h"): False,
        ("arithmetic/p256/p256.c", "arithmetic/rsa/rsa_field.h"): False,
        ("mint/mint.c", "keysets/keysets.h"): False,
        ("signature/signature.c", "mint/mint.h"): False,
        ("verify/verify.c", "fastbearer.h"): True,
    }
    for (path, name), fine in cases.items():
        assert (why_wrong(CORE / path, name) is None) == fine, (path, name)
