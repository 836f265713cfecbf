"""Keys and tokens for all contenders, as JSON on standard output. Run by a Python that has this package.

Of every algorithm: tokens of some 500 bytes of claims, and bad ones (probes) of which a verifier that is set up to
check signature, exp, iss and aud, and reads RFC 7515 and 7519, should take none. Of RS256 also large tokens, with as
many more claims as fit ("large"); of ES256 a set of 100 keys, and tokens of many of them ("set").
"""

import json
import sys
import time

from fastbearer import KeyPair

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example/mcp"
TOKENS = 64
SIZES = {"2 KiB": 2048, "8 KiB": 8192, "16 KiB": 16384}
KEYS = 100


def claims(number):
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "aud": [AUDIENCE, "https://api.example"],
        "iat": now,
        "nbf": now,
        "exp": now + 6 * 3600,
        "client_id": "b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10",
        "azp": "b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10",
        "scope": "openid profile email tools:read tools:write",
        "email": "someone.with.a.name@customers.example",
        "org_id": "org_5fJ2kLmN8pQrStUv",
        "name": "Someone With A Name",
        "jti": f"token-{number:04d}",
    }


def large(pair, header, size):
    """Tokens of at most that size, and less by a claim."""

    def sign(number, more):
        added = {f"claim_{index:03d}": f"value-{number:03d}-{index:03d}" for index in range(more)}
        return pair.sign(header, json.dumps({**claims(number), **added}, separators=(",", ":")))

    bare = len(sign(0, 0))
    each = (len(sign(0, 100)) - bare) / 100
    return [sign(number, int((size - bare) / each)) for number in range(TOKENS)]


def key_set():
    """A set of many keys: as a JWKS, as PEMs, and tokens of as many of them as there are."""
    pairs = {f"key-{number:03d}": KeyPair.generate("ES256") for number in range(KEYS)}
    keys = [key for kid, pair in pairs.items() for key in pair.jwks(kid)["keys"]]
    headers = {kid: json.dumps({"alg": "ES256", "typ": "JWT", "kid": kid}) for kid in pairs}
    return {
        "jwks": {"keys": keys},
        "pems": {kid: pair.public_key for kid, pair in pairs.items()},
        "tokens": [
            pair.sign(headers[kid], json.dumps(claims(number)))
            for number, (kid, pair) in zip(range(TOKENS), pairs.items())
        ],
    }


def probes(pair, header):
    good = claims(0)
    far = good["iat"] + 3600

    def sign(changes, **more):
        changed = {**good, **changes}
        payload = {name: value for name, value in changed.items() if value is not None}
        return pair.sign(json.dumps({**header, **more}), json.dumps(payload))

    head, body, signature = sign({}).split(".")
    return {
        "a wrong signature": f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        "an expired token": sign({"exp": good["iat"] - 300}),
        "another issuer": sign({"iss": "https://other.example"}),
        "another audience": sign({"aud": "https://other.example"}),
        "no exp": sign({"exp": None}),
        "no iss": sign({"iss": None}),
        "no aud": sign({"aud": None}),
        "future nbf": sign({"nbf": far}),
        "future iat": sign({"iat": far}),
        "unknown crit": sign({}, crit=["what"], what=1),
    }


def main():
    out = {}
    for alg in ("RS256", "ES256", "EdDSA", "HS256"):
        header = {"alg": alg, "typ": "JWT"}
        if alg.startswith("HS"):
            key = "0123456789abcdef0123456789abcdef-secret"
            pair = KeyPair(private_key=key, algorithm=alg)
        else:
            pair = KeyPair.generate(alg)
            key = pair.public_key
        header["kid"] = "k1"
        out[alg] = {
            "key": key,
            "jwks": None if alg.startswith("HS") else pair.jwks("k1"),
            "tokens": [pair.sign(json.dumps(header), json.dumps(claims(n))) for n in range(TOKENS)],
            "probes": probes(pair, header),
        }
        if alg == "RS256":
            out[alg]["large"] = {name: large(pair, json.dumps(header), size) for name, size in SIZES.items()}
        if alg == "ES256":
            out[alg]["set"] = key_set()
    json.dump(out, sys.stdout)


main()
