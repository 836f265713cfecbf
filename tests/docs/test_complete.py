"""Nothing is missing on the site: every reason, option, public name and provider. Its numbers are those measured."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import c_header
import command_line
import diagrams
import manual as manual_pages
import measured
import options
import providers
import pytest
from blocks import PAGES, ROOT

from fastbearer import Verifier, _native

DOCS = ROOT / "docs"
MODULES = ROOT / "tests/node/hosts/node_modules"
MODULE_NAMES = [
    "fastbearer" if path.stem == "__init__" else f"fastbearer.{path.stem}"
    for path in sorted((ROOT / "python/fastbearer").glob("*.py"))
    if not path.stem.startswith("_") or path.stem == "__init__"
] + [f"fastbearer.{path.parent.name}" for path in sorted((ROOT / "python/fastbearer").glob("*/__init__.py"))]
#: Modules whose names are given again by others: their pages are there.
ELSEWHERE = {"fastbearer.cli", "fastbearer.dpop", "fastbearer.issuer", "fastbearer.keys", "fastbearer.provider",
             "fastbearer.request", "fastbearer.verifier"}  # fmt: skip


# ---- reasons


def reasons() -> dict[str, str]:
    """The sections of the page, by code."""
    text = (DOCS / "reasons.md").read_text()
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))


def enumeration() -> set[str]:
    """Every status of the header but FB_OK, by its name."""
    for group in c_header.groups(c_header.HEADER.read_text()):
        for entry in group.entries:
            if entry.name == "fb_status":
                return {member.name.removeprefix("FB_").lower() for member in entry.members} - {"ok"}
    raise AssertionError("the header has no fb_status")


def test_every_reason_of_the_core_is_explained_and_no_other() -> None:
    assert len(enumeration()) > 40
    assert set(reasons()) == enumeration()


def test_every_reason_says_what_causes_it_and_how_to_fix_it() -> None:
    for code, text in reasons().items():
        assert [part for part in ("* **Client saw:**", "* **Causes:**", "* **Fix:**") if part not in text] == [], code


def test_what_the_client_saw_is_what_the_core_says() -> None:
    outcomes = {name: (http, oauth) for _, name, _, http, oauth, _ in _native.outcomes()}
    for code, text in reasons().items():
        if code in outcomes and not code.endswith("_needed"):
            http, oauth = outcomes[code]
            shown = re.search(r"\*\*Client saw:\*\* (\d+)(?: `(\w+)`)?", text)
            assert shown is not None and (int(shown[1]), shown[2] or "") == (http, oauth), code


def test_the_diagram_has_every_reason() -> None:
    drawn = {code for _, _, codes in diagrams.STEPS for code in codes.split()} | set(diagrams.ANYWHERE)
    assert drawn == enumeration()


# ---- options


def test_every_option_is_on_the_page() -> None:
    page = options.page()
    for language, names in options.names().items():
        assert [name for name in sorted(names) if f"`{name}`" not in page] == [], language


#: What Node leaves to its host, or has not.
ONE_LANGUAGE = {"ca_file", "trust_env"}


def test_every_option_of_python_and_node_is_paired_with_the_core() -> None:
    """An option that only one language has is listed here."""
    rows = [row for rows in options.verifier_rows().values() for row in rows]
    assert {row.name for row in rows if row.node is None} <= ONE_LANGUAGE
    assert {row.name for row in rows if row.python is None} == set()
    assert {row.name for row in rows if row.c is None} <= {
        "fetch",
        "key_store",
        "introspector",
        "on_reject",
        "is_revoked",
    }


# ---- public names


def test_every_module_of_python_is_in_the_reference() -> None:
    page = (DOCS / "reference/python.md").read_text()
    assert [name for name in MODULE_NAMES if name not in ELSEWHERE and f"## {name}\n" not in page] == []


@pytest.mark.parametrize("module", [name for name in MODULE_NAMES if name not in ELSEWHERE | {"fastbearer.__main__"}])
def test_every_public_name_of_python_is_in_the_reference(module: str) -> None:
    page = (DOCS / "reference/python.md").read_text()
    whole = re.findall(rf"automodule:: {re.escape(module)}\n   :members:(.*)", page)
    if whole and not whole[0].strip():
        return
    listed = {name.strip() for names in whole for name in names.split(",")}
    errors = set(importlib.import_module("fastbearer.errors").__all__) if module == "fastbearer" else set()
    named = listed | set(re.findall(rf"{re.escape(module)}\.(\w+)", page)) | errors
    missing = set(importlib.import_module(module).__all__) - named
    assert {name for name in missing if not name.startswith("Env")} == set()


TYPESCRIPT = ROOT / "build-docs/typescript"
EXPORTED = re.compile(
    r"^export (?:declare )?(?:abstract )?(?:class|function|const|interface|type|enum) (\w+)", re.MULTILINE
)


def subpaths() -> dict[str, Path]:
    """The declarations of every entry of package.json's exports."""
    found = {}
    for entry, conditions in json.loads((ROOT / "package.json").read_text())["exports"].items():
        if isinstance(conditions, dict):
            types = conditions.get("types") or conditions["import"]["types"]
            found[entry.removeprefix("./")] = ROOT / types
    return found


@pytest.mark.skipif(not TYPESCRIPT.is_dir(), reason="the site is not built (make docs)")
@pytest.mark.parametrize("entry", subpaths())
def test_every_public_name_of_node_is_in_the_reference(entry: str) -> None:
    declarations = subpaths()[entry].read_text()
    if whole := re.fullmatch(r"export \* from '\./(\w+)\.cjs';\n", declarations):
        declarations = (ROOT / f"node/{whole[1]}.d.cts").read_text()
    names = set(EXPORTED.findall(declarations))
    for listed in re.findall(r"^export (?:type )?\{([^}]*)\}", declarations, re.MULTILINE):
        names |= {name.split()[-1] for name in listed.replace("type ", "").split(",") if name.strip()}
    assert names or "export =" in declarations
    stem = "index" if entry == "." else entry
    pages = [path.read_text() for path in TYPESCRIPT.rglob("*.md") if stem in path.relative_to(TYPESCRIPT).parts
             or path.stem == stem]  # fmt: skip
    assert pages, entry
    shown = set(re.findall(r"^#+ (?:.*\s)?(\w+)(?:\\?<|\(|$)", "\n".join(pages), re.MULTILINE))
    assert names - shown == set()


def test_every_name_of_the_header_is_in_the_reference() -> None:
    page = c_header.page()
    source = c_header.CPLUSPLUS.sub(lambda found: found[2] or "", c_header.HEADER.read_text())
    names = set(re.findall(r"^FB_API [^;]*?\b(fb_\w+)\(", source, re.MULTILINE))
    names |= set(re.findall(r"^typedef (?:struct|enum) (fb_\w+)", source, re.MULTILINE))
    names |= set(re.findall(r"^#define (FB_[A-Z_]+)", source, re.MULTILINE)) - {"FB_API", "FB_MUST_CHECK"}
    assert len(names) > 100
    entry = re.compile(r"^ *\.\. c:\w+:: (.*)$", re.MULTILINE)
    listed = " ".join(entry.findall(page))
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", listed)] == []


def test_texts_of_the_header_are_free_of_its_marks() -> None:
    texts = {
        f"{entry.name} {member.name}": member.text
        for group in c_header.groups(c_header.HEADER.read_text())
        for entry in group.entries
        for member in (entry, *entry.members)
    }
    assert [name for name, text in texts.items() if re.search(r"/\*|\*/|@[{}]|@name", text)] == []


def test_every_command_is_in_the_reference_and_the_manual() -> None:
    page, manual = command_line.page(), manual_pages.command()
    for name in command_line.commands(command_line.make_parser("")):
        assert f"## {name}" in page and f".SS {name}" in manual


def test_every_name_of_the_header_is_in_its_manual() -> None:
    manual = manual_pages.LIBRARY.read_text()
    names = {entry.name for group in c_header.groups(c_header.HEADER.read_text()) for entry in group.entries}
    assert [name for name in sorted(names) if not re.search(rf"^\.B .*\b{name}\b", manual, re.MULTILINE)] == []


@pytest.mark.parametrize("path", manual_pages.generated(), ids=lambda path: path.name)
def test_what_packages_carry_is_what_its_source_says_and_troff_reads_the_manuals(path: Path) -> None:
    assert path.read_text() == manual_pages.generated()[path], "make generate"
    if shutil.which("groff") and path != manual_pages.REASONS:
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", path], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


# ---- providers


def filled(row: providers.Row, text: str) -> str:
    """A program with the examples in the place of the placeholders, and certificates that this machine has."""
    import certifi

    from tests.vectors.generator import keys

    if "ca_file" in row["configuration"]:
        text = text.replace(row["configuration"]["ca_file"], certifi.where())

    for name, about in row.get("placeholders", {}).items():
        value = about["example"]
        if not isinstance(value, str):
            value = keys.SECRET64.hex() if "secret" in value else "KEY"
        text = text.replace(name, value)
    return text


@pytest.mark.parametrize("name", providers.rows())
def test_a_providers_configuration_is_accepted(name: str) -> None:
    row = providers.rows()[name]
    program = providers.programs(row).get("python")
    if program is None or "KEY" in (text := filled(row, program)):
        return  # of two others, or with a key that somebody else makes
    namespace: dict[str, object] = {}
    exec(text, namespace)
    assert isinstance(namespace["verifier"], Verifier)


@pytest.mark.skipif(not MODULES.is_dir(), reason="no Node hosts: node tests/node/hosts/setup.mjs")
def test_the_providers_configurations_are_accepted_by_node(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(MODULES)
    count = 0
    for name, row in providers.rows().items():
        program = providers.programs(row).get("js")
        if program is not None and "KEY" not in (text := filled(row, program)):
            (tmp_path / f"{name}.mjs").write_text(text)
            count += 1
    assert count > 20
    every = "".join(f"await import('./{path.name}');\n" for path in sorted(tmp_path.glob("*.mjs")))
    (tmp_path / "all.mjs").write_text(every)
    done = subprocess.run(["node", "all.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readme_counts_providers_that_are_supported() -> None:
    supported = [row["name"] for row in providers.rows().values() if row.get("supported", True) and "see" not in row]
    count = len({re.split(r" \(|,", name)[0] for name in supported})
    assert f"[{count} providers](docs/providers)" in (ROOT / "README.md").read_text()


def test_every_provider_has_a_page() -> None:
    assert set(providers.pages()) == {"providers/index.md"} | {
        f"providers/{path.stem}.md" for path in (DOCS / "providers").glob("*.json")
    }


# ---- numbers


@pytest.mark.parametrize("page", measured.SENTENCES, ids=lambda page: page.name)
def test_the_numbers_of_a_page_are_what_was_measured(page: Path) -> None:
    """As `python tools/docs/measured.py` writes them."""
    text = page.read_text()
    assert measured.written(page, text, measured.results()) == text


def test_other_numbers_would_be_seen() -> None:
    run = measured.results()
    for row in run["rows"]:
        for kinds in row["cells"].values():
            for cell in kinds.values():
                cell["median"] *= 1 + len(row["name"])
    for row in run["end_to_end"]:
        row["above_us"]["median"] += 1
    for page, sentences in measured.SENTENCES.items():
        before = page.read_text()
        after = measured.written(page, before, {**run, "processor": "made up"})
        for start, number, end, _value in sentences:
            was, now = (re.search(f"{start}({number}){end}", text) for text in (before, after))
            assert was is not None and now is not None and was[1] != now[1], start
    rows = measured.table(run).splitlines()
    assert len(rows) == len(measured.ROWS)
    assert not set(rows) & set(measured.SPEED.read_text().splitlines())


def test_what_the_readme_says_of_rsa() -> None:
    assert "AVX-512 IFMA" in (ROOT / "README.md").read_text()


# ---- links in the repository


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "RELEASING.md"], ids=lambda page: page.stem)
def test_links_lead_to_files(page: Path) -> None:
    """Sphinx checks what is inside the site; here are the pages as the repository shows them."""
    generated = {"options.md", "reference/c.rst", "reference/command-line.md", "design/numbers.md"}
    made = re.compile(r"providers/[\w-]+\.md|reference/node/\w+\.md|design/\w+\.svg")
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" in target or not re.fullmatch(r"[\w./-]+", target):
            continue
        place = (page.parent / target).resolve()
        inside = str(place.relative_to(ROOT)).removeprefix("docs/")
        assert place.exists() or inside in generated or made.fullmatch(inside), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_quoted_exists(page: Path) -> None:
    """Files of the repository and targets of make that a page names."""
    quoted = re.findall(r"`([^`\n]+)`", page.read_text())
    paths = [
        name for part in quoted
        for name in re.findall(r"^(?:core|bindings|python|node|examples|tests|tools)/[\w./-]+$", part)
    ]  # fmt: skip
    assert [name for name in paths if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert [part for part in quoted for name in re.findall(r"^make ([a-z-]+)", part) if name not in targets] == []


def test_help_begins_with_what_matters() -> None:
    text = subprocess.run(
        [sys.executable, "-c", "import fastbearer; help(fastbearer)"], capture_output=True, text=True, check=True
    ).stdout
    beginning = "\n".join(text.splitlines()[:32])
    assert "Verifier(issuer=" in beginning
    assert [name for name in MODULE_NAMES if name not in ELSEWHERE | {"fastbearer", "fastbearer.errors"}
            and name not in beginning and not name.endswith("__main__")] == []  # fmt: skip


def test_where_reasons_are_explained_is_said_where_they_are_met() -> None:
    for place in ("python/fastbearer/__init__.py", "python/fastbearer/cli/__init__.py", "README.md"):
        assert "docs/reasons.md" in (ROOT / place).read_text(), place
