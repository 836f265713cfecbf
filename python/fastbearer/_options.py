"""The options of a verifier: one table, with a row for each.

The constructors' signatures, their documentation and the types for editors are generated from it by
tools/generate/python_options.py. The core's names follow from it here, the checks from the kinds of _option_kinds.
"""

from __future__ import annotations

import os
import sys

from . import _native
from ._option_kinds import (
    ALGORITHMS,
    CLAIMS,
    DATA,
    DOCUMENT,
    FETCH,
    FILE,
    FLAG,
    HEADERS,
    HOOK,
    INTROSPECTOR,
    ISSUERS,
    RESOLVE,
    REVOKED,
    RULES,
    SCOPES,
    SECONDS,
    SIZE,
    STORE,
    TEXT,
    TEXTS,
    Kind,
)
from .dpop import _KIND as DPOP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .issuer import Issuer


__all__ = ["ALGORITHMS", "DEFAULTS", "OPTIONS"]


# ---- the table


class Group:
    """Options that belong together, and what they are about."""

    __slots__ = ("title",)

    def __init__(self, title: str) -> None:
        self.title = title


WHO = Group("Who issues tokens")
KEYS = Group("Where the keys come from, at most one; without any they are found by discovery from the issuer")
POLICY = Group("What is accepted")
STATUS = Group("Which tokens the issuer is asked about")
FETCHING = Group("How a key set is fetched, and the metadata that discovery looks at")
REPORTING = Group("What is reported")


#: Whose option it is: an issuer's (fb_issuer), the verifier's (fb_options), or the verifier's with an issuer's own in
#: its place.
ISSUER, VERIFIER, BOTH = 1, 2, 3


class Option:
    """One row: whose it is, a Python name, the member of fb_issuer and fb_options or None, a kind, a default, and one
    line for people.
    """

    __slots__ = ("default", "doc", "group", "kind", "name", "native", "of")

    def __init__(
        self, group: Group, of: int, name: str, native: str | None, kind: Kind, default: Any, doc: str
    ) -> None:
        self.group = group
        self.of = of
        self.name = name
        self.native = native
        self.kind = kind
        self.default = default
        self.doc = doc

    @property
    def annotation(self) -> str:
        return self.kind.annotation + (" | None" if self.default is None else "")


# fmt: off
OPTIONS = (
    Option(WHO, ISSUER, "issuer", "identifiers", TEXTS, None,
           "``iss`` must be this, or one of these; or match a template such as "
           '"https://login.example/{tid}/v2.0", whose segment is the claim of that name. None, for a sole issuer: '
           "``iss`` is not checked."),
    Option(WHO, VERIFIER, "issuers", None, ISSUERS, None,
           "Several Issuers, each with options of its own, in place of the options of one."),
    Option(WHO, VERIFIER, "resolve_issuer", None, RESOLVE, None,
           "``(iss) -> Issuer | None``, sync or async: who an issuer is that is not among the others. None refuses its "
           "tokens for a minute. ``iss`` is not verified: look it up, never fetch from it or log it."),
    Option(WHO, VERIFIER, "max_issuers", "max_issuers", SIZE, 1000,
           "How many resolved issuers are held; the one that was used least recently makes room."),

    Option(KEYS, ISSUER, "public_key", "public_key", DATA, None,
           "One PEM block: SPKI, PKCS#1 public key or X.509 certificate."),
    Option(KEYS, ISSUER, "jwks", "jwks", DOCUMENT, None,
           "A key-set document (RFC 7517), as text or as a mapping; held as given."),
    Option(KEYS, ISSUER, "jwks_uri", "jwks_uri", TEXT, None,
           "The https URL of a key set; fetched when needed, kept fresh in the background."),
    Option(KEYS, ISSUER, "secret", "secret", DATA, None,
           "The HMAC key, at least as long as the hash."),

    Option(POLICY, ISSUER, "algorithms", "algorithms", TEXTS, None,
           'One or several; by default "RS256", with ``secret`` "HS256".'),
    Option(POLICY, BOTH, "audience", "audiences", TEXTS, None,
           "``aud`` must name this, or one of these. None is not checked: a token that was issued for another service "
           "is accepted here (RFC 8725 section 3.9)."),
    Option(POLICY, VERIFIER, "required_scopes", "required_scopes", SCOPES, None,
           "All of these must be granted; one text is split at spaces."),
    Option(POLICY, VERIFIER, "scope_hierarchy", "scope_hierarchy", RULES, None,
           'Which scopes include others: ``{"admin": ["read", "write"]}``.'),
    Option(POLICY, VERIFIER, "leeway", "leeway", SECONDS, 0.0,
           "Seconds that are forgiven at ``exp``, ``nbf`` and ``iat``; each lengthens the life of every token."),
    Option(POLICY, VERIFIER, "clock_skew", "clock_skew", SECONDS, 30.0,
           "Seconds that ``nbf`` and ``iat`` may be in the future, since a provider's clock may be ahead."),
    Option(POLICY, VERIFIER, "require_exp", "require_exp", FLAG, True,
           "Whether a token must have ``exp``."),
    Option(POLICY, BOTH, "required_claims", "required_claims", CLAIMS, (),
           "Names of claims that must be present; or a mapping from each to the value that it must have, or the values "
           "of which it must have one."),
    Option(POLICY, BOTH, "token_type", "token_type", TEXT, None,
           'None accepts no ``typ``, JWT and at+jwt; "at+jwt" only access tokens as RFC 9068 defines them; "any" '
           "any ``typ`` but that of an introspection response (RFC 9701)."),
    Option(POLICY, BOTH, "scope_claims", "scope_claims", TEXTS, ("scope", "scp"),
           'The first of these that is present holds the scopes; "/realm_access/roles" is a path (RFC 6901).'),
    Option(POLICY, VERIFIER, "merge_scope_claims", "merge_scope_claims", FLAG, False,
           "Whether all of ``scope_claims`` that are present hold scopes together."),
    Option(POLICY, BOTH, "client_id_claims", "client_id_claims", TEXTS, ("client_id", "azp", "sub"),
           'The first of these that is present is the client id, else "unknown".'),
    Option(POLICY, VERIFIER, "sender_constrained", "sender_constrained", TEXT, "verify",
           '"verify" accepts a token that ``cnf`` binds to a key only from a sender who proves to have that key, so by '
           '``verify_request``; "ignore" accepts it from everybody, also from who has stolen it.'),
    Option(POLICY, VERIFIER, "dpop", "dpop", DPOP, None,
           "How DPoP proofs (RFC 9449) are checked. None: no proof is, and tokens that are bound to a DPoP key are "
           "refused."),
    Option(POLICY, VERIFIER, "is_revoked", None, REVOKED, None,
           "``(AccessToken) -> bool``, sync or async: whether a token that is good otherwise has been revoked; asked "
           "on every request, cached token or not. While it fails requests are refused with 503. A sync one is called "
           "on the event loop and must not block."),
    Option(POLICY, VERIFIER, "max_token_bytes", "max_token_bytes", SIZE, 16384,
           "Longer tokens are refused unread; 1 to 65536."),
    Option(POLICY, VERIFIER, "cache_size", "cache_size", SIZE, 1024,
           "How many verified tokens are remembered; 0 for none."),
    Option(POLICY, VERIFIER, "cache_bytes", "cache_bytes", SIZE, 16777216,
           "What they may occupy together."),
    Option(POLICY, VERIFIER, "arithmetic", "arithmetic", TEXT, "auto",
           '"auto" verifies signatures with precomputed tables where that is faster than OpenSSL, "openssl" with '
           "OpenSSL alone."),

    Option(STATUS, ISSUER, "introspector", None, INTROSPECTOR, None,
           "Asks the issuer about tokens that are not JWTs (RFC 7662), or about all: ``fastbearer.introspection``."),

    Option(FETCHING, ISSUER, "fetch", None, FETCH, None,
           "``(url, headers) -> (status, headers, body)``, sync or async, in place of the one built in. It must not "
           "follow redirects nor return more than ``max_jwks_bytes``."),
    Option(FETCHING, ISSUER, "fetch_timeout", "fetch_timeout", SECONDS, 10.0,
           "Seconds, for all of it."),
    Option(FETCHING, ISSUER, "refresh_interval", "refresh_interval", SECONDS, 30.0,
           "Seconds between two fetches for unknown key ids."),
    Option(FETCHING, ISSUER, "stale_if_error", "stale_if_error", SECONDS, 3600.0,
           "Seconds that held keys stay in use past their freshness while fetches fail."),
    Option(FETCHING, ISSUER, "max_jwks_bytes", "max_jwks_bytes", SIZE, 65536,
           "The size of the largest document that is accepted."),
    Option(FETCHING, ISSUER, "ca_file", "ca_file", FILE, None,
           "A PEM bundle of certificates to trust; by default what SSL_CERT_FILE and SSL_CERT_DIR name, the system's, "
           "certifi's."),
    Option(FETCHING, ISSUER, "allow_http", "allow_http", FLAG, False,
           "Whether http:// is accepted for other hosts than loopback."),
    Option(FETCHING, ISSUER, "ssrf_safe", "ssrf_safe", FLAG, False,
           "Whether only public addresses are connected to."),
    Option(FETCHING, ISSUER, "key_store", None, STORE, None,
           "Where fetched key sets are kept, for other processes and for the next start: ``fastbearer.stores``."),
    Option(FETCHING, ISSUER, "headers", "headers", HEADERS, None,
           "Header fields to send with every fetch; a key set of another origin than the issuer's does not get them."),
    Option(FETCHING, ISSUER, "trust_env", "trust_env", FLAG, False,
           "Whether the proxy variables of the environment are honoured."),

    Option(REPORTING, VERIFIER, "on_reject", None, HOOK, None,
           "Called with a Rejection for every refused token; an exception that it raises is logged once and otherwise "
           "ignored."),
)
# fmt: on


# ---- what follows from it

#: Of a verifier: with the options of one issuer.
DEFAULTS = {option.name: option.default for option in OPTIONS}
#: Those of an Issuer, and what stands there for what the verifier requires of all.
ISSUER_NAMES = tuple(option.name for option in OPTIONS if option.of & ISSUER)
OWN = {option.name: None for option in OPTIONS if option.of == BOTH}


def names(*groups: Group) -> tuple[str, ...]:
    """The names of the options of these groups."""
    return tuple(option.name for option in OPTIONS if option.group in groups)


def converted(given: Mapping[str, Any], of: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of an issuer or of a verifier: by their names, what can be changed turned into what cannot; and as
    the core takes them, by its names. What an issuer leaves to the verifier is not among the latter.
    """
    values, native = {}, {}
    for option in OPTIONS:
        if option.of & of:
            value = given[option.name]
            made = option.kind.convert(option.name, value)
            values[option.name] = value if value is None or isinstance(value, (str, bytes)) else made
            if option.native is not None and not (made is None and of == ISSUER and option.of == BOTH):
                native[option.native] = made
    return values, native


def mixed(given: Mapping[str, Any]) -> str | None:
    """The option of one issuer that was given beside ``issuers``."""
    alone = (option for option in OPTIONS if option.of == ISSUER)
    return next((option.name for option in alone if given[option.name] != option.default), None)


def certificate_authorities(issuer: Issuer) -> dict[str, str]:
    """The certificates to trust where libcurl fetches and no option says: what the environment names, as Python's ssl
    reads it; else the system's, which the core finds; else certifi's.
    """
    if issuer.fetch is not None or issuer.ca_file is not None:
        return {}
    variables = (("ca_file", "SSL_CERT_FILE"), ("ca_path", "SSL_CERT_DIR"))
    named = {option: os.environ[variable] for option, variable in variables if os.environ.get(variable)}
    if named or _native.ca_bundle() is not None or sys.platform == "win32":  # where the core reads the system's store
        return named
    try:
        import certifi
    except ImportError:
        return {}  # the first https fetch fails, and says where certificates were looked for
    return {"ca_file": certifi.where()}


def unknown_option(name: str, known: Iterable[str], of: str = "Verifier") -> str:
    """The sentence for an option that does not exist, with the one of the most similar name."""
    import difflib

    close = difflib.get_close_matches(name.lower(), known, 1)
    suggestion = f"; did you mean {close[0]!r}?" if close else ""
    return f"{of}() got an unexpected keyword argument {name!r}{suggestion}"
