"""The oracle's reading of the rules about issuers, paths and values of claims, and scopes that include others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

TEMPLATE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#{}]+/(?:[^?#{}]*/)?)\{([^{}/?#]+)\}((?:/[^{}]*)?)\Z", re.S)
SEGMENT = re.compile(r"[A-Za-z0-9._~-]+\Z")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)\Z", re.S)
ABSENT = object()


class BadOption(Exception):
    """A configuration that is to be refused."""


# Identifiers ---------------------------------------------------------------------------------------------------------


class Identifier:
    """An exact text, or a template with one segment that a claim says."""

    def __init__(self, text: str) -> None:
        self.text, self.claim = text, None
        if not text:
            raise BadOption("an empty identifier")
        if "{" in text or "}" in text:
            found = TEMPLATE.match(text)
            if found is None:
                raise BadOption("braces that are no template")
            self.before, name, self.after = found.groups()
            self.claim = "tid" if name == "tenantid" else name
            self.text = f"{self.before}{{{self.claim}}}{self.after}"

    def fits(self, iss: str) -> bool:
        """Whether the text of iss alone is one that it stands for."""
        if self.claim is None:
            return iss == self.text
        if not (iss.startswith(self.before) and iss.endswith(self.after)):
            return False
        return bool(SEGMENT.match(self.segment(iss))) and self.segment(iss) not in (".", "..")

    def segment(self, iss: str) -> str:
        return iss[len(self.before) : len(iss) - len(self.after)]

    def holds(self, iss: str, claims: Mapping[str, Any]) -> bool:
        """The same, and the verified claim says it too."""
        return self.fits(iss) and (self.claim is None or claims.get(self.claim) == self.segment(iss))


def of_key(text: str, iss: Any, claims: Mapping[str, Any]) -> bool:
    """Whether a key that says it is of this issuer may have signed for iss."""
    try:
        return isinstance(iss, str) and Identifier(text).holds(iss, claims)
    except BadOption:
        return bool(iss == text)


# Claims --------------------------------------------------------------------------------------------------------------


def check_path(path: str) -> None:
    """A pointer may have as many segments as a payload may be deep."""
    if not path or (path.startswith("/") and (re.search(r"~(?![01])", path) or path.count("/") > 32)):
        raise BadOption("a path")


def claim_at(claims: Any, path: str) -> Any:
    """The value that a name or an RFC 6901 pointer reaches, or ABSENT."""
    if not path.startswith("/"):
        return claims.get(path, ABSENT)
    value = claims
    for step in (part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")):
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and re.match(r"(0|[1-9][0-9]*)\Z", step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value


def required(option: Any) -> list[tuple[str, list[Any] | None]]:
    """required_claims as pairs of a path and the values, None for any."""
    if option is None:
        return []
    if not isinstance(option, dict):
        names = [option] if isinstance(option, str) else option
        for name in names:
            check_path(name)
        return [(name, None) for name in names]
    pairs = []
    for path, values in option.items():
        check_path(path)
        listed = values if isinstance(values, list) else [values]
        if not listed or not all(isinstance(value, (str, int, float)) for value in listed):
            raise BadOption("a value")
        pairs.append((path, listed))
    return pairs


def exact(number: Any) -> Fraction:
    """What stands in the text: a token's numbers keep it, a configuration's are written as the language does."""
    found: Fraction | None = getattr(number, "exact", None)
    return Fraction(repr(number)) if found is None else found


def equal(value: Any, wanted: Any) -> bool:
    kinds = [bool if isinstance(v, bool) else str if isinstance(v, str) else float for v in (value, wanted)]
    if isinstance(value, (dict, list)) or value is None or kinds[0] is not kinds[1]:
        return False
    return exact(value) == exact(wanted) if kinds[0] is float else bool(value == wanted)


def has_one(value: Any, wanted: list[Any]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(equal(one, other) for one in values for other in wanted)


# Audiences and scopes ------------------------------------------------------------------------------------------------


def lowered(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def folded(text: str) -> str:
    """An audience with the scheme and host of a URL in lower case."""
    found = URL.match(text)
    if found is None or not found[2] + found[3]:
        return text
    scheme, authority, rest = found.groups()
    user, at, host = authority.rpartition("@")
    end = host.find("]") + 1 if host.startswith("[") else 0
    colon = host.find(":", end)
    name, port = (host, "") if colon < 0 else (host[:colon], host[colon:])
    return f"{lowered(scheme)}://{user}{at}{lowered(name)}{port}{rest}"


class Hierarchy:
    """Which scopes include others, over any number of steps."""

    def __init__(self, rules: Any) -> None:
        self.rules: dict[str, list[str]] = {}
        for scope, implied in (rules or {}).items():
            self.rules[scope] = [implied] if isinstance(implied, str) else list(implied)
        for scope, implied in self.rules.items():
            if any(not name or " " in name for name in (scope, *implied)) or scope in self.closure(implied):
                raise BadOption("scope_hierarchy")

    def closure(self, scopes: Iterable[str]) -> set[str]:
        found: set[str] = set()
        todo = list(scopes)
        while todo:
            scope = todo.pop()
            if scope not in found:
                found.add(scope)
                todo += self.rules.get(scope, [])
        return found
