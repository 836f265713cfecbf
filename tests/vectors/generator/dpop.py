"""DPoP proofs: every rule of RFC 9449 section 4.3, with what is accepted and what is refused."""

from __future__ import annotations

import json
from typing import Any

from . import keys
from .base import ABSENT, HS, NOW, Suite, claims, dump
from .proofs import ALG, NONCE_SECRET, URL, ath, bound, config, header, jkt, nonce, payload, proof, request, thumbprint
from .sign import pkcs1_encoded, rsa_bytes, rsa_size

TOKEN = bound()
INVALID, MISMATCH, EXPIRED = "proof_invalid", "proof_mismatch", "proof_expired"


def add(suite: Suite, name: str, description: str, made: str, code: str | None = None, token: str = TOKEN,
        options: dict[str, Any] | None = None, now: float = NOW, **changes: Any) -> None:
    suite.add(name, description, token, config() if options is None else options, code, now=now, request=request(token, made, **changes))


def with_header(suite: Suite, name: str, description: str, code: str | None = INVALID, **changes: Any) -> None:
    add(suite, name, description, proof(TOKEN, head=header(**changes)), code)


def headers() -> Suite:
    suite = Suite("dpop/header")
    good = proof(TOKEN)
    add(suite, "good", "a good proof", good)
    for name, text in [("empty", ""), ("one-dot", "a.b"), ("dots", ".."), ("three-dots", good + ".e30"), ("space", good.replace(".", " .", 1)),
                       ("trailing-dot", good + "."), ("no-signature", good.rsplit(".", 1)[0] + "."), ("padded", good + "="),
                       ("cut", good[:-1]), ("quoted", f'"{good}"'), ("joined", f"{good}, {good}"), ("json", "{}"), ("leading-space", " " + good),
                       ("trailing-space", good + " "), ("plus", good[:-2] + "+A"), ("newline", good + "\n")]:
        add(suite, f"form-{name}", "not three segments of canonical base64url", text, INVALID)
    for name, text in [("list", "[]"), ("null", "null"), ("text", '"x"'), ("cut", '{"typ":"dpop+jwt"'), ("trailing", dump(header()) + " x"),
                       ("bom", "\ufeff" + dump(header())), ("twice", dump(header())[:-1] + ',"alg":"ES256"}'), ("twice-jwk", dump(header())[:-1] + ',"jwk":{}}'),
                       ("comment", dump(header())[:-1] + "/**/}"), ("nan", dump(header())[:-1] + ',"a":NaN}'), ("nul", dump(header())[:-1] + ',"a":"\\u0000"}'),
                       ("surrogate", dump(header())[:-1] + ',"a":"\\ud800"}'), ("deep", dump(header())[:-1] + ',"a":' + "[" * 32 + "]" * 32 + "}"),
                       ("many", dump(header())[:-1] + ',"a":[' + ",".join("0" * 600) + "]}"), ("long", dump(header())[:-1] + ',"a":"' + "x" * 12300 + '"}')]:
        add(suite, f"json-{name}", "a header that is no strict JSON object, or a larger one than is read", proof(TOKEN, head=text), INVALID)
    add(suite, "json-spaces", "white space between tokens", proof(TOKEN, head=json.dumps(header(), indent=1)))
    for value in ["DPOP+JWT", "Dpop+jwt", "dpop+JWT", "application/dpop+jwt", "JWT", "jwt", "at+jwt", "dpop", "dpop+jwt ", "", None, 7, True, ["dpop+jwt"], {}]:
        with_header(suite, f"typ-{dump(value)}", "another typ than exactly dpop+jwt", typ=value)
    with_header(suite, "typ-absent", "no typ", typ=ABSENT)
    add(suite, "typ-escaped", "typ, written with an escape", proof(TOKEN, head=dump(header()).replace("dpop+jwt", "dpop\\u002bjwt")))
    for value in ["none", "None", "", "es256", "ES256 ", "ES384", "ES512", "ES256K", "RS256", "PS256", "EdDSA", "Ed25519", "HS256", "RSA1_5", None, 256, ["ES256"]]:
        with_header(suite, f"alg-{dump(value)}", "an algorithm that is none, or is not the key's", alg=value)
    with_header(suite, "alg-absent", "no alg", alg=ABSENT)
    unsigned = ".".join(keys.b64u(dump(part).encode()) for part in (header(alg="none"), payload(TOKEN))) + "."
    add(suite, "alg-none-unsigned", "no signature at all", unsigned, INVALID)
    secret = dump(keys.jwk("p256"))
    add(suite, "alg-hmac-with-jwk", "a MAC whose key is the jwk's own text", proof(TOKEN, head=header(alg="HS256"), alg="HS256", by=secret), INVALID)
    oct_key = {"kty": "oct", "k": keys.b64u(keys.SECRET32.encode())}
    add(suite, "alg-hmac", "a symmetric key", proof(TOKEN, head=header(alg="HS256", jwk=oct_key), alg="HS256", by=keys.SECRET32), INVALID)
    for name, members in [("crit", {"crit": ["exp"]}), ("crit-empty", {"crit": []}), ("crit-null", {"crit": None}), ("crit-b64", {"crit": ["b64"], "b64": True}),
                          ("b64", {"b64": False}), ("b64-true", {"b64": True}), ("zip", {"zip": "DEF"}), ("enc", {"enc": "A128GCM"}), ("cty", {"cty": "JWT"}),
                          ("cty-lower", {"cty": "jwt"}), ("cty-application", {"cty": "application/JWT"}), ("cty-number", {"cty": 7}), ("kid-number", {"kid": 7}),
                          ("kid-null", {"kid": None}), ("kid-list", {"kid": ["k"]})]:
        with_header(suite, f"member-{name}", "a header that asks for what is not supported, or is of the wrong type", **members)
    for name, members in [("kid", {"kid": "k"}), ("cty-json", {"cty": "json"}), ("x5c", {"x5c": ["MIIB"]}), ("jku", {"jku": "https://evil.example/jwks"}),
                          ("x5u", {"x5u": "https://evil.example/x5u"}), ("x5t", {"x5t": "AAAA"}), ("other", {"nonce": "x", "jwks": [], "iat": 1})]:
        with_header(suite, f"ignored-{name}", "a member that is read by nobody", None, **members)
    return suite


def jwks() -> Suite:
    suite = Suite("dpop/key")
    for key in ALG:
        token = bound(key)
        code = INVALID if key == "secp256k1" else None  # not on the list unless it is named
        add(suite, f"good-{key}", "a key of each kind", proof(token, key), code, token)
        add(suite, f"listed-{key}", "by a list of algorithms", proof(token, key), None, token, config(dpop={"algorithms": [ALG[key]]}))
        other = ["PS384"] if key != "p256" else ["ES384", "EdDSA"]
        add(suite, f"unlisted-{key}", "not on the list", proof(token, key), INVALID, token, config(dpop={"algorithms": other}))
    for alg, key in [("RS384", "rsa2048"), ("RS512", "rsa2048"), ("PS256", "rsa2048"), ("PS384", "rsa2048"), ("PS512", "rsa2048"), ("Ed25519", "ed25519")]:
        token = bound(key)
        add(suite, f"good-{alg}", "each algorithm", proof(token, key, head=header(key, alg=alg), alg=alg), None, token)
    for value in [None, 7, "x", [], True, {}]:
        with_header(suite, f"jwk-{dump(value)}", "jwk that is no key", jwk=value)
    with_header(suite, "jwk-absent", "no jwk", jwk=ABSENT)
    with_header(suite, "jwk-elsewhere", "a key in another place", jwk=ABSENT, jwks={"keys": [keys.jwk("p256")]})
    with_header(suite, "x5c-only", "a certificate in place of jwk", jwk=ABSENT, x5c=["MIIB"])
    for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
        for kind, value in [("text", "AAAA"), ("null", None), ("number", 7), ("list", [])]:
            with_header(suite, f"private-{name}-{kind}", "a private member, whatever it holds", jwk=keys.jwk("p256", **{name: value}) | {name: value})
    add(suite, "private-escaped", "a private member, written with an escape",
        proof(TOKEN, head=dump(header(jwk=keys.jwk("p256") | {"@": "AAAA"})).replace('"@"', '"\\u0064"')), INVALID)
    good = keys.jwk("p256")
    for name, changes in [("kty-absent", {"kty": ABSENT}), ("kty-case", {"kty": "ec"}), ("kty-rsa", {"kty": "RSA"}), ("kty-number", {"kty": 1}), ("kty-oct", {"kty": "oct"}),
                          ("crv-absent", {"crv": ABSENT}), ("crv-other", {"crv": "P-384"}), ("crv-case", {"crv": "p-256"}), ("crv-secp256k1", {"crv": "secp256k1"}),
                          ("x-absent", {"x": ABSENT}), ("y-absent", {"y": ABSENT}), ("x-number", {"x": 7}), ("x-padded", {"x": good["x"] + "="}), ("x-short", {"x": good["x"][:-2]}),
                          ("x-long", {"x": "AA" + good["x"]}), ("x-zero", {"x": "A" * 43}), ("off-curve", {"y": good["x"]}), ("swapped", {"x": good["y"], "y": good["x"]}),
                          ("use-enc", {"use": "enc"}), ("use-number", {"use": 7}), ("ops-sign", {"key_ops": ["sign"]}), ("ops-text", {"key_ops": "verify"}), ("ops-empty", {"key_ops": []}),
                          ("ops-number", {"key_ops": ["verify", 7]}), ("alg-other", {"alg": "ES384"}), ("alg-number", {"alg": 7}), ("alg-unknown", {"alg": "ES256X"}), ("kid-number", {"kid": 7})]:
        jwk = {member: value for member, value in {**good, **changes}.items() if value is not ABSENT}
        with_header(suite, f"broken-{name}", "a key that cannot be used", jwk=jwk)
    for name, more in [("use", {"use": "sig"}), ("ops", {"key_ops": ["verify"]}), ("alg", {"alg": "ES256"}), ("kid", {"kid": "k"}), ("ext", {"ext": True}), ("x5c", {"x5c": ["MIIB"]}), ("iss", {"iss": "x"})]:
        with_header(suite, f"member-{name}", "a key that may be used for this", None, jwk={**good, **more})
    rsa(suite)
    for name, jwk in [("ed25519-small", {"kty": "OKP", "crv": "Ed25519", "x": keys.b64u(b"\x01" + bytes(31))}), ("ed25519-zero", {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}),
                      ("x25519", keys.jwk("x25519")), ("ed25519-short", {"kty": "OKP", "crv": "Ed25519", "x": "A" * 42}), ("okp-p256", {**good, "kty": "OKP"})]:
        token = HS.token(claims(cnf={"jkt": thumbprint(jwk)}))
        add(suite, f"okp-{name}", "a key that verifies anything, or nothing", proof(token, "ed25519", head=header("ed25519", jwk=jwk)), INVALID, token)
    whose(suite)
    return suite


def rsa(suite: Suite) -> None:
    """One key has one thumbprint, so its numbers are written in one way; weak ones are refused."""
    good = keys.jwk("rsa2048")
    token = bound("rsa2048")
    zero = {"n": keys.b64u(b"\0" + keys.unb64u(good["n"])), "e": "AAEAAQ"}
    for name, changes in [("n", {"n": zero["n"]}), ("e", {"e": zero["e"]}), ("both", zero), ("e-many", {"e": "AAAAAAEAAQ"})]:
        jwk = {**good, **changes}
        add(suite, f"zeros-{name}", "leading zeros, and the token is bound to the key", proof(token, "rsa2048", head=header("rsa2048", jwk=jwk)), INVALID, token)
        other = HS.token(claims(cnf={"jkt": thumbprint(jwk)}))
        add(suite, f"zeros-{name}-bound", "leading zeros, and the token is bound to that spelling", proof(other, "rsa2048", head=header("rsa2048", jwk=jwk)), INVALID, other)
    for key in ("rsa1024", "rsa2047"):
        jwk = keys.jwk(key)
        weak = HS.token(claims(cnf={"jkt": thumbprint(jwk)}))
        add(suite, f"weak-{key}", "fewer than 2048 bits", proof(weak, "rsa2048", head=header("rsa2048", jwk=jwk), by=key, alg="RS256"), INVALID, weak)
    jwk = {**good, "e": "Aw"}
    weak = HS.token(claims(cnf={"jkt": thumbprint(jwk)}))
    add(suite, "weak-exponent", "an exponent of 3", proof(weak, "rsa2048", head=header("rsa2048", jwk=jwk)), INVALID, weak)
    def loose(message: bytes) -> bytes:
        return rsa_bytes("rsa2048", pkcs1_encoded(message, rsa_size("rsa2048"), trailer=b"x"))
    add(suite, "rsa-encoding", "a signature whose encoding holds more than it should", proof(token, "rsa2048", signer=loose), INVALID, token)


def whose(suite: Suite) -> None:
    """The key is the token's, and it has signed the proof."""
    add(suite, "another-key", "somebody else's key", proof(TOKEN, "p256-other"), MISMATCH)
    add(suite, "another-kind", "a key of another kind", proof(TOKEN, "ed25519"), MISMATCH)
    add(suite, "another-signer", "signed by somebody else", proof(TOKEN, by="p256-other"), INVALID)
    add(suite, "another-signer-of-another-token", "both wrong: whose key it is comes first",
        proof(TOKEN, "p256-other", by="p256"), MISMATCH)
    unbound = HS.token()
    add(suite, "unbound", "a token that is bound to nothing, under the scheme DPoP", proof(unbound), MISMATCH, unbound)
    made = proof(TOKEN)
    head, body, signature = made.split(".")
    for name, text in [("signature-zeros", f"{head}.{body}." + "A" * 86), ("signature-short", f"{head}.{body}." + signature[:40]), ("signature-der", f"{head}.{body}." + keys.b64u(b"\x30\x44" + bytes(68))),
                       ("signature-changed", f"{head}.{body}." + ("A" if signature[0] != "A" else "B") + signature[1:]),
                       ("payload-changed", f"{head}." + keys.b64u(dump(payload(TOKEN, jti="other")).encode()) + f".{signature}"),
                       ("signature-of-token", f"{head}.{body}." + TOKEN.rsplit(".", 1)[1])]:
        add(suite, name, "a signature that is not one of these bytes by this key", text, INVALID)
    add(suite, "token-as-proof", "the access token itself", TOKEN, INVALID)


def with_payload(suite: Suite, name: str, description: str, code: str | None, now: float = NOW, options: Any = None, **changes: Any) -> None:
    add(suite, name, description, proof(TOKEN, **changes), code, options=options, now=now)


def payloads() -> Suite:
    suite = Suite("dpop/payload")
    good = dump(payload(TOKEN))
    for name, text in [("list", "[]"), ("null", "null"), ("cut", good[:-1]), ("trailing", good + "{}"), ("twice", good[:-1] + ',"jti":"b"}'), ("twice-escaped", good[:-1] + ',"\\u006ati":"b"}'),
                       ("bom", "\ufeff" + good), ("infinity", good[:-1] + ',"a":Infinity}'), ("not-utf8", b'{"a":"\xff"}'), ("nul", good[:-1] + ',"a":"\\u0000"}'),
                       ("deep", good[:-1] + ',"a":' + "[" * 32 + "]" * 32 + "}"), ("many", good[:-1] + ',"a":[' + ",".join("0" * 600) + "]}")]:
        add(suite, f"json-{name}", "a payload that is no strict JSON object, or holds more than a proof needs", proof(TOKEN, body=text), INVALID)
    add(suite, "json-more", "other claims", proof(TOKEN, body=good[:-1] + ',"iss":7,"sub":null,"aud":[],"scope":{}}'))
    for name in ("jti", "htm", "htu", "iat", "ath"):
        with_payload(suite, f"{name}-absent", "a claim that must be there", INVALID, **{name: ABSENT})
        for value in [None, True, [], {}, "1" if name == "iat" else 7]:
            with_payload(suite, f"{name}-{dump(value)}", "a claim of the wrong type", INVALID, **{name: value})
    with_payload(suite, "jti-empty", "an empty jti", INVALID, jti="")
    with_payload(suite, "jti-long", "a jti of 256 bytes", None, jti="j" * 256)
    with_payload(suite, "jti-longer", "a jti of 257 bytes", INVALID, jti="j" * 257)
    with_payload(suite, "jti-longer-utf8", "a jti of 258 bytes in 129 characters", INVALID, jti="é" * 129)
    with_payload(suite, "jti-any", "any characters", None, jti='é" \\ \n😀')
    for value in ["post", "Post", "GET", "", "POST ", " POST", "POST,GET", "P\u0000ST", "P\u041eST"]:
        code = INVALID if "\u0000" in value else MISMATCH  # NUL is no part of any JSON text
        with_payload(suite, f"htm-{dump(value)}", "another method", code, htm=value)
    add(suite, "htm-get", "another method, and the request's", proof(TOKEN, htm="GET"), None, method="GET")
    add(suite, "htm-lower", "methods are compared with their case", proof(TOKEN, htm="get"), MISMATCH, method="GET")
    add(suite, "htm-own", "a method that only this server knows", proof(TOKEN, htm="x-Call"), None, method="x-Call")
    other = HS.token(claims(cnf={"jkt": jkt()}, jti="another"))
    for value in ["", ath(other), ath(TOKEN) + "=", ath(TOKEN)[:-1], ath(TOKEN).lower(), "AAAA"]:
        with_payload(suite, f"ath-{value[:6]}-{len(value)}", "not the hash of this token", MISMATCH, ath=value)
    add(suite, "ath-of-another", "a proof for another token of the same key", proof(other), MISMATCH)
    for value in [None, 7, True, [], {}]:
        with_payload(suite, f"nonce-{dump(value)}", "a nonce of the wrong type, where none is asked for", INVALID, nonce=value)
    with_payload(suite, "nonce-any", "a nonce that nobody has asked for", None, nonce="anything")
    times(suite)
    size(suite)
    return suite


def times(suite: Suite) -> None:
    for age, code in [(0, None), (1, None), (299, None), (299.5, None), (300, EXPIRED), (301, EXPIRED), (86400, EXPIRED), (-1, None), (-30, None), (-30.5, EXPIRED), (-31, EXPIRED), (-86400, EXPIRED)]:
        with_payload(suite, f"iat-{age}", "age by the defaults", code, iat=NOW - age)
    for max_age, age, code in [(1, 0.5, None), (1, 1, EXPIRED), (0.5, 0.25, None), (0.5, 0.5, EXPIRED), (86400, 86399, None), (86400, 86400, EXPIRED)]:
        with_payload(suite, f"iat-{age}-of-{max_age}", "age by max_age", code, options=config(dpop={"max_age": max_age}, leeway=100), iat=NOW - age)
    for skew, ahead, code in [(0, 0, None), (0, 0.5, EXPIRED), (60, 60, None), (60, 61, EXPIRED)]:
        with_payload(suite, f"iat-ahead-{ahead}-of-{skew}", "ahead by clock_skew", code, options=config(clock_skew=skew, leeway=100), iat=NOW + ahead)
    for name, text in [("huge", "1e300"), ("text", '"1750000000"'), ("beyond", "9223372036854775808")]:
        body = dump(payload(TOKEN, iat="@")).replace('"@"', text)
        add(suite, f"iat-{name}", "no number of seconds", proof(TOKEN, body=body), INVALID)
    for name, text in [("least", "-9223372036854775808"), ("most", "9223372036854774784"), ("zero", "-0")]:
        body = dump(payload(TOKEN, iat="@")).replace('"@"', text)
        add(suite, f"iat-{name}", "far away", proof(TOKEN, body=body), EXPIRED)
    add(suite, "iat-exponent", "a number is a number", proof(TOKEN, body=dump(payload(TOKEN, iat="@")).replace('"@"', "1.75e9")))
    for name, changes, code in [("exp", {"exp": NOW + 1}, None), ("exp-now", {"exp": NOW}, EXPIRED), ("exp-past", {"exp": NOW - 10}, EXPIRED), ("exp-text", {"exp": "x"}, INVALID), ("exp-null", {"exp": None}, INVALID),
                                ("nbf", {"nbf": NOW}, None), ("nbf-ahead", {"nbf": NOW + 30}, None), ("nbf-far", {"nbf": NOW + 31}, EXPIRED), ("nbf-text", {"nbf": "x"}, INVALID)]:
        with_payload(suite, name, "exp and nbf are obeyed where they are", code, options=config(leeway=100), **changes)


def size(suite: Suite) -> None:
    options = config(max_token_bytes=len(proof(TOKEN)))
    add(suite, "size-max", "as large as a token may be", proof(TOKEN), None, options=options)
    add(suite, "size-more", "larger", proof(TOKEN, jti="proof-one"), INVALID, options=options)


# ---- htu

SAME = [
    ("query", URL, URL + "?a=b"), ("query-of-proof", URL + "?x=y", URL), ("queries", URL + "?a", URL + "?b"), ("fragment", URL + "#f", URL), ("case-scheme", "HTTPS://api.example/mcp", URL),
    ("case-host", "https://API.Example/mcp", URL), ("port", "https://api.example:443/mcp", URL), ("port-of-request", URL, "https://api.example:443/mcp"), ("port-empty", "https://api.example:/mcp", URL),
    ("port-http", "http://api.example:80/", "http://api.example"), ("port-other", "https://api.example:8443/mcp", "https://api.example:8443/mcp"), ("no-path", "https://api.example", "https://api.example/"),
    ("no-path-query", "https://api.example?a", "https://api.example/?b"), ("unreserved", "https://api.example/%6d%63p", URL), ("unreserved-tilde", "https://api.example/%7eu", "https://api.example/~u"),
    ("hex-case", "https://api.example/%e2%82%ac", "https://api.example/%E2%82%AC"), ("dots", "https://api.example/a/../mcp", URL), ("dot", "https://api.example/./mcp", URL), ("dots-escaped", "https://api.example/a/%2e%2E/mcp", URL),
    ("dots-above", "https://api.example/../../mcp", URL), ("slash-escaped", "https://api.example/a%2Fb", "https://api.example/a%2fb"), ("host-escaped", "https://%61pi.example/mcp", URL),
    ("ipv6", "https://[2001:DB8::1]/mcp", "https://[2001:db8::1]:443/mcp"), ("ipv4", "http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp"), ("sub-delims", "https://api.example/a;b=c,d:@!$&'()*+", "https://api.example/a;b=c,d:@!$&'()*+"),
    ("double-slash", "https://api.example//mcp", "https://api.example//mcp"), ("bad-escape-in-query", URL, URL + "?%zz"),
]
DIFFERENT = [
    ("scheme", "http://api.example/mcp"), ("host", "https://api.example.evil/mcp"), ("host-dot", "https://api.example./mcp"), ("subdomain", "https://x.api.example/mcp"), ("port", "https://api.example:8443/mcp"), ("port-80", "https://api.example:80/mcp"),
    ("port-zeros", "https://api.example:0443/mcp"), ("path", "https://api.example/other"), ("path-case", "https://api.example/MCP"), ("path-slash", "https://api.example/mcp/"), ("path-more", "https://api.example/mcp/x"), ("path-less", "https://api.example/"),
    ("path-slashes", "https://api.example//mcp"), ("slash-escaped", "https://api.example%2Fmcp/"), ("twice-escaped", "https://api.example/%256dcp"), ("question-escaped", "https://api.example/mcp%3F"), ("plus", "https://api.example/mcp+"), ("null-escaped", "https://api.example/mcp%00"),
]
NONE = [
    ("empty", ""), ("path", "/mcp"), ("host", "api.example/mcp"), ("relative", "//api.example/mcp"), ("user", "https://user@api.example/mcp"), ("user-password", "https://u:p@api.example/mcp"), ("user-empty", "https://@api.example/mcp"),
    ("escape", "https://api.example/%zz"), ("escape-cut", "https://api.example/%4"), ("escape-percent", "https://api.example/100%"), ("not-ascii", "https://api.example/é"), ("not-ascii-host", "https://ápi.example/mcp"), ("space", "https://api.example/a b"),
    ("space-before", " " + URL), ("space-after", URL + " "), ("tab", "https://api.example/\tmcp"), ("newline", URL + "\n"), ("backslash", "https://api.example\\mcp"), ("quote", 'https://api.example/"'), ("angle", "https://api.example/<mcp>"),
    ("brace", "https://api.example/{mcp}"), ("pipe", "https://api.example/a|b"), ("no-host", "https:///mcp"), ("one-slash", "https:/api.example/mcp"), ("port-text", "https://api.example:https/mcp"), ("port-sign", "https://api.example:+443/mcp"), ("ftp", "ftp://api.example/mcp"),
    ("wss", "wss://api.example/mcp"), ("javascript", "javascript:alert(1)"), ("urn", "urn:api:mcp"), ("bracket", "https://[::1/mcp"), ("bracket-text", "https://[api]/mcp"), ("zone", "https://[fe80::1%25eth0]/mcp"), ("two-ports", "https://api.example:443:443/mcp"), ("long", "https://api.example/" + "a" * 8200),
]


def uris() -> Suite:
    suite = Suite("dpop/uri")
    for name, htu, url in SAME:
        add(suite, f"same-{name}", "one URI in two spellings", proof(TOKEN, htu=htu), None, url=url)
    for name, htu in DIFFERENT:
        add(suite, f"different-{name}", "another URI", proof(TOKEN, htu=htu), MISMATCH)
    for name, htu in NONE:
        add(suite, f"none-{name}", "no absolute http URI", proof(TOKEN, htu=htu), INVALID)
    for name, url in [("user", "https://evil@api.example/mcp"), ("escape", "https://api.example/%zz"), ("other", "https://internal:8080/mcp"), ("wss", "wss://api.example/mcp")]:
        add(suite, f"request-{name}", "a request to another place, or to none that can be compared", proof(TOKEN), MISMATCH, url=url)
    for name, url in [("path", "/mcp"), ("empty", "")]:
        add(suite, f"request-{name}", "a host that does not say what the client sees", proof(TOKEN), "configuration_invalid", url=url)
    return suite


# ---- once


def step(made: str, code: str | None, now: float = NOW, token: str = TOKEN, **changes: Any) -> dict[str, Any]:
    built: dict[str, Any] = {"token": token, "request": request(token, made, **changes), "now": now, "expect": "accept" if code is None else "reject"}
    return built if code is None else {**built, "code": code}


def sequence(suite: Suite, name: str, description: str, options: dict[str, Any], *steps: dict[str, Any]) -> None:
    suite.cases.append({"id": f"{suite.prefix}.{name}", "description": description, "config": options, "steps": list(steps)})


def replays() -> Suite:
    suite = Suite("dpop/replay")
    replayed = "proof_replayed"
    one, same_jti, other_jti = proof(TOKEN), proof(TOKEN, iat=NOW + 1), proof(TOKEN, jti="proof-2")
    sequence(suite, "once", "a proof is good once", config(), step(one, None), step(one, replayed), step(one, replayed, NOW + 299), step(one, EXPIRED, NOW + 300))
    sequence(suite, "another-jti", "another jti is another proof", config(), step(one, None), step(other_jti, None), step(one, replayed), step(other_jti, replayed))
    sequence(suite, "same-jti", "the same jti in another proof of the key", config(), step(one, None), step(same_jti, replayed), step(same_jti, replayed, NOW + 200))
    sequence(suite, "later", "the same jti when the first proof is too old", config(dpop={"max_age": 10}), step(one, None), step(proof(TOKEN, iat=NOW + 9), replayed, NOW + 9), step(proof(TOKEN, iat=NOW + 10), None, NOW + 10),
             step(proof(TOKEN, iat=NOW + 10), replayed, NOW + 19))
    other = bound("ed25519")
    sequence(suite, "another-key", "the same jti of another key", config(), step(one, None), step(proof(other, "ed25519"), None, token=other), step(one, replayed))
    spelled = proof(TOKEN, body=dump(payload(TOKEN)).replace("proof-1", "\\u0070roof-1"))
    sequence(suite, "spelled", "the same jti, written with an escape", config(), step(one, None), step(spelled, replayed))
    again = HS.token(claims(cnf={"jkt": jkt()}, jti="again"))
    sequence(suite, "another-token", "the same jti for another token of the key", config(), step(one, None), step(proof(again), replayed, token=again))
    sequence(suite, "refused", "a refusal uses nothing up", config(), step(one, MISMATCH, method="GET"), step(one, MISMATCH, url=URL + "/x"), step(one, EXPIRED, NOW + 300), step(one, None), step(one, replayed))
    sequence(suite, "refused-signature", "nor does a proof with a wrong signature", config(), step(proof(TOKEN, by="p256-other"), INVALID), step(one, None))
    scoped = config(required_scopes=["read"])
    sequence(suite, "refused-token", "nor a token that is refused", config(audience="https://other.example"), step(one, "audience_mismatch"), step(one, "audience_mismatch"))
    sequence(suite, "accepted-token", "a token from the cache needs a new proof each time", scoped, step(one, None), step(one, replayed), step(other_jti, None))
    jtis = [proof(TOKEN, jti=f"n{i}") for i in range(4)]
    sequence(suite, "capacity", "beyond the capacity the oldest goes", config(dpop={"replay_capacity": 3}), *(step(made, None) for made in jtis), step(jtis[3], replayed), step(jtis[1], replayed), step(jtis[0], None), step(jtis[1], None))
    sequence(suite, "capacity-one", "a capacity of one", config(dpop={"replay_capacity": 1}), step(jtis[0], None), step(jtis[0], replayed), step(jtis[1], None), step(jtis[0], None))
    ahead = proof(TOKEN, iat=NOW + 30)
    sequence(suite, "ahead", "a proof from a clock that is ahead is remembered for longer", config(dpop={"max_age": 10}), step(ahead, None), step(ahead, replayed, NOW + 20), step(ahead, replayed, NOW + 39.5), step(ahead, EXPIRED, NOW + 40))
    many = [proof(TOKEN, "p256", jti=f"m{i}") for i in range(40)]
    sequence(suite, "many", "a key that comes again and again, whatever verifies it by then", config(), *(step(made, None) for made in many), *(step(made, replayed) for made in many[:3]), step(proof(TOKEN, by="p256-other"), INVALID))
    return suite


def nonces() -> Suite:
    suite = Suite("dpop/nonce")
    needed = "proof_nonce_required"
    options = config(dpop={"nonce_secret": NONCE_SECRET})
    add(suite, "good", "the nonce of this minute", proof(TOKEN, nonce=nonce()), None, options=options)
    for minutes, code in [(-4, needed), (-3, needed), (-2, None), (-1, None), (0, None), (1, needed), (2, needed)]:
        add(suite, f"minutes-{minutes}", "good in its minute and in the two after it", proof(TOKEN, nonce=nonce(NOW + 60 * minutes)), code, options=options)
    for name, value in [("absent", ABSENT), ("empty", ""), ("text", "nonce"), ("another-secret", nonce(secret=NONCE_SECRET[::-1])), ("cut", nonce()[:-1]), ("longer", nonce() + "A"), ("padded", nonce() + "="),
                        ("lower", nonce().lower()), ("changed", nonce()[:-1] + ("A" if nonce()[-1] != "A" else "B")), ("zeros", "A" * 32), ("window-changed", "B" + nonce()[1:])]:
        add(suite, f"none-{name}", "no nonce of this server", proof(TOKEN, nonce=value), needed, options=options)
    for value in [None, 7, [], {}, True]:
        add(suite, f"type-{dump(value)}", "of the wrong type", proof(TOKEN, nonce=value), INVALID, options=options)
    for name, changes, code in [("htm", {"htm": "GET"}, MISMATCH), ("htu", {"htu": URL + "/x"}, MISMATCH), ("iat", {"iat": NOW - 300}, EXPIRED), ("ath", {"ath": "x"}, MISMATCH), ("jti", {"jti": ABSENT}, INVALID)]:
        add(suite, f"last-{name}", "what else is wrong comes first", proof(TOKEN, **changes), code, options=options)
    add(suite, "last-key", "what else is wrong comes first", proof(TOKEN, "p256-other"), MISMATCH, options=options)
    without, with_nonce = proof(TOKEN), proof(TOKEN, nonce=nonce())
    sequence(suite, "handshake", "asked for, then given, with the same jti", options, step(without, needed), step(with_nonce, None), step(with_nonce, "proof_replayed"), step(without, "proof_replayed"),
             step(with_nonce, "proof_replayed", NOW + 200))
    for name, secret in [("short", "x" * 31), ("empty", "")]:
        add(suite, f"secret-{name}", "a secret of fewer than 32 bytes", proof(TOKEN), "configuration_invalid", options=config(dpop={"nonce_secret": secret}))
    return suite


def options() -> Suite:
    suite = Suite("dpop/options")
    for name, value in [("zero", 0), ("negative", -1), ("more", 86401)]:
        add(suite, f"max-age-{name}", "max_age", proof(TOKEN), "configuration_invalid", options=config(dpop={"max_age": value}))
    for name, value in [("hmac", ["HS256"]), ("none", ["none"]), ("unknown", ["ES256", "ES257"]), ("empty", [])]:
        add(suite, f"algorithms-{name}", "algorithms", proof(TOKEN), "configuration_invalid", options=config(dpop={"algorithms": value}))
    for name, value in [("zero", 0), ("more", 16777217)]:
        add(suite, f"capacity-{name}", "replay_capacity", proof(TOKEN), "configuration_invalid", options=config(dpop={"replay_capacity": value}))
    add(suite, "capacity-most", "replay_capacity", proof(TOKEN), None, options=config(dpop={"replay_capacity": 16777216}))
    add(suite, "all", "all of them", proof(TOKEN, nonce=nonce()), None,
        options=config(dpop={"max_age": 60, "required": True, "algorithms": ["ES256"], "nonce_secret": NONCE_SECRET, "replay_capacity": 100}))
    return suite


# ---- the RFCs' own examples

# RFC 9449 figures 2 and 12: proofs of one key, whose thumbprint is printed in figure 16.
RFC9449_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
RFC9449_HEADER = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR"
    "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
RFC9449_TOKEN_REQUEST = (
    RFC9449_HEADER + ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ"
    ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RFC9449_RESOURCE = (
    RFC9449_HEADER + ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2"
    "MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC9449_TIME = 1562262618
RFC9449_PLACE = "https://resource.example.org/protectedresource"
# RFC 7638 section 3.1.
RFC7638_JWK = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W"
    "-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdk"
    "t-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def rfc() -> Suite:
    """The private keys are not printed, so no token of ours can be proved with them; how far a proof comes tells."""
    suite = Suite("dpop/rfc")
    token = HS.token(claims(cnf={"jkt": RFC9449_JKT}, iat=RFC9449_TIME - 60, exp=RFC9449_TIME + 3600))
    def at(name: str, description: str, made: str, code: str, **changes: Any) -> None:
        add(suite, name, description, made, code, token, now=changes.pop("now", RFC9449_TIME), **changes)
    at("9449-resource", "figure 12: key, signature, method, place and time are right; its token was another", RFC9449_RESOURCE, MISMATCH, method="GET", url=RFC9449_PLACE)
    at("9449-resource-method", "figure 12: another method", RFC9449_RESOURCE, MISMATCH, method="POST", url=RFC9449_PLACE)
    at("9449-resource-late", "figure 12: five minutes later", RFC9449_RESOURCE, EXPIRED, now=RFC9449_TIME + 300, method="GET", url=RFC9449_PLACE)
    at("9449-resource-changed", "figure 12: with another signature", RFC9449_RESOURCE[:-2] + "AA", INVALID, method="GET", url=RFC9449_PLACE)
    at("9449-token-request", "figure 2: a proof for a token endpoint has no ath", RFC9449_TOKEN_REQUEST, INVALID, url="https://server.example.com/token")
    other = HS.token(claims(cnf={"jkt": jkt()}, iat=RFC9449_TIME - 60, exp=RFC9449_TIME + 3600))
    add(suite, "9449-another-key", "figure 12: for a token of another key", RFC9449_RESOURCE, MISMATCH, other, now=RFC9449_TIME, method="GET", url=RFC9449_PLACE)
    key = HS.token(claims(cnf={"jkt": RFC7638_THUMBPRINT}))
    head = header("rsa2048", jwk=RFC7638_JWK)
    add(suite, "7638", "the key is the token's, by its thumbprint; the signature is somebody else's", proof(key, "rsa2048", head=head), INVALID, key)
    wrong = HS.token(claims(cnf={"jkt": RFC7638_THUMBPRINT[:-1] + "w"}))
    add(suite, "7638-another", "another thumbprint is another key", proof(wrong, "rsa2048", head=head), MISMATCH, wrong)
    return suite


SUITES = [headers, jwks, payloads, uris, replays, nonces, options, rfc]
