"""Builds the site: docs/ and the generated pages to build-docs/html.

    python tools/docs/build.py

Everything is in build-docs/: source (what Sphinx reads), html. A warning is an error, and so is a link inside the
site that leads nowhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/docs"), str(ROOT / "python")]

import c_header  # noqa: E402
import command_line  # noqa: E402
import diagrams  # noqa: E402
import links  # noqa: E402
import numbers_page  # noqa: E402
import options  # noqa: E402
import providers  # noqa: E402

DOCS, BUILD = ROOT / "docs", ROOT / "build-docs"
SOURCE, HTML, TYPESCRIPT = BUILD / "source", BUILD / "html", BUILD / "typescript"


def typescript_pages() -> dict[str, str]:
    """The pages of typedoc, by their path below docs/."""
    shutil.rmtree(TYPESCRIPT, ignore_errors=True)
    typedoc = ROOT / "tools/docs/node_modules/.bin/typedoc"
    subprocess.run([typedoc, "--logLevel", "Warn"], cwd=ROOT / "tools/docs", check=True)
    found = {}
    for path in sorted(TYPESCRIPT.rglob("*.md")):
        name = path.relative_to(TYPESCRIPT)
        if name == Path("README.md"):
            continue
        module = "-".join(part for part in (*name.parent.parts, name.stem) if part not in ("README", "namespaces"))
        found[module.replace("export=", "members")] = path.read_text()
    pages = {f"reference/node/{module}.md": typescript(module, text) for module, text in found.items()}
    others = [module for module in found if module != "index"]
    pages["reference/node/index.md"] += "\n".join(["", "```{toctree}", ":hidden:", "", *others, "```", ""])
    return pages


def typescript(module: str, text: str) -> str:
    """A page of typedoc with our title, with anchors that are unique in the site, and links that fit the place."""
    title = "Node" if module == "index" else f"fastbearer/{module.replace('-', ' ')}"
    text = re.sub(r"\A# .*\n", f"# {title}\n", text)
    text = text.replace("fastify/README.md", "fastify.md").replace("namespaces/export=.md", "fastify-members.md")
    text = text.replace("../../", "").replace("../", "").replace("README.md", "fastify.md")
    text = re.sub(r'<a id="([^"]+)"></a>', rf"(node-{module}-\1)=", text)
    text = re.sub(r"\]\((?:([\w-]+)\.md)?#([^)]+)\)", lambda at: f"](#node-{at[1] or module}-{at[2]})", text)
    return re.sub(r"^(#{5,})", "####", text, flags=re.MULTILINE)


def generated() -> dict[str, str]:
    """Every generated page by its path below docs/."""
    return {
        "options.md": options.page(),
        "reference/c.rst": c_header.page(),
        "reference/command-line.md": command_line.page(),
        "design/numbers.md": numbers_page.page(),
        **diagrams.drawings(),
        **providers.pages(),
        **typescript_pages(),
    }


def assemble() -> None:
    """What Sphinx reads: docs/ as it is, the generated pages, the plots. Unchanged files keep their times."""
    wanted: dict[Path, bytes] = {}
    for path in DOCS.rglob("*"):
        if path.is_file() and path.suffix != ".json":
            wanted[path.relative_to(DOCS)] = path.read_bytes()
    for name, text in generated().items():
        assert Path(name) not in wanted, f"docs/{name} is generated"
        wanted[Path(name)] = text.encode()
    for plot in (ROOT / "tests/bench/results").glob("*.svg"):
        wanted[Path("design") / plot.name] = plot.read_bytes()
    reasons = Path("reasons.md")
    # Headings become anchors under their own spelling, which is what GitHub makes of them too.
    wanted[reasons] = re.sub(rb"^## (\w+)$", rb'<a id="\1"></a>\n\n## \1', wanted[reasons], flags=re.MULTILINE)
    for path in SOURCE.rglob("*") if SOURCE.exists() else ():
        if path.is_file() and path.relative_to(SOURCE) not in wanted:
            path.unlink()
    for name, data in wanted.items():
        target = SOURCE / name
        if not target.is_file() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def main() -> None:
    assemble()
    # Every page anew: its menu names pages that may have changed.
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--write-all", "--builder", "html"]
    done = subprocess.run([*command, "--doctree-dir", BUILD / "doctrees", SOURCE, HTML])
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    broken = links.broken(HTML)
    if broken:
        raise SystemExit("\n".join(["links that lead nowhere:", *broken]))
    pages = len(list(HTML.rglob("*.html")))
    print(f"{pages} pages: {HTML.relative_to(ROOT)}/index.html")


if __name__ == "__main__":
    main()
