"""What a command is given: files, tokens, and values on its line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import ConfigurationError

VISIBLE = "fastbearer: a token on the command line can be seen by every user of this machine (ps); give it on stdin"


def read(path: str) -> bytes:
    """A file, or stdin for -."""
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def token(given: str | None) -> str:
    """The token, with or without its scheme: as given, or from stdin when it is absent or -."""
    return _bare(sys.stdin.read() if given in (None, "-") else str(given))


def token_of(given: str) -> str:
    """The token from stdin (-) or a file; or given itself, which others can see."""
    if given == "-":
        return token(None)
    if os.path.exists(given):
        return _bare(read(given).decode("utf-8", "surrogateescape"))
    if given.count(".") < 2 and os.sep in given:
        raise FileNotFoundError(2, "no such file", given)
    print(VISIBLE, file=sys.stderr)
    return _bare(given)


def warn_if_visible(given: str | None) -> None:
    """Says that a token which was given as an argument is not a secret any more. Only to people: a script knows."""
    if given not in (None, "-") and sys.stderr.isatty():
        print(VISIBLE, file=sys.stderr)


def _bare(text: str) -> str:
    text = text.strip()
    return text[7:].lstrip() if text[:7].lower() == "bearer " else text


def json_or_text(text: str) -> Any:
    """A value of a claim: JSON, or what is not JSON as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def named(option: str, form: str, given: Sequence[str]) -> list[tuple[str, Any]]:
    """NAME=VALUE, each a name and a value."""
    pairs = []
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"{option} must be {form}, not {text!r}")
        pairs.append((name, json_or_text(value)))
    return pairs


def required(given: Sequence[str]) -> dict[str, list[Any]]:
    """What --require says: several of one name are several values."""
    claims: dict[str, list[Any]] = {}
    for name, value in named("--require", "NAME=JSON", given):
        claims.setdefault(name, []).append(value)
    return claims


def split_scopes(given: Sequence[str]) -> list[str]:
    """What --scope says: one or several each time."""
    return [scope for text in given for scope in text.split()]
