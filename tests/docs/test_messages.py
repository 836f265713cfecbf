"""Every message that can be logged, every warning of Node and every counter stands on the page for operators."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import ROOT

from fastbearer import Issuer, Verifier

PAGE = " ".join((ROOT / "docs/operate/messages.md").read_text().split())
SOURCES = [path for path in sorted((ROOT / "python/fastbearer").rglob("*.py")) if "cli" not in path.parts]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
#: Functions of ours that hand a message on, and which argument it is.
OURS = {"warn_once": 1, "_log": 0}
#: What is handed on by these is looked at where it comes from.
GENERAL = {"_log.py:rejected", "_log.py:warn_once", "_log.py:warn", "_introspections.py:_log", "_key_store.py:_log"}


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What the names of a module stand for."""
    return {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def texts(node: ast.expr, names: dict[str, ast.expr]) -> Iterator[str]:
    """The parts of a message that are always the same."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from re.split(r"%[-.\d]*[a-z]|\{[^}]*\}", node.value)
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from texts(value.value if isinstance(value, ast.FormattedValue) else value, names)
    elif isinstance(node, ast.Name) and node.id in names:
        yield from texts(names[node.id], {})
    elif isinstance(node, ast.Attribute):
        yield from texts(ast.Name(node.attr), names)


def messages() -> Iterator[tuple[str, str]]:
    """Where, and a part of a message."""
    everywhere: dict[str, ast.expr] = {}
    trees = {path: ast.parse(path.read_text()) for path in SOURCES}
    for tree in trees.values():
        everywhere.update({name: value for name, value in constants(tree).items() if name.isupper()})
    for path, tree in trees.items():
        names = {**everywhere, **constants(tree)}
        for function in ast.walk(tree):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            where = f"{path.name}:{function.name}"
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                    continue
                logged = call.func.attr in LEVELS and "log" in ast.unparse(call.func.value).lower()
                if not logged and call.func.attr not in OURS:
                    continue
                place = 0 if logged else OURS[call.func.attr]
                found = [part.strip(" ;:()") for part in texts(call.args[place], names)]
                assert any(found) or not logged or where in GENERAL, where
                yield from ((where, part) for part in found if len(part) > 3)


def test_every_message_of_python() -> None:
    found = list(messages())
    assert len(found) > 30
    assert [(where, part) for where, part in found if " ".join(part.split()) not in PAGE] == []


def test_the_parts_of_a_refusal_and_of_a_failed_fetch() -> None:
    """Those that are put together before they are logged."""
    for path, parts in {
        "python/fastbearer/_log.py": ("bearer token rejected: ", "configured issuer ", "more of this kind since"),
        "python/fastbearer/_key_source.py": ("the keys that are held stay in use", "no keys are held, tokens cannot"),
        "python/fastbearer/fastmcp/_policy.py": ("the shared secret has ", "that RFC 7518 section 3.2 asks for"),
        "core/src/signature/selection.c": ("our arithmetic for ", "failed its self-test and is not used",
                                           "contradicted OpenSSL and is used no more"),
    }.items():  # fmt: skip
        source = (ROOT / path).read_text()
        assert [part for part in parts if part not in source or part.strip() not in PAGE] == [], path


def node_sources() -> Iterator[Path]:
    yield from sorted((ROOT / "node").rglob("*.cjs"))
    yield from sorted((ROOT / "node").rglob("*.mjs"))


def test_every_warning_of_node() -> None:
    codes = {code for path in node_sources() for code in re.findall(r"code: '(FASTBEARER_\w+)'", path.read_text())}
    assert len(codes) > 7
    assert [code for code in sorted(codes) if f"`{code}`" not in PAGE] == []


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@pytest.mark.parametrize("of_issuer", [False, True])
def test_every_counter(of_issuer: bool) -> None:
    with Verifier(issuers=[Issuer("https://issuer.example")], audience="a") as verifier:
        stats = verifier.stats()
    names = set(stats["issuers"][0] if of_issuer else stats)
    assert len(names) > 15
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []
    types = (ROOT / "node/index.d.cts").read_text()
    assert [name for name in sorted(names) if not re.search(rf"\b{camel(name)}\b", types)] == []
