"""What each reason of a refusal means: the page docs/reasons.md, which the package carries."""

from __future__ import annotations

import argparse
import difflib
import importlib.resources
import re
import textwrap

_WIDTH = 80


def explain(options: argparse.Namespace) -> int:
    """Prints the section of one reason, or every reason with its first sentence."""
    found = sections()
    if options.code is None:
        for code, text in found.items():
            print(_filled(re.split(r"(?<=\.)\s", text, maxsplit=1)[0], f"{code:<28}", " " * 28))
        return 0
    if options.code not in found:
        near = difflib.get_close_matches(options.code, found, 1)
        hint = f"did you mean {near[0]}?" if near else '"fastbearer explain" lists them'
        raise ValueError(f"{options.code!r} is no reason; {hint}")
    print(options.code)
    for block in re.split(r"\n\n|\n(?=\* )", found[options.code]):
        print()
        print(_filled(block.removeprefix("* "), "  ", "  "))
    return 0


def _filled(text: str, first: str, others: str) -> str:
    words = " ".join(text.split())
    return textwrap.fill(words, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def sections() -> dict[str, str]:
    """The sections of the page by code, without its marks."""
    page = importlib.resources.files(__package__).joinpath("reasons.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (\w+)\n+(.*?)\n*(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return {code: _plain(text) for code, text in found}


def _plain(text: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return text.replace("**", "").replace("`", "")
