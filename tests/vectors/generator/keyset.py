"""Which key of a set: kid, fit, ambiguity; and what is a set at all (RFC 7517 section 5, RFC 7515 section 4.1.4)."""

from __future__ import annotations

from typing import Any

from . import keys
from .alg import ISSUERS
from .base import ABSENT, AUDIENCE, ED, ES, ISSUER, RS, Issuer, Suite, claims, dump

NOT_FOUND, AMBIGUOUS, UNSUITABLE, CONFIG = "key_not_found", "key_ambiguous", "key_unsuitable", "configuration_invalid"
OTHER = Issuer("ES256", "p256-other")


def of(*members: Any, algorithms: Any = "ES256", **config: Any) -> dict[str, Any]:
    return {"jwks": keys.jwks(*members), "algorithms": algorithms, **config}


def kid() -> Suite:
    suite = Suite("keyset/kid")
    a, b = keys.jwk("p256", kid="a"), keys.jwk("p256-other", kid="b")
    two = of(a, b)
    suite.add("first", "the kid names the first key", ES.token(kid="a"), two)
    suite.add("second", "the kid names the second key", OTHER.token(kid="b"), two)
    suite.add("wrong-one", "the kid names the other key", ES.token(kid="b"), two, "signature_invalid")
    suite.add("unknown", "nobody has this kid", ES.token(kid="c"), two, NOT_FOUND)
    suite.add("unknown-one-key", "nobody has this kid, and there is only one key", ES.token(kid="c"), of(a), NOT_FOUND)
    suite.add("absent-one", "no kid, one key", ES.token(), of(a))
    suite.add("absent-two", "no kid, two keys that fit", ES.token(), two, AMBIGUOUS)
    suite.add("absent-two-good-first", "no kid, two keys that fit: none is tried", ES.token(), of(a, b), AMBIGUOUS)
    suite.add("key-without-kid", "the token has a kid, the only key has none", ES.token(kid="a"), of(keys.jwk("p256")), NOT_FOUND)
    suite.add("key-without-kid-beside", "the token's kid picks the key that has it",
              ES.token(kid="a"), of(a, keys.jwk("p256-other")))
    for name, value in [("upper", "A"), ("space", "a "), ("space-first", " a"), ("more", "aa"), ("empty", ""), ("tab", "a\t"),
                        ("newline", "a\n"), ("url", "https://issuer.example/jwks#a"), ("full-width", "\uff41")]:
        suite.add(f"exact-{name}", f"kid {value!r} is not 'a'", ES.token(kid=value), of(a), NOT_FOUND)
    for name, value in [("path", "../../../../dev/null"), ("absolute", "/etc/passwd"), ("sql", "' OR '1'='1"),
                        ("command", "$(id)"), ("format", "%s%n%x"), ("url", "http://169.254.169.254/"), ("long", "k" * 4000),
                        ("unicode", "\U0001f511"), ("proto", "__proto__"), ("constructor", "constructor")]:
        suite.add(f"hostile-{name}", f"kid {value[:30]!r} is text to compare, nothing else", ES.token(kid=value), of(a), NOT_FOUND)
        suite.add(f"hostile-{name}-there", f"kid {value[:30]!r} is found when a key is called so", ES.token(kid=value),
                  of(keys.jwk("p256", kid=value), b))
    suite.add("escaped", "the kid written with an escape", ES.token(header='{"alg":"ES256","kid":"\\u0061"}'), two)
    suite.add("normal-form", "e and a combining accent are not the letter with accent", ES.token(kid="e\u0301"),
              of(keys.jwk("p256", kid="\u00e9")), NOT_FOUND)
    suite.add("empty-there", "a key whose kid is empty", ES.token(kid=""), of(keys.jwk("p256", kid=""), b))
    pem = {"public_key": keys.pem("p256"), "algorithms": "ES256"}
    for value in ("a", "", "unknown"):
        suite.add(f"pem-{value or 'empty'}", "with a PEM the kid has nothing to choose from", ES.token(kid=value), pem)
    secret = ISSUERS["HS256"]
    suite.add("secret", "with a secret neither", secret.token(kid="x"), secret.config)
    return suite


def choice() -> Suite:
    suite = Suite("keyset/choice")
    es, rs, ed = keys.jwk("p256"), keys.jwk("rsa2048"), keys.jwk("ed25519")
    every = ["RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA"]
    suite.add("no-kid-by-type", "no kid: the only key of the type", ES.token(), of(rs, es, ed, algorithms=every))
    suite.add("no-kid-by-curve", "no kid: the only key of the curve", ES.token(), of(keys.jwk("p384"), es, algorithms=every))
    suite.add("no-kid-by-alg", "no kid: the only key whose alg agrees", RS.token(),
              of(keys.jwk("rsa2048", alg="RS256"), keys.jwk("rsa2048-other", alg="RS384"), algorithms=every))
    suite.add("no-kid-by-use", "no kid: the only key for signatures", RS.token(),
              of(keys.jwk("rsa2048-other", use="enc"), keys.jwk("rsa2048", use="sig"), algorithms=every))
    suite.add("no-kid-none", "no kid, no key of the type", ES.token(), of(rs, ed, algorithms=every), NOT_FOUND)
    suite.add("no-kid-two", "no kid, two keys of the type", RS.token(),
              of(rs, keys.jwk("rsa2048-other"), es, algorithms=every), AMBIGUOUS)
    suite.add("no-kid-same-twice", "no kid, one key twice: it is one key", RS.token(), of(rs, rs, algorithms=every))
    suite.add("kid-other-type", "the kid names a key of another type", RS.token(kid="k"),
              of(keys.jwk("p256", kid="k"), rs, algorithms=every), UNSUITABLE)
    suite.add("kid-other-curve", "the kid names a key of another curve", ES.token(kid="k"),
              of(keys.jwk("p384", kid="k"), es, algorithms=every), UNSUITABLE)
    suite.add("kid-other-alg", "the kid names a key for another algorithm", RS.token(kid="k"),
              of(keys.jwk("rsa2048", kid="k", alg="PS256"), algorithms=every), UNSUITABLE)
    suite.add("kid-enc", "the kid names a key for encryption", RS.token(kid="k"),
              of(keys.jwk("rsa2048", kid="k", use="enc"), es, algorithms=every), UNSUITABLE)
    suite.add("kid-broken", "the kid names a key that cannot be used", ES.token(kid="k"),
              of(keys.jwk("p256", kid="k", y="AAAA"), rs, algorithms=every), UNSUITABLE)
    suite.add("kid-unknown-type", "the kid names a key of an unknown type", ES.token(kid="k"),
              of({"kty": "AKP", "kid": "k"}, rs, algorithms=every), UNSUITABLE)
    for name, second in [("type", keys.jwk("rsa2048", kid="k")), ("use", keys.jwk("p256-other", kid="k", use="enc")),
                         ("alg", keys.jwk("p384", kid="k")), ("key_ops", keys.jwk("p256-other", kid="k", key_ops=["sign"])),
                         ("broken", keys.jwk("p256", kid="k", x="AAAA")), ("kty", {"kty": "new", "kid": "k"})]:
        for order in (0, 1):
            pair = [keys.jwk("p256", kid="k"), second][:: 1 if order == 0 else -1]
            suite.add(f"kid-twice-{name}-{order}", f"two keys with one kid, of which the other differs in {name}: not ambiguous",
                      ES.token(kid="k"), of(*pair, algorithms=every))
    suite.add("kid-twice", "two keys that fit with one kid", ES.token(kid="k"),
              of(keys.jwk("p256", kid="k"), keys.jwk("p256-other", kid="k")), AMBIGUOUS)
    suite.add("kid-twice-same", "one key twice under one kid: it is one key", ES.token(kid="k"),
              of(keys.jwk("p256", kid="k"), keys.jwk("p256", kid="k")))
    suite.add("kid-twice-same-other-members", "one key twice, once for one algorithm only: it is one key",
              RS.token(kid="k"), of(keys.jwk("rsa2048", kid="k"), keys.jwk("rsa2048", kid="k", alg="RS256", use="sig"),
                                    algorithms=every))
    suite.add("kid-thrice", "one key twice, and another one under the same kid", ES.token(kid="k"),
              of(keys.jwk("p256", kid="k"), keys.jwk("p256", kid="k"), keys.jwk("p256-other", kid="k")), AMBIGUOUS)
    suite.add("kid-twice-neither", "two keys with one kid, neither fits", ES.token(kid="k"),
              of(keys.jwk("rsa2048", kid="k"), keys.jwk("p384", kid="k"), algorithms=every), UNSUITABLE)
    suite.add("kid-twice-other", "two keys with one kid, the token names a third", ES.token(kid="good"),
              of(keys.jwk("p256-other", kid="k"), keys.jwk("p384", kid="k"), keys.jwk("p256", kid="good"), algorithms=every))
    suite.add("okp", "Ed25519 and Ed448 both fit EdDSA", ED.token(), of(ed, keys.jwk("ed448"), algorithms=every), AMBIGUOUS)
    suite.add("okp-named", "Ed25519 alone fits its own name", ISSUERS["Ed25519"].token(),
              of(ed, keys.jwk("ed448"), algorithms=["Ed25519", "Ed448"]))
    suite.add("okp-named-448", "Ed448 alone fits its own name", ISSUERS["Ed448"].token(),
              of(ed, keys.jwk("ed448"), algorithms=["Ed25519", "Ed448"]))
    return suite


def documents() -> Suite:
    suite = Suite("keyset/document")
    key = keys.jwk("p256", kid="k")
    token = ES.token(kid="k")

    def many(count: int) -> list[Any]:
        filler = [keys.jwk("ed25519", kid=f"n{i}") for i in range(count - 1)]
        return [*filler, key]

    suite.add("plain", "an object with an array keys", token, of(key))
    suite.add("more-members", "other members of the document are ignored", token,
              {"jwks": {"keys": [key], "issuer": "x", "next": None, "version": 1}, "algorithms": "ES256"})
    for count in (2, 50, 100):
        suite.add(f"count-{count}", f"{count} keys", token, of(*many(count)))
    suite.add("count-101", "101 keys", token, of(*many(101)), CONFIG)
    suite.add("count-101-unusable", "101 keys, one of them usable", token,
              of(key, *({"kty": "x"} for _ in range(100))), CONFIG)
    suite.add("count-100-unusable", "100 keys, one of them usable", token, of(key, *({"kty": "x"} for _ in range(99))))
    for name, value in [("empty", []), ("object", {"k": key}), ("null", None), ("string", dump(key)), ("number", 1), ("true", True)]:
        suite.add(f"keys-{name}", f"keys: {name}", token, {"jwks_raw": dump({"keys": value}), "algorithms": "ES256"}, CONFIG)
    for name, text in [("no-keys", "{}"), ("bare-key", dump(key)), ("array", dump([key])), ("Keys", dump({"Keys": [key]})),
                       ("empty-text", ""), ("html", "<!DOCTYPE html><html></html>"), ("error", '{"error":"not found"}'),
                       ("pem", keys.pem("p256")), ("url", "https://issuer.example/.well-known/jwks.json"),
                       ("jwks-in-string", dump(dump({"keys": [key]})))]:
        suite.add(f"text-{name}", f"the document: {name}", token, {"jwks_raw": text, "algorithms": "ES256"}, CONFIG)
    for name, member in [("null", None), ("string", "x"), ("number", 1), ("array", [key]), ("empty", {}), ("true", True)]:
        suite.add(f"member-{name}", f"a member of keys is no key ({name}): it is skipped", token, of(member, key, member))
        suite.add(f"member-{name}-alone", f"nothing but a member that is no key ({name})", token, of(member), CONFIG)
    suite.add("all-unusable", "no usable key", token, of({"kty": "x"}, keys.jwk("rsa1024"), keys.jwk("p256", use="enc")), CONFIG)
    suite.add("one-of-unusable", "one usable key among others that are not", token,
              of({"kty": "x"}, keys.jwk("rsa1024"), keys.jwk("x25519"), key, keys.jwk("p256-other", use="enc", kid="k")))
    suite.add("order", "the order of a key's members is free", token,
              {"jwks_raw": dump({"keys": [dict(reversed(list(key.items())))]}), "algorithms": "ES256"})
    suite.add("pretty", "white space", token, {"jwks_raw": __import__("json").dumps({"keys": [key]}, indent=4), "algorithms": "ES256"})
    pem = keys.pem("p256")
    both = {"issuer": ISSUER, "audience": AUDIENCE, "algorithms": "ES256"}
    suite.add("two-sources", "a PEM and a key set", token, {"public_key": pem, "jwks": keys.jwks(key), **both}, CONFIG)
    suite.add("two-sources-secret", "a PEM and a secret", token, {"public_key": pem, "secret": keys.SECRET32, **both}, CONFIG)
    suite.add("two-sources-jwks-secret", "a key set and a secret", token,
              {"jwks": keys.jwks(key), "secret": keys.SECRET32, **both}, CONFIG)
    suite.add("no-source", "no key at all, and no issuer to ask for one", token, {**both, "issuer": None}, CONFIG)
    suite.add("no-source-none", "no key at all, for an unsecured token", ES.token(alg="none", typ=ABSENT), {}, CONFIG)
    suite.add("one-source", "exactly one of them", token, {"public_key": pem, **both}, claims=claims())
    return suite


SUITES = [kid, choice, documents]
