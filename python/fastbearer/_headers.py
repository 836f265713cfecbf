"""Names of headers that options give."""

from __future__ import annotations

import re

from .errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


def header_name(option: str, given: object) -> str:
    """In lower case."""
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise ConfigurationError(f"{option} must be the name of one header")
    return given.lower()


def checked_token_header(given: str | None) -> str | None:
    """In lower case."""
    if given is None:
        return None
    name = header_name("token_header", given)
    if name in ("authorization", "dpop"):
        raise ConfigurationError("token_header must be another header than Authorization and DPoP")
    return name
