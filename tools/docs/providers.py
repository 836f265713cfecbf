"""A page for each provider, from its file in docs/providers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/providers"
Row = dict[str, Any]

INTRODUCTION = """
The whole configuration for each of these providers, what its tokens look like, and what usually goes wrong. Every fact
names its source. Sources were read in stored copies, and a provider may have changed since.

The same data are test cases: for each provider a token of its shape must pass, and the nearest wrong ones must be
refused with the exact reason, in C, Python and Node.
"""
CAMEL = re.compile(r"_(\w)")


def rows() -> dict[str, Row]:
    """Every provider by its id, in the order of their names."""
    found = [json.loads(path.read_text()) for path in FOLDER.glob("*.json")]
    return {row["id"]: row for row in sorted(found, key=lambda row: row["name"].casefold())}


def camel(name: str) -> str:
    return CAMEL.sub(lambda found: found[1].upper(), name)


def in_python(configuration: Row, name: str = "verifier", cls: str = "Verifier") -> str:
    """The configuration as a call in Python."""
    lines = [f"    {option}={python_value(value)}," for option, value in configuration.items()]
    return "\n".join([f"{name} = {cls}(", *lines, ")"])


def python_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def in_node(configuration: Row, indent: str = "") -> str:
    """The configuration as an object in JavaScript. Certificates to trust are Node's own affair."""
    lines = []
    for option, value in configuration.items():
        if option == "ca_file":
            continue
        text = json.dumps(value, ensure_ascii=False).replace('"', "'")
        lines.append(f"{indent}  {camel(option)}: {text},")
    return "\n".join(["{", *lines, indent + "}"])


def programs(row: Row) -> dict[str, str]:
    """The whole configuration in Python and in Node; of a row that is made of others: as several issuers."""
    if "configuration" in row:
        return {
            "python": f"from fastbearer import Verifier\n\n{in_python(row['configuration'])}",
            "js": f"import {{ Verifier }} from 'fastbearer';\n\n"
            f"const verifier = new Verifier({in_node(row['configuration'])});",
        }
    return {}


def cited(row: Row, source: str | list[str]) -> str:
    """The link to a source, or that there is none."""
    named = [source] if isinstance(source, str) else source
    if named == ["unknown"]:
        return "not found on a page"
    return ", ".join(link(name, row["sources"].get(name, "")) for name in named)


def link(name: str, where: str) -> str:
    return f"[{name}]({where})" if where.startswith("https://") else f"{name}: {where}" if where else name


def cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|")


def code(value: Any) -> str:
    return f"`{cell(value)}`"


def escaped(text: str) -> str:
    """A sentence that may hold placeholders and names with underscores."""
    text = re.sub(r"<([^<>]+)>", r"&lt;\1&gt;", text)
    return re.sub(r"(?<![`\w])_|_(?![`\w])", r"\\_", text)


def members(row: Row, which: str) -> list[str]:
    """The table of the header or of the claims."""
    lines = ["| | type | example | source |", "|---|---|---|---|"]
    for name, about in row[which].items():
        note = f" {escaped(about['about'])}" if "about" in about else ""
        example = code(about["example"]) if "example" in about else ""
        lines.append(f"| {code(name)} | {about['type']} | {example}{note} | {cited(row, about['source'])} |")
    return lines


def cases(row: Row, which: str) -> list[str]:
    """What else passes, or what is refused and why."""
    lines = []
    for case in row[which]:
        about = escaped(case["about"])
        reason = f": [`{case['code']}`](../reasons.md#{case['code']})" if "code" in case else ""
        change = f", with `{json.dumps(case['configuration'])}`" if "configuration" in case else ""
        lines.append(f"* {about[0].upper()}{about[1:]}{change}{reason} ({cited(row, case['source'])}).")
    return lines


def page(row: Row) -> str:
    """The page of one provider."""
    parts = [f"# {row['name']}", "", " ".join(escaped(text) for text in row["about"]), ""]
    if row.get("supported") is False:
        instead = row["instead"]
        text = f"Use the header `{instead['header']}` with another configuration: {escaped(instead['row'])}"
        parts += [":::{warning}", "This token cannot be verified here.", text, ":::", ""]
    if "see" in row:
        links = ", ".join(f"[{rows()[name]['name']}]({name}.md)" for name in row["see"])
        parts += [f"Made of {links}.", ""]
    parts += ["## What to click there", ""]
    parts += [f"{number}. {escaped(step)}" for number, step in enumerate(row["click"], 1)]
    parts += ["", f"Source: {cited(row, row['click_source'])}.", ""]
    if "configuration" in row:
        parts += configuration(row)
        parts += tokens(row)
    if row["refused"]:
        parts += ["## What is refused", "", *cases(row, "refused"), ""]
    parts += ["## What usually goes wrong", "", *(f"* {escaped(text)}" for text in row["usually_goes_wrong"]), ""]
    if row["unknown"]:
        parts += ["## What no page said", "", "Do not rely on these.", ""]
        parts += [*(f"* {escaped(text)}" for text in row["unknown"]), ""]
    parts += ["## Sources", "", *(f"* {link(name, where)}" for name, where in row["sources"].items()), ""]
    return "\n".join(parts)


def configuration(row: Row) -> list[str]:
    """The section that is copied."""
    parts = ["## Configuration", ""]
    if row.get("placeholders"):
        parts += ["Replace what stands between `<` and `>`:", "", "| | | for example |", "|---|---|---|"]
        parts += [
            f"| {code(name)} | {escaped(about['about'])} | {example(about['example'])} |"
            for name, about in row["placeholders"].items()
        ]
        parts.append("")
    parts += ["::::{tab-set}"]
    for label, language in (("Python", "python"), ("Node", "js")):
        parts += [f":::{{tab-item}} {label}", f"```{language}", programs(row)[language], "```", ":::"]
    parts += ["::::", "", "| | why |", "|---|---|"]
    parts += [f"| {code(name)} | {escaped(cell(why))} |" for name, why in row["why"].items()]
    if "no_audience" in row:
        parts += ["", f"There is no `audience`: {escaped(row['no_audience'])}"]
    if "ca_file" in row["configuration"]:
        parts += ["", f"In Node start the process with `NODE_EXTRA_CA_CERTS={row['configuration']['ca_file']}`."]
    if "adapter" in row:
        named = ", ".join(f"`{name}={python_value(value)}`" for name, value in row["adapter"].items())
        parts += ["", f"The token comes in another header: {named} at the middleware."]
    return [*parts, ""]


def example(value: Any) -> str:
    return code(value) if isinstance(value, str) else "a PEM file"


def tokens(row: Row) -> list[str]:
    """What the provider publishes and what its tokens look like."""
    parts = ["## What its tokens look like", "", "Header:", "", *members(row, "header"), "", "Claims:", ""]
    parts += [*members(row, "claims"), ""]
    granted = ", ".join(f"`{scope}`" for scope in row["scopes"]) or "none"
    parts += [f"This token's scopes under the configuration above: {granted}.", ""]
    if row["publishes"]:
        parts += ["Where the keys are:", ""]
        for name, fact in row["publishes"].items():
            value = fact["value"]
            text = (
                code(value)
                if isinstance(value, str) and value.startswith(("http", "<")) and " " not in value.replace("> ", "")
                else escaped(str(value))
            )
            parts.append(f"* {name}: {text} ({cited(row, fact['source'])})")
        parts.append("")
    if row["accepted"]:
        parts += ["Other tokens that pass:", "", *cases(row, "accepted"), ""]
    return parts


def is_address(value: Any) -> bool:
    """Whether a fact is a URL, placeholders included, and nothing else."""
    return isinstance(value, str) and re.fullmatch(r"(https?://|<)(<[^>]*>|[^ <>])*>?[^ ]*", value) is not None


def index() -> str:
    """The list of all of them."""
    found = rows()
    parts = ["# Providers", "", INTRODUCTION, "", "| Provider | Issuer | Scopes are in |", "|---|---|---|"]
    for name, row in found.items():
        if not row.get("supported", True):
            parts.append(f"| [{row['name']}]({name}.md) | not supported: see there what to use instead | |")
            continue
        options = row.get("configuration", {})
        scopes = options.get("scope_claims", ["scope", "scp"] if options else [])
        parts.append(
            f"| [{row['name']}]({name}.md) | {code(options['issuer']) if 'issuer' in options else 'two, see there'} | "
            f"{', '.join(code(scope) for scope in ([scopes] if isinstance(scopes, str) else scopes))} |"
        )
    parts += ["", "```{toctree}", ":hidden:", "", *found, "```", ""]
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """All pages by their path below docs/."""
    found = {f"providers/{name}.md": page(row) for name, row in rows().items()}
    return {"providers/index.md": index(), **found}
