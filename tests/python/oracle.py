"""A second verifier, written for the tests alone, on `cryptography` and the standard library.

It follows the written rules and shares nothing with the library: not its code, not its order of reading, not its JSON
reader. Where both say the same about a case, two independent readings of the rules agree. It is slow and refuses to be
used for anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm

from oracle_keys import ASYMMETRIC, HMAC, BadKey, Key, algs_of, key_set, pem_key, same_key, secret_keys, signature_good
from oracle_proof import Proofs, Request, credential
from oracle_text import Real, Refused, decode_segment, lower, media_type, need, read_header, read_payload, seconds

SOURCES = ("public_key", "jwks", "jwks_raw", "secret")
# Of an issuer alone, of the verifier alone, of both.
OF_ISSUER = {*SOURCES, "algorithms", "issuer"}
OF_VERIFIER = {
    "issuers",
    "required_scopes",
    "scope_hierarchy",
    "merge_scope_claims",
    "leeway",
    "clock_skew",
    "require_exp",
    "max_token_bytes",
    "sender_constrained",
    "dpop",
}
OF_BOTH = {"audience", "token_type", "required_claims", "scope_claims", "client_id_claims"}
ABSENT = object()
TEMPLATE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#{}]+/(?:[^?#{}]*/)?)\{([^{}/]+)\}((?:/[^{}]*)?)\Z")
TENANT = re.compile(r"[A-Za-z0-9._~-]+\Z")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)\Z", re.S)


# Policy --------------------------------------------------------------------------------------------------------------


def as_list(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)


def check_paths(paths: list[str]) -> list[str]:
    for path in paths:
        need(path != "", "configuration_invalid")
        need(not path.startswith("/") or not re.search("~(?![01])", path), "configuration_invalid")
        need(not path.startswith("/") or path.count("/") <= 32, "configuration_invalid")
    return paths


def find(claims: dict[str, Any], path: str) -> Any:
    """The value of a name, or what a JSON Pointer leads to; ABSENT."""
    if not path.startswith("/"):
        return claims.get(path, ABSENT)
    at: Any = claims
    for part in path[1:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict):
            at = at.get(name, ABSENT)
        elif isinstance(at, list) and re.fullmatch("0|[1-9][0-9]*", name, re.A) and int(name) < len(at):
            at = at[int(name)]
        else:
            return ABSENT
    return at


def demanded(given: Any) -> dict[str, list[Any] | None]:
    """Paths, and the values that there may be; None: any."""
    if not isinstance(given, dict):
        return dict.fromkeys(check_paths(as_list(given) or []))
    check_paths(list(given))
    made: dict[str, list[Any] | None] = {}
    for path, value in given.items():
        values = value if isinstance(value, list) else [value]
        need(values and all(isinstance(item, (str, int, float)) for item in values), "configuration_invalid")
        made[path] = values
    return made


def exact(value: Any) -> Any:
    """Something that is equal for equal values alone: texts, booleans and numbers are never each other."""
    if isinstance(value, (bool, str)) or value is None:
        return (type(value), value)
    if isinstance(value, Real):
        return (Fraction, value.exact)
    if isinstance(value, float):
        return (Fraction, Fraction(repr(value)))
    return (Fraction, Fraction(value)) if isinstance(value, int) else (object, id(value))


def folded(audience: str) -> str:
    """A URL with scheme and host in lower case; anything else as it stands."""
    url = URL.match(audience)
    if not url or url[2] + url[3] == "":
        return audience
    userinfo, at, place = url[2].rpartition("@")
    colon = place.find(":", place.rfind("]") + 1)
    host, port = (place, "") if colon < 0 else (place[:colon], place[colon:])
    return f"{lower(url[1])}://{userinfo}{at}{lower(host)}{port}{url[3]}"


def closure(rules: dict[str, list[str]]) -> dict[str, set[str]]:
    """What each scope includes, at whatever distance."""
    names = [*rules, *(name for implied in rules.values() for name in implied)]
    need(all(name and " " not in name for name in names), "configuration_invalid")
    found: dict[str, set[str]] = {}
    for scope in rules:
        todo, seen = list(rules[scope]), set()
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += rules.get(name, [])
        need(scope not in seen, "configuration_invalid")
        found[scope] = seen
    return found


class Identifier:
    """An exact text or a template."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = TEMPLATE.match(text)
        need(self.parts or not set(text) & set("{}"), "configuration_invalid")
        self.claim = "tid" if self.parts and self.parts[2] == "tenantid" else self.parts and self.parts[2]
        self.key = f"{self.parts[1]}{{{self.claim}}}{self.parts[3]}" if self.parts else text

    def selects(self, iss: str) -> str | None:
        """The value of its claim that iss says; "" for an exact one; None for another issuer."""
        if not self.parts:
            return "" if iss == self.text else None
        before, after = self.parts[1], self.parts[3]
        if len(iss) < len(before) + len(after) or not (iss.startswith(before) and iss.endswith(after)):
            return None
        value = iss[len(before) : len(iss) - len(after)]
        return value if TENANT.match(value) and value not in (".", "..") else None

    def holds(self, claims: dict[str, Any]) -> bool:
        value = self.selects(claims["iss"])
        return value is not None and (not self.claim or claims.get(self.claim) == value)


class Policy:
    """What one issuer's tokens are held against."""

    def __init__(self, config: dict[str, Any], issuer: dict[str, Any]) -> None:
        assert set(issuer) <= OF_ISSUER | OF_BOTH, f"unknown options {set(issuer) - OF_ISSUER - OF_BOTH}"
        bad = "configuration_invalid"

        def effective(name: str) -> Any:
            return config.get(name) if issuer.get(name) is None else issuer[name]

        given = [name for name in SOURCES if issuer.get(name) is not None]
        need(len(given) == 1, bad)
        source = given[0]
        algorithms = as_list(issuer.get("algorithms"))
        if algorithms is None:
            algorithms = ["HS256" if source == "secret" else "RS256"]
        need(algorithms and all(alg in HMAC + ASYMMETRIC for alg in algorithms), bad)
        need(all((alg in HMAC) == (source == "secret") for alg in algorithms), bad)
        self.algorithms = set(algorithms)
        texts = as_list(issuer.get("issuer"))
        need(texts is None or (texts and "" not in texts), bad)
        self.issuers = None if texts is None else [Identifier(text) for text in texts]
        need(not self.issuers or len(self.issuers) == 1 or not any(i.claim for i in self.issuers), bad)
        self.audiences = as_list(effective("audience"))
        need(as_list(config.get("audience")) != [] and "" not in (self.audiences or []), bad)
        self.audiences = self.audiences or None
        self.scopes = as_list(config.get("required_scopes")) or []
        need(len(self.scopes) <= 64 and "" not in self.scopes, bad)
        for name in ("required_claims", "scope_claims", "client_id_claims"):  # also those that are replaced
            demanded(config.get(name) or [])
        self.claims = demanded(effective("required_claims") or [])
        scope_claims, client_claims = as_list(effective("scope_claims")), as_list(effective("client_id_claims"))
        self.scope_claims = check_paths(["scope", "scp"] if scope_claims is None else scope_claims)
        self.client_claims = check_paths(["client_id", "azp", "sub"] if client_claims is None else client_claims)
        self.merge = config.get("merge_scope_claims", False)
        self.includes = closure(config.get("scope_hierarchy") or {})
        self.leeway, self.skew = Fraction(config.get("leeway", 0)), Fraction(config.get("clock_skew", 30))
        need(0 <= self.leeway <= 86400 and 0 <= self.skew <= 86400, bad)
        self.limit = config.get("max_token_bytes", 16384)
        need(1 <= self.limit <= 65536, bad)
        self.type = effective("token_type")
        need(self.type in (None, "at+jwt", "any"), bad)
        self.require_exp = config.get("require_exp", True)
        self.static = source in ("public_key", "secret")
        self.keys = self.load(source, issuer[source])
        need(any(key.algs & self.algorithms for key in self.keys), bad)

    def load(self, source: str, value: Any) -> list[Key]:
        if source == "jwks":
            return key_set(json.dumps(value).encode())
        if source == "jwks_raw":
            return key_set(value.encode())
        if source == "secret":
            return secret_keys(value, self.algorithms)
        try:
            key, pss = pem_key(value)
            algs = algs_of(key)
            return [Key(None, {alg for alg in algs if alg.startswith("PS")} if pss else algs, key)]
        except (BadKey, ValueError, UnsupportedAlgorithm):
            raise Refused("configuration_invalid") from None


def policies(config: dict[str, Any]) -> list[Policy]:
    """Of each issuer one."""
    known = OF_ISSUER | OF_VERIFIER | OF_BOTH
    assert set(config) <= known, f"unknown options {set(config) - known}"
    issuers = config.get("issuers")
    if issuers is None:
        return [Policy(config, {name: config[name] for name in OF_ISSUER if name in config})]
    need(issuers and not any(config.get(name) is not None for name in OF_ISSUER), "configuration_invalid")
    made = [Policy(config, issuer) for issuer in issuers]
    if len(made) > 1:
        need(all(policy.issuers for policy in made), "configuration_invalid")
        keys = [identifier.key for policy in made for identifier in policy.issuers or []]
        need(len(set(keys)) == len(keys), "configuration_invalid")
    return made


# Tokens --------------------------------------------------------------------------------------------------------------


def issuer_of(made: list[Policy], claims: dict[str, Any]) -> Policy:
    """By iss alone, among several."""
    need("iss" in claims, "iss_missing")
    iss = claims["iss"]
    need(isinstance(iss, str), "iss_invalid")
    for template in (False, True):
        for policy in made:
            for identifier in policy.issuers or []:
                if bool(identifier.claim) == template and identifier.selects(iss) is not None:
                    return policy
    raise Refused("issuer_mismatch")


def check_header(policy: Policy, header: dict[str, Any]) -> tuple[str, str | None]:
    """What the issuer's policy says of it."""
    if policy.type != "any":
        accepted = ("at+jwt",) if policy.type else ("jwt", "at+jwt")
        if "typ" in header:
            need(media_type(header["typ"]) in accepted, "token_type_not_allowed")
        else:
            need(policy.type is None, "token_type_not_allowed")
    else:
        need(media_type(header.get("typ", "")) != "token-introspection+jwt", "token_type_not_allowed")
    need("alg" in header, "header_invalid")
    need(header["alg"] in policy.algorithms, "algorithm_not_allowed")
    return header["alg"], header.get("kid")


def choose(policy: Policy, alg: str, kid: str | None) -> Key:
    fitting = [key for key in policy.keys if alg in key.algs]
    if policy.static:
        need(fitting, "key_unsuitable")
        return fitting[0]
    if kid is None:
        need(fitting, "key_not_found")
    else:
        need(any(key.kid == kid for key in policy.keys), "key_not_found")
        fitting = [key for key in fitting if key.kid == kid]
        need(fitting, "key_unsuitable")
    first = fitting[0]
    need(all(key.issuer == first.issuer and same_key(key.key, first.key) for key in fitting), "key_ambiguous")
    return first


def check_time(policy: Policy, claims: dict[str, Any], now: Fraction) -> None:
    latest = now + max(policy.leeway, policy.skew)
    exp = seconds(claims, "exp")
    need(exp is not None or not (policy.require_exp or policy.type == "at+jwt"), "exp_missing")
    need(exp is None or now < exp + policy.leeway, "token_expired")
    nbf = seconds(claims, "nbf")
    need(nbf is None or nbf <= latest, "token_not_yet_valid")
    iat = seconds(claims, "iat")
    need(iat is not None or policy.type != "at+jwt", "claim_missing")
    need(iat is None or iat <= latest, "token_issued_in_future")


def check_issuer(policy: Policy, key: Key, claims: dict[str, Any]) -> None:
    need("iss" in claims or not (policy.issuers or policy.type == "at+jwt"), "iss_missing")
    need("iss" in claims or key.issuer is None, "issuer_mismatch")
    need(isinstance(claims.get("iss", ""), str), "iss_invalid")
    need(policy.issuers is None or any(issuer.holds(claims) for issuer in policy.issuers), "issuer_mismatch")
    if key.issuer is not None:
        try:
            held = Identifier(key.issuer).holds(claims)
        except Refused:
            held = False
        need(held, "issuer_mismatch")


def strings(value: Any, code: str, split: Callable[[str], list[str]]) -> list[str]:
    if isinstance(value, str):
        return split(value)
    need(isinstance(value, list) and all(isinstance(item, str) for item in value), code)
    return list(value)


def client_of(policy: Policy, claims: dict[str, Any]) -> str:
    for path in policy.client_claims:
        value = find(claims, path)
        if value is not ABSENT:
            need(isinstance(value, str), "client_id_invalid")
            if value:
                return str(value)
    return "unknown"


def check_required(policy: Policy, claims: dict[str, Any]) -> None:
    for path, values in policy.claims.items():
        value = find(claims, path)
        need(value is not ABSENT, "claim_missing")
        held = value if isinstance(value, list) else [value]
        need(values is None or {exact(item) for item in held} & {exact(item) for item in values}, "claim_mismatch")


def scopes_of(policy: Policy, claims: dict[str, Any]) -> list[str]:
    present = [value for path in policy.scope_claims if (value := find(claims, path)) is not ABSENT]
    scopes = [
        scope
        for value in (present if policy.merge else present[:1])
        for scope in strings(value, "scope_invalid", lambda text: text.split(" "))
        if scope
    ]
    return list(dict.fromkeys(scopes)) if policy.merge else scopes


def check_claims(policy: Policy, key: Key, claims: dict[str, Any], now: Fraction) -> tuple[list[str], str]:
    """Scopes and client id."""
    check_time(policy, claims, now)
    profile = policy.type == "at+jwt"
    check_issuer(policy, key, claims)
    need("aud" in claims or not (policy.audiences or profile), "aud_missing")
    audiences = strings(claims.get("aud", []), "aud_invalid", lambda text: [text])
    need(
        policy.audiences is None or {folded(one) for one in audiences} & {folded(one) for one in policy.audiences},
        "audience_mismatch",
    )
    need("sub" in claims or not profile, "claim_missing")
    need(isinstance(claims.get("sub", ""), str), "sub_invalid")
    client = client_of(policy, claims)
    for name, code in (("client_id", "client_id_invalid"), ("jti", "jti_invalid")) if profile else ():
        need(name in claims, "claim_missing")
        need(isinstance(claims[name], str), code)
    check_required(policy, claims)
    scopes = scopes_of(policy, claims)
    granted = set(scopes).union(*(policy.includes.get(scope, set()) for scope in scopes))
    need(set(policy.scopes) <= granted, "insufficient_scope")
    return scopes, client


class Verifier:
    """Of one configuration; what it remembers of requests is for those that come later."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Refused with configuration_invalid."""
        self.policies = policies(config)
        first = self.policies[0]
        self.proofs = Proofs(config, first.skew, first.limit)

    def accept(self, token: str, now: float, request: Request | None = None) -> tuple[dict[str, Any], list[str], str]:
        """Claims, scopes and client id, or Refused with the code. With a request its token is read, not the other."""
        scheme = ""
        if request is not None:
            scheme, token = credential(request, self.proofs.with_dpop)
        claims, scopes, client = self.read(token, now)
        self.proofs.check(request, scheme, token, claims, now)
        return claims, scopes, client

    def read(self, token: str, now: float) -> tuple[dict[str, Any], list[str], str]:
        """The token alone, whoever has sent it."""
        made = self.policies
        need(len(token.encode("utf-8", "surrogatepass")) <= made[0].limit, "token_too_large")
        parts = token.split(".")
        decoded = [decode_segment(part) for part in parts]
        if len(parts) != 3 or any(part is None for part in decoded):
            raise Refused("token_malformed")
        raw_header, payload, signature = decoded
        assert raw_header is not None and payload is not None and signature is not None
        header = read_header(raw_header)
        policy = made[0] if len(made) == 1 else issuer_of(made, read_payload(payload))
        alg, kid = check_header(policy, header)
        key = choose(policy, alg, kid)
        need(signature_good(alg, key.key, f"{parts[0]}.{parts[1]}".encode(), signature), "signature_invalid")
        claims = read_payload(payload)
        scopes, client = check_claims(policy, key, claims, Fraction(now))
        return claims, scopes, client
