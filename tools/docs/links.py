"""Every link of the built site that points into the site, and where it leads."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit


class Page(HTMLParser):
    """The anchors and the links of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.add(value)


def pages(site: Path) -> dict[Path, Page]:
    """All pages by their path."""
    return {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}


def broken(site: Path) -> list[str]:
    """The links inside the site that lead to no file or no anchor."""
    found = pages(site)
    wrong = []
    for path, page in found.items():
        for link in sorted(page.links):
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(link)
            place = path if not target else (path.parent / unquote(target.partition("?")[0])).resolve()
            if place.is_dir():
                place /= "index.html"
            if not place.is_file():
                wrong.append(f"{path.relative_to(site)}: {link}")
            elif anchor and place in found and unquote(anchor) not in found[place].anchors:
                wrong.append(f"{path.relative_to(site)}: {link} (no such anchor)")
    return wrong
