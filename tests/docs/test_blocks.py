"""Every code block of README.md and of the site is run: Python, Node (type-checked too), C, shell."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from blocks import BLOCKS, LANGUAGES, PAGES, ROOT, Block, matches

WORK = ROOT / "build-docs/blocks"
MODULES = ROOT / "tests/node/hosts/node_modules"
#: The libraries that the guide of migrating compares with.
MORE_MODULES = ROOT / "tests/docs/node/node_modules"
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent

#: Commands that install or build, which other tests do; a block of them alone is looked at, not run.
INSTALLING = {"pip", "npm", "make", "cmake", "cd", "docker", "gh", "sha256sum", "pypi-attestations", "sudo", "venv"}

needs_node = pytest.mark.skipif(
    not (MODULES.is_dir() and MORE_MODULES.is_dir()),
    reason="no Node hosts: node tests/node/hosts/setup.mjs && (cd tests/docs/node && npm ci)",
)


def of(language: str, page: Path | None = None) -> list[Block]:
    return [block for block in BLOCKS if block.language == language and page in (None, block.page)]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if of(language, page)]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT)).removesuffix(".md").replace("/", "-")


def workplace(page: Path, kind: str) -> Path:
    """An empty folder for the blocks of a page."""
    place = WORK / f"{name_of(page)}-{kind}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert len(BLOCKS) > 60
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


def test_a_sample_of_the_readme_has_ten_lines_at_most() -> None:
    samples = [block for block in BLOCKS if block.page == ROOT / "README.md" and block.language != "sh"]
    assert len(samples) == 5
    assert [str(block) for block in samples if len(block.text.splitlines()) > 10] == []


# ---- Python


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_python(page: Path) -> None:
    blocks = [block for block in of("python", page) if block.directive != "file"]
    given = [{"page": str(page), "line": block.line, "text": block.text} for block in blocks]
    done = subprocess.run(
        [sys.executable, HERE / "run_python.py"], input=json.dumps(given), capture_output=True, text=True,
        cwd=workplace(page, "python"), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for block, printed in zip(blocks, json.loads(done.stdout.splitlines()[-1])):
        # The log goes to standard error.
        for expected in block.output:
            assert matches(expected, printed) or matches(expected, done.stderr), f"{block} prints {printed!r}"


# ---- Node


@pytest.fixture(scope="session")
def node_files() -> dict[str, Path]:
    """Each Node block in a file of its own, as JavaScript to run; type-checked together."""
    place = WORK / "node"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for link, modules in ((WORK / "node_modules", MODULES), (WORK.parent / "node_modules", MORE_MODULES)):
        link.unlink(missing_ok=True)
        link.symlink_to(modules)
    (place / "package.json").write_text('{"type": "module"}')
    options = {
        "module": "node16", "target": "es2022", "lib": ["es2022", "dom", "dom.iterable", "dom.asynciterable"],
        "types": ["node"], "strict": True, "skipLibCheck": True, "allowJs": True, "checkJs": True, "outDir": "out",
        "experimentalDecorators": True, "emitDecoratorMetadata": True,
    }  # fmt: skip
    (place / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.mts", "*.mjs"]}))
    files = {}
    for block in of("ts") + of("js"):
        name = f"{name_of(block.page)}-{block.line}"
        (place / f"{name}.{'mts' if block.language == 'ts' else 'mjs'}").write_text(block.text)
        files[str(block)] = place / "out" / f"{name}.mjs"
    done = subprocess.run(
        ["node", MODULES / "typescript/bin/tsc", "--project", "."], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    return files


@needs_node
@pytest.mark.parametrize("block", of("ts") + [block for block in of("js") if block.directive != "file"], ids=str)
def test_node(node_files: dict[str, Path], block: Block) -> None:
    done = subprocess.run(
        ["node", HERE / "run_node.mjs", node_files[str(block)]], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [expected for expected in block.output if not matches(expected, done.stdout)] == [], done.stdout


# ---- C


def flat(text: str) -> str:
    """Without indentation: what is a function's body in a program stands by itself on a page."""
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.parametrize("block", of("c"), ids=str)
def test_c_is_part_of_a_program(block: Block) -> None:
    """tests/core/run_examples.sh compiles and runs the programs."""
    programs = [flat(path.read_text()) for path in (ROOT / "examples/c").glob("*.c")]
    paragraphs = [flat(paragraph) for paragraph in block.text.strip().split("\n\n")]
    assert any(all(paragraph in program for paragraph in paragraphs) for program in programs)


# ---- shell


def commands(text: str) -> list[str]:
    """The lines of a block, continued ones joined, without comments."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def only_installs(block: Block) -> bool:
    text = block.text.replace("python3 -m venv .venv && . .venv/bin/activate", "venv")
    words = [part.split()[0] for line in commands(text) for part in line.split("&&")]
    return set(words) <= INSTALLING


@pytest.mark.parametrize("block", [block for block in of("sh") if only_installs(block)], ids=str)
def test_what_installs_names_what_is_there(block: Block) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = json.loads((ROOT / "package.json").read_text())["scripts"]
    for line in commands(block.text):
        for part in (part.split() for part in line.split("&&")):
            if part[0] == "make":
                assert part[1] in targets, line
            if part[:2] == ["npm", "run"]:
                assert part[2] in scripts, line


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def script(blocks: list[Block], port: int) -> str:
    """All blocks of a page in one shell, with a mark after each; what goes on in the background has a port by then."""
    lines = ["set -e"]
    for block in blocks:
        for line in commands(block.text):
            if line.endswith(" &"):
                line = line if ">" in line else f"{line[:-2]} >background 2>&1 &"
                line += (
                    f"\nfor i in $(seq 200); do (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.05; done"
                )
            lines.append(line)
        lines.append("echo; echo '<<end>>'")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "page", [p for p in pages_with("sh") if any(not only_installs(b) for b in of("sh", p))], ids=name_of
)
def test_shell(page: Path) -> None:
    blocks = [block for block in of("sh", page) if not only_installs(block)]
    text = "".join(block.text for block in blocks)
    if "curl" in text and shutil.which("curl") is None:
        pytest.skip("no curl")
    if "node" in text and not MODULES.is_dir():
        pytest.skip("no Node hosts: node tests/node/hosts/setup.mjs")
    place, port = workplace(page, "sh"), free_port()
    environment = {
        **os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider -c /dev/null --rootdir=.",
    }  # fmt: skip
    if "node" in text:
        (place / "node_modules").symlink_to(MODULES)
    for block in BLOCKS:
        if block.page == page and block.directive == "file":
            assert block.value is not None
            (place / block.value).write_text(re.sub(r"\b(3000|8000)\b", str(port), block.text))
        elif block.page == page and block.directive == "library":
            assert block.value is not None
            if not (ROOT / "build/libfastbearer.a").is_file():
                pytest.skip("the library is not built (make test-c)")
            install = ["cmake", "--install", ROOT / "build", "--prefix", place / ".local"]
            subprocess.run(install, check=True, capture_output=True)
            (place / block.value).symlink_to(ROOT / block.value)
            environment["HOME"] = str(place)
    program = re.sub(r"\b(3000|8000)\b", str(port), script(blocks, port))
    # Into a file: a server that goes on in the background would hold a pipe open.
    with (place / "printed").open("w") as printed:
        running = subprocess.Popen(
            ["bash", "-c", program], cwd=place, env=environment, start_new_session=True,
            stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            running.wait(120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    parts = (place / "printed").read_text().split("<<end>>")
    assert len(parts) == len(blocks) + 1, parts[-1]
    for block, part in zip(blocks, parts):
        for expected in block.output:
            assert matches(textwrap.dedent(expected), part), f"{block} prints {part}"
