"""The page of all options: one row each, with its name in Python, Node and C, its default, its bounds and its text.

Python's table is python/fastbearer/_options.py, Node's node/lib/option-table.cjs, and C has the header, whose texts say
the bounds. Nothing is written down here but what pairs them.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from dataclasses import dataclass

import c_header

from fastbearer import DPoP
from fastbearer._options import BOTH, ISSUER, OPTIONS, VERIFIER
from fastbearer.asgi import BearerAuthMiddleware

ROOT = c_header.ROOT
FIRST_VERSION = "0.1.0"
#: Options that came later, by their Python name (or Node's, or C's, where the others have none).
SINCE: dict[str, str] = {}

BOUNDS = re.compile(
    r"(?<![\w.])(\d+ \.\. \d+(?: MiB)?|at least \d+ bytes|\d+ or more, finite|more than 0, at most \d+|less than \d+|"
    r"More than 0, at most \d+)"
)
WHOSE = {ISSUER: "issuer", VERIFIER: "verifier", BOTH: "both"}
#: Members of the C structures that are no option: sizes, counts, and hooks that belong to another.
NO_OPTIONS = {"size", "issuer_count", "required_claim_count", "scope_rule_count", "signature_context"}
#: In C only, and where another name hides the pair.
C_OF = {"issuer": "identifiers", "issuers": "issuers", "resolve_issuer": "resolves_issuers"}
NODE_OF = {"replay_by_host": "replayStore"}

INTRODUCTION = """
Every option in every language. The tables are made from the option tables of the Python and Node packages and from the
C header.

*of* says whose option it is: an issuer's (`Issuer`, a member of `issuers`, `fb_issuer`), the verifier's (`Verifier`,
`fb_options`), or both: then an issuer's own value replaces the verifier's. With a single issuer all of them are given
to `Verifier` itself. Times are seconds and sizes are bytes. A wrong value is refused when the verifier is made, and the
error names the option.
"""
ADAPTERS = """
What the middleware takes beside the verifier: `BearerAuthMiddleware` (Python), `bearerAuth` and its relatives (Node).
"""


@dataclass
class Row:
    """One option in three languages; None: that language has it not."""

    python: str | None
    node: str | None
    c: str | None
    default: str
    whose: str
    text: str
    c_text: str = ""

    @property
    def name(self) -> str:
        return self.python or self.node or self.c or ""

    @property
    def bounds(self) -> str:
        found = BOUNDS.search(self.c_text)
        return found[1][0].lower() + found[1][1:] if found else ""


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def node_options() -> dict[str, dict[str, dict[str, str]]]:
    """Node's tables, by the names of its groups and options."""
    program = """
        const { KEY_OPTIONS, CLAIM_OPTIONS, POLICY_OPTIONS, FETCH_OPTIONS, DPOP_OPTIONS } =
            require('./node/lib/option-table.cjs');
        const groups = { KEY_OPTIONS, CLAIM_OPTIONS, POLICY_OPTIONS, FETCH_OPTIONS, DPOP_OPTIONS };
        console.log(JSON.stringify(groups, (key, value) => value === undefined ? null : value));"""
    done = subprocess.run(["node", "-e", program], cwd=ROOT, check=True, capture_output=True, text=True)
    return {group: {option["name"]: option for option in options} for group, options in json.loads(done.stdout).items()}


def c_members(structure: str) -> dict[str, str]:
    """The options among the members of a C structure, and their texts."""
    for group in c_header.groups(c_header.HEADER.read_text()):
        for entry in group.entries:
            if entry.name == structure:
                return {member.name: member.text for member in entry.members if member.name not in NO_OPTIONS}
    raise KeyError(structure)


def shown(value: object) -> str:
    """A default as text; an empty cell is worse than a word."""
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def verifier_rows() -> dict[str, list[Row]]:
    """The options of Verifier and Issuer, under the titles of Python's groups."""
    tables = node_options()
    node = {
        name: option for group, options in tables.items() if group != "DPOP_OPTIONS" for name, option in options.items()
    }
    c = c_members("fb_issuer") | c_members("fb_options")
    rows: dict[str, list[Row]] = {}
    for option in OPTIONS:
        c_name = C_OF.get(option.name, option.native)
        node_name = camel(option.name)
        rows.setdefault(option.group.title, []).append(
            Row(
                option.name,
                node_name if node.pop(node_name, None) else None,
                c_name if c_name in c else None,
                shown(option.default),
                WHOSE[option.of],
                option.doc.replace("``", "`"),
                c.pop(c_name, "") if c_name else "",
            )
        )
    rest = [Row(None, name, None, shown(option["default"]), "both", option["doc"]) for name, option in node.items()]
    if rest:
        rows["Node only"] = rest
    return rows


def c_only_rows() -> list[Row]:
    """What only a C program can say."""
    paired = {row.c for rows in verifier_rows().values() for row in rows}
    found = []
    for structure, whose in (("fb_issuer", "issuer"), ("fb_options", "verifier")):
        for name, text in c_members(structure).items():
            if name not in paired and not any(row.c == name for row in found):
                default = re.search(r"Default:? (.*?)\.(?:\s|$)", text)
                found.append(
                    Row(None, None, name, default[1] if default else "none", whose, " ".join(text.split()), text)
                )
    return found


def dpop_rows() -> list[Row]:
    """The options of DPoP."""
    c, node = c_members("fb_dpop"), node_options()["DPOP_OPTIONS"]
    rows = []
    for name, parameter in inspect.signature(DPoP).parameters.items():
        default = None if parameter.default is parameter.empty else parameter.default
        other = "replay_by_host" if name == "replay_store" else name
        option = node[camel(name)]
        rows.append(Row(name, camel(name), other, shown(default), "verifier", option["doc"], c[other]))
    return rows


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(name: str | None) -> str:
    return f"`{name}`" if name else "-"


def table(rows: list[Row], prefix: str = "") -> list[str]:
    lines = ["| Option | | default | bounds | of | since |", "|---|---|---|---|---|---|"]
    for row in rows:
        named = (("Python", row.python), ("Node", row.node), ("C", row.c))
        names = "<br>".join(f"{language}&nbsp;{code(name)}" for language, name in named if name)
        columns = (
            f'<a id="{prefix}{row.name}"></a>{names}', cell(row.text), code(row.default), row.bounds or "-", row.whose,
            SINCE.get(row.name, FIRST_VERSION),
        )  # fmt: skip
        lines.append("| " + " | ".join(columns) + " |")
    return [":::{container} options", "", *lines, "", ":::"]


def adapter_rows() -> list[str]:
    """The middleware's parameters with their texts, from its docstring and Node's types."""
    text = inspect.getdoc(BearerAuthMiddleware) or ""
    found = re.findall(r"^(\w+) {2,}(.*(?:\n {16,}.*)*)", text, re.MULTILINE)
    guard = (ROOT / "node/lib/guard.d.cts").read_text()
    node = dict(re.findall(r"^ +(\w+)\?: ([^;]+);", guard, re.MULTILINE))
    lines = ["| Python | Node | |", "|---|---|---|"]
    for name, about in found:
        lines.append(f"| {code(name)} | {code(camel(name)) if camel(name) in node else '-'} | {cell(about)} |")
    named = {camel(name) for name, _ in found}
    texts = dict(re.findall(r"/\*\*((?:(?!\*/).)*?)\*/\s+(\w+)\?:", guard, re.DOTALL) and [
        (name, comment) for comment, name in re.findall(r"/\*\*((?:(?!\*/).)*?)\*/\s+(\w+)\?:", guard, re.DOTALL)
    ])  # fmt: skip
    for name in node:
        if name not in named and name in texts:
            lines.append(f"| - | {code(name)} | {cell(c_header.plain(texts[name]))} |")
    return lines


def page() -> str:
    """The page."""
    parts = ["---", "hide-toc: true", "---", "", "# Options", "", INTRODUCTION, ""]
    for title, rows in verifier_rows().items():
        parts += [f"## {title.partition(',')[0]}", "", *table(rows), ""]
    parts += ["## DPoP", "", "The members of `dpop`.", "", *table(dpop_rows(), "dpop-"), ""]
    parts += ["## C only", "", *table(c_only_rows()), ""]
    parts += ["## Adapters", "", ADAPTERS, "", *adapter_rows(), ""]
    return "\n".join(parts)


def names() -> dict[str, set[str]]:
    """Every option that must stand on the page, by language."""
    python = {option.name for option in OPTIONS} | set(inspect.signature(DPoP).parameters)
    python |= set(inspect.signature(BearerAuthMiddleware).parameters) - {"app"}
    node = {name for options in node_options().values() for name in options}
    c = {name for structure in ("fb_issuer", "fb_options", "fb_dpop") for name in c_members(structure)}
    return {"python": python, "node": node, "c": c}


if __name__ == "__main__":
    print(page())
