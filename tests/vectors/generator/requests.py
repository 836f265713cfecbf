"""Requests: which credential they carry, and which binding wants which proof."""

from __future__ import annotations

from typing import Any

from .base import HS, Suite, claims
from .proofs import URL, bound, certificate, certificate_hash, config, jkt, proof, request

PLAIN, TOKEN = HS.token(), bound()
CERTIFIED = HS.token(claims(cnf={"x5t#S256": certificate_hash()}))
BOTH = bound(**{"x5t#S256": certificate_hash()})
MISSING, MALFORMED = "token_missing", "request_malformed"


def headers_only(*headers: list[str], url: str = URL) -> dict[str, Any]:
    return {"method": "POST", "url": url, "headers": [list(one) for one in headers]}


def credentials() -> Suite:
    suite = Suite("requests/credential")

    def add(name: str, description: str, code: str | None, *values: str, options: dict[str, Any] = HS.config, url: str = URL, field: str = "Authorization") -> None:
        suite.add(name, description, PLAIN if values else "", options, code, request=headers_only(*([field, value] for value in values), url=url))

    for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
        add(f"scheme-{scheme}", "the scheme compares without case", None, f"{scheme} {PLAIN}")
    for field in ("authorization", "AUTHORIZATION"):
        add(f"field-{field}", "so does the name of the field", None, f"Bearer {PLAIN}", field=field)
    add("none", "no credential", MISSING)
    for name, value in [("empty", ""), ("basic", "Basic YTpi"), ("digest", "Digest a=b"), ("scheme-only", "Basic"), ("token-only", PLAIN), ("space-before", f" Bearer {PLAIN}"), ("tab", f"Bearer\t{PLAIN}"),
                        ("no-space", f"Bearer{PLAIN}"), ("colon", f"Bearer: {PLAIN}"), ("dpop", f"DPoP {PLAIN}"), ("dpop-lower", f"dpop {PLAIN}"), ("quoted", f'"Bearer" {PLAIN}')]:
        add(f"missing-{name}", "a credential of another kind is none", MISSING, value)
    for field in ("X-Authorization", "Authorization ", "Proxy-Authorization", "Cookie"):
        add(f"missing-field-{field.strip()}-{len(field)}", "another field", MISSING, f"Bearer {PLAIN}", field=field)
    for name, value in [("no-token", "Bearer"), ("no-token-space", "Bearer "), ("two-spaces", f"Bearer  {PLAIN}"), ("space-after", f"Bearer {PLAIN} "), ("two-tokens", f"Bearer {PLAIN} {PLAIN}"),
                        ("joined", f"Bearer {PLAIN}, Bearer {PLAIN}"), ("joined-other", f"Bearer {PLAIN},Basic YTpi"), ("quoted", f'Bearer "{PLAIN}"'), ("parameter", f"Bearer token={PLAIN}"), ("equals", "Bearer ="), ("equals-inside", "Bearer a=b"),
                        ("escape", "Bearer %61"), ("newline", f"Bearer {PLAIN}\n"), ("cr", "Bearer a\rb"), ("semicolon", f"Bearer {PLAIN};"), ("brace", "Bearer {}"), ("backslash", "Bearer a\\b"), ("at", "Bearer a@b")]:
        add(f"malformed-{name}", "not a scheme, one space and one token", MALFORMED, value)
    add("two", "two fields", MALFORMED, f"Bearer {PLAIN}", f"Bearer {PLAIN}")
    add("two-kinds", "two fields of two kinds", MALFORMED, f"Bearer {PLAIN}", "Basic YTpi")
    add("token68", "all that a token may be made of is handed on", "token_malformed", "Bearer AZaz09-._~+/==")
    for name, query in [("alone", "access_token=x"), ("empty", "access_token="), ("name", "access_token"), ("second", "a=b&access_token=x"), ("semicolon", "a=b;access_token=x"), ("escaped", "%61ccess_token=x"), ("escaped-underscore", "access%5ftoken=x"),
                        ("escaped-upper", "access%5Ftoken"), ("after-empty", "&&access_token=x"), ("question", "a?&access_token=x")]:
        add(f"query-{name}", "a token in the query, whatever else there is", MALFORMED, f"Bearer {PLAIN}", url=f"{URL}?{query}")
        add(f"query-{name}-alone", "a token in the query alone", MALFORMED, url=f"{URL}?{query}")
        add(f"query-{name}-path", "the same, of a request's path", MALFORMED, f"Bearer {PLAIN}", url=f"/mcp?{query}")
    for name, query in [("case", "Access_Token=x"), ("longer", "access_token2=x"), ("prefixed", "xaccess_token=x"), ("value", "a=access_token"), ("twice-escaped", "access%255ftoken=x"), ("cut", "access_toke%6"), ("fragment", "a#&access_token=x"), ("space", "access+token=x"), ("question", "a=?access_token=x")]:
        add(f"query-not-{name}", "not a token in the query", None, f"Bearer {PLAIN}", url=f"{URL}?{query}")
    add("no-url", "a URL is needed for DPoP only", None, f"Bearer {PLAIN}", url="")
    return suite


def bindings() -> Suite:
    suite = Suite("requests/binding")
    dpop, ignoring = config(), HS.with_config(sender_constrained="ignore")
    both, required = config(sender_constrained="ignore"), config(dpop={"required": True})
    required_ignoring = config(dpop={"required": True}, sender_constrained="ignore")
    own, other = certificate(), certificate("rsa2048-certificate")
    missing, mismatch, invalid = "proof_missing", "proof_mismatch", "proof_invalid"

    def add(name: str, token: str, scheme: str, code: str | None, options: dict[str, Any], proofs: int = 1, cert: str | None = None, **changes: Any) -> None:
        made = [proof(token, **changes)] * proofs
        more = {} if cert is None else {"client_certificate": cert}
        suite.add(name, f"under {scheme}, {proofs} proofs, {'no' if cert is None else 'a'} certificate", token, options, code, request=request(token, *made, scheme=scheme, **more))

    for label, options in [("plain", HS.config), ("dpop", dpop)]:
        add(f"free-bearer-{label}", PLAIN, "Bearer", None, options, 0)
        add(f"free-bearer-proof-{label}", PLAIN, "Bearer", None, options, 1, "broken")
        add(f"key-bearer-{label}", TOKEN, "Bearer", missing, options, 1)
        add(f"certificate-{label}", CERTIFIED, "Bearer", None, options, 0, own)
        add(f"certificate-none-{label}", CERTIFIED, "Bearer", missing, options, 0)
        add(f"certificate-other-{label}", CERTIFIED, "Bearer", mismatch, options, 0, other)
        add(f"both-bearer-{label}", BOTH, "Bearer", missing, options, 1, own)
        for name, cert in [("text", "broken"), ("empty-block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), ("key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), ("two", own + own),
                           ("two-others", own + other), ("cut", own[:-40]), ("one-line", own.replace("\n", "")), ("escaped", own.replace("\n", "%0A"))]:
            add(f"certificate-{name}-{label}", CERTIFIED, "Bearer", invalid, options, 0, cert)
        add(f"certificate-text-around-{label}", CERTIFIED, "Bearer", None, options, 0, f"subject: x\n{own}\n")
        add(f"certificate-crlf-{label}", CERTIFIED, "Bearer", None, options, 0, own.replace("\n", "\r\n"))
    add("free-dpop-plain", PLAIN, "DPoP", MISSING, HS.config)
    add("key-dpop-plain", TOKEN, "DPoP", MISSING, HS.config)
    add("free-dpop", PLAIN, "DPoP", mismatch, dpop)
    for scheme in ("DPoP", "dpop", "DPOP"):
        add(f"key-{scheme}", TOKEN, scheme, None, dpop)
    add("key-no-proof", TOKEN, "DPoP", missing, dpop, 0)
    add("key-two-proofs", TOKEN, "DPoP", invalid, dpop, 2)
    add("key-wrong-proof", TOKEN, "DPoP", mismatch, dpop, htm="GET")
    add("key-certificate-unread", TOKEN, "DPoP", None, dpop, 1, "broken")
    add("certificate-under-dpop", CERTIFIED, "DPoP", mismatch, dpop, 1, own)
    add("both", BOTH, "DPoP", None, dpop, 1, own)
    add("both-no-proof", BOTH, "DPoP", missing, dpop, 0, own)
    add("both-no-certificate", BOTH, "DPoP", missing, dpop, 1)
    add("both-other-certificate", BOTH, "DPoP", mismatch, dpop, 1, other)
    add("both-wrong-proof", BOTH, "DPoP", mismatch, dpop, 1, own, htm="GET")
    broken = HS.token(claims(cnf={"jwk": {}}))
    add("unknown-binding", broken, "DPoP", "confirmation_invalid", dpop)
    add("unknown-binding-bearer", broken, "Bearer", "confirmation_invalid", dpop, 0)
    for label, options in [("required", required), ("required-ignoring", required_ignoring)]:
        add(f"{label}-key", TOKEN, "DPoP", None, options)
        add(f"{label}-key-bearer", TOKEN, "Bearer", missing, options)
        add(f"{label}-free", PLAIN, "Bearer", missing, options, 0)
        add(f"{label}-free-dpop", PLAIN, "DPoP", mismatch, options)
        add(f"{label}-certificate", CERTIFIED, "Bearer", missing, options, 0, own)
        suite.add(f"{label}-no-request", "a token without a request", PLAIN, options, missing)
    add("ignored-key", TOKEN, "Bearer", None, ignoring, 0)
    add("ignored-certificate", CERTIFIED, "Bearer", None, ignoring, 0, "broken")
    add("ignored-unknown", broken, "Bearer", None, ignoring, 0)
    add("ignored-dpop-unconfigured", TOKEN, "DPoP", MISSING, ignoring)
    add("ignored-both-bearer", BOTH, "Bearer", None, both, 0)
    add("ignored-dpop-proof", TOKEN, "DPoP", None, both)
    add("ignored-dpop-no-proof", TOKEN, "DPoP", missing, both, 0)
    add("ignored-dpop-wrong-proof", TOKEN, "DPoP", mismatch, both, htm="GET")
    add("ignored-dpop-free", PLAIN, "DPoP", mismatch, both)
    add("ignored-dpop-unknown", broken, "DPoP", mismatch, both)
    add("ignored-dpop-both", BOTH, "DPoP", None, both)
    order(suite, dpop)
    return suite


def order(suite: Suite, dpop: dict[str, Any]) -> None:
    """What is wrong with the token comes before what is wrong with the proof."""
    expired = HS.token(claims(cnf={"jkt": jkt()}, exp=1))
    suite.add("order-expired", "an expired token, without a proof", expired, dpop, "token_expired", request=request(expired))
    head, body, _ = TOKEN.split(".")
    forged = f"{head}.{body}." + "A" * 43
    suite.add("order-signature", "a forged token, with a good proof", forged, dpop, "signature_invalid", request=request(forged, proof(forged)))
    suite.add("order-audience", "a token for another service", TOKEN, {**dpop, "audience": "https://other.example"}, "audience_mismatch", request=request(TOKEN, proof(TOKEN)))
    suite.add("order-scope", "a scope that is missing", TOKEN, {**dpop, "required_scopes": ["admin"]}, "insufficient_scope", request=request(TOKEN))
    suite.add("order-size", "a token that is too large", TOKEN, {**dpop, "max_token_bytes": 100}, "token_too_large", request=request(TOKEN, proof(TOKEN)))
    suite.add("order-host", "an expired token, at a host that does not say what the client has asked for", expired, dpop, "configuration_invalid",
              request=request(expired, proof(expired), url="/mcp"))
    other = certificate("rsa2048-certificate")
    suite.add("order-scheme", "another certificate, under a scheme that cannot bring the proof", BOTH, dpop, "proof_missing", request=request(BOTH, scheme="Bearer", client_certificate=other))
    suite.add("order-binding", "no certificate, under a scheme that the token is not bound for", CERTIFIED, dpop, "proof_mismatch", request=request(CERTIFIED))
    suite.add("order-certificate", "another certificate, and no proof", BOTH, dpop, "proof_mismatch", request=request(BOTH, client_certificate=other))
    suite.add("no-request", "a bound token without a request", TOKEN, dpop, "proof_missing")


SUITES = [credentials, bindings]
