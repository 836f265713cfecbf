"""One case and more for each known class of bug in verifiers of JWTs; the id names the advisory."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import keys
from .base import ABSENT, ED, ES, HS, ISSUER, NOW, RS, Issuer, Suite, claims, dump, signed
from .sign import ecdsa, pkcs1_encoded, pss, rsa_bytes, sign

CONFIG, ALG, SIG, MALFORMED = "configuration_invalid", "algorithm_not_allowed", "signature_invalid", "token_malformed"
RSA_SET = {"jwks": keys.jwks(keys.jwk("rsa2048", kid="k")), "algorithms": ["RS256"]}


def unsecured(token: str) -> str:
    return token.rsplit(".", 1)[0] + "."


def by_secret(secret: str, alg: str = "HS256") -> str:
    return signed({"alg": alg, "typ": "JWT", "kid": "k"}, claims(), alg, secret)


def algorithm() -> Suite:
    suite = Suite("cve/algorithm")
    pem, der_pem = keys.pem("rsa2048"), keys.armour(keys.pkcs1("rsa2048"), "RSA PUBLIC KEY")
    ssh = keys.public("p256").public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    jwk = dump(keys.jwk("rsa2048", kid="k"))
    none = unsecured(RS.token(alg="none"))
    for name, token, config, code in [
        ("CVE-2015-2951", none, RS.config, MALFORMED),
        ("CVE-2015-9235", by_secret(pem), RS.config, ALG),
        ("CVE-2016-10555", by_secret(pem.strip()), RS.config, ALG),
        ("CVE-2026-28802", none, RSA_SET, MALFORMED),
        ("CVE-2022-23540", none, {"algorithms": ["none"], "public_key": pem}, CONFIG),
        ("CVE-2022-23540-no-key", none, {}, CONFIG),
        ("GHSA-8wpc-h4q6-8fxv", none, {"secret": ""}, CONFIG),
        ("CVE-2022-23539", Issuer("RS256", "rsa1024").token(), {"public_key": keys.pem("rsa1024")}, CONFIG),
        ("CVE-2022-23539-kind", ES.token(alg="RS256"), {"public_key": keys.pem("p256"), "algorithms": ["RS256"]}, CONFIG),
        ("CVE-2020-26244", RS.token(alg="none"), RS.config, ALG),
        ("CVE-2020-28042", unsecured(RS.token()), RS.config, MALFORMED),
        ("CVE-2017-11424", by_secret(der_pem), {"secret": der_pem}, CONFIG),
        ("CVE-2017-11424-confusion", by_secret(der_pem), RS.config, ALG),
        ("CVE-2022-29217", by_secret(ssh), {"secret": ssh}, CONFIG),
        ("CVE-2024-33663", by_secret(ssh), {"public_key": keys.pem("p256"), "algorithms": ["ES256"]}, ALG),
        ("CVE-2026-48526", by_secret(jwk), {"secret": jwk}, CONFIG),
        ("CVE-2026-48526-mixed", by_secret(jwk), {"public_key": pem, "algorithms": ["RS256", "HS256"]}, CONFIG),
        ("CVE-2026-48523", Issuer("PS256", "rsa2048").token(kid="k"),
         {"jwks": keys.jwks(keys.jwk("rsa2048", kid="k", alg="PS256"), keys.jwk("rsa2048-other")), "algorithms": ["RS256"]}, ALG),
        ("CVE-2023-48223", by_secret(keys.text("rsa2048-certificate")), {"secret": keys.text("rsa2048-certificate")}, CONFIG),
        ("CVE-2026-34950", by_secret("\n" + pem), {"secret": "\n" + pem}, CONFIG),
        ("GHSA-ww5h-9m49-7xx4", by_secret("\u200b" + pem), {"secret": "\u200b" + pem}, CONFIG),
        ("GHSA-g3jj-5cmm-3hxx", by_secret(dump(RSA_SET["jwks"])), {"secret": dump(RSA_SET["jwks"])}, CONFIG),
        ("CVE-2024-37568", by_secret(pem), {"public_key": pem}, ALG),
        ("CVE-2021-46743", Issuer("RS256", "rsa2048").token(kid="ec"),
         {"jwks": keys.jwks(keys.jwk("rsa2048", kid="rsa"), keys.jwk("p256", kid="ec")), "algorithms": ["RS256", "ES256"]}, "key_unsuitable"),
        ("CVE-2024-54150", by_secret(pem, "HS512"), RS.config, ALG),
        ("CVE-2026-44699", by_secret(""), RSA_SET, ALG),
        ("CVE-2026-44699-pem", by_secret(""), RS.config, ALG),
        ("CVE-2026-22817", by_secret(keys.jwk("rsa2048")["n"]), RSA_SET, ALG),
        ("GHSA-9gxv-x7rp-r2hc", by_secret(pem.replace("\n", "")), RS.config, ALG),
        ("CVE-2026-28498", RS.token(alg="XX256"), RS.config, ALG),
        ("RFC8725bis-2.11", RS.token(alg="noNE"), RS.config, ALG),
    ]:
        suite.add(name, DESCRIPTIONS.get(name.split("-kind")[0], "see the advisory"), token, config, code)
    suite.add("neighbour", "none of them", RS.token(), RS.config)
    suite.add("neighbour-jwks", "none of them", RS.token(kid="k"), RSA_SET)
    return suite


DESCRIPTIONS = {
    "CVE-2015-2951": "alg none and no signature", "CVE-2015-9235": "HMAC keyed with the RSA public key",
    "CVE-2016-10555": "HMAC keyed with the RSA public key, without its last newline",
    "CVE-2026-28802": "alg none and no signature against a key set", "CVE-2022-23540": "none cannot be allowed",
    "CVE-2022-23540-no-key": "no key is no verifier", "GHSA-8wpc-h4q6-8fxv": "an empty key is no verifier",
    "CVE-2022-23539": "a key too small, or of the wrong kind", "CVE-2020-26244": "alg none with a signature",
    "CVE-2020-28042": "the signature was removed", "CVE-2017-11424": "a PKCS#1 PEM as secret",
    "CVE-2017-11424-confusion": "HMAC keyed with a PKCS#1 PEM", "CVE-2022-29217": "an OpenSSH public key as secret",
    "CVE-2024-33663": "HMAC keyed with an OpenSSH public key", "CVE-2026-48526": "a JWK as secret",
    "CVE-2026-48526-mixed": "one list for HMAC and public keys", "CVE-2026-48523": "the key's alg does not widen the caller's list",
    "CVE-2023-48223": "a certificate as secret", "CVE-2026-34950": "a PEM behind a newline as secret",
    "GHSA-ww5h-9m49-7xx4": "a PEM behind a zero-width space as secret", "GHSA-g3jj-5cmm-3hxx": "a key set as secret",
    "CVE-2024-37568": "algorithms left out do not mean all", "CVE-2021-46743": "the kid picks a key of another type",
    "CVE-2024-54150": "HS512 against an RSA key", "CVE-2026-44699": "HMAC with an empty key against an RSA JWK without alg",
    "CVE-2026-44699-pem": "HMAC with an empty key against an RSA PEM", "CVE-2026-22817": "a JWK without alg, the header's alg decides",
    "GHSA-9gxv-x7rp-r2hc": "alg taken from the header", "CVE-2026-28498": "an unknown alg must not pass",
    "RFC8725bis-2.11": "a deny-list of none misses its spellings",
}


def arithmetic() -> Suite:
    suite = Suite("cve/arithmetic")
    size = 256
    forged_e3 = {"jwks": keys.jwks(keys.jwk("rsa2048", e=keys.number(3)))}
    for name, description, token, config, code in [
        ("CVE-2022-21449", "psychic signatures: r = s = 0", ES.token(signer=lambda _: bytes(64)), ES.config, SIG),
        ("CVE-2022-21449-r", "r = 0", ES.token(signer=lambda m: bytes(32) + sign("ES256", "p256", m)[32:]), ES.config, SIG),
        ("HAProxy-2026", "an ECDSA signature of 16 KiB", ES.token(signer=lambda _: b"\x7f" * 8000), ES.config, SIG),
        ("libjwt-5fada81", "an RSA signature of three bytes", RS.token(signer=lambda _: bytes(3)), RS.config, SIG),
        ("libjwt-2ef9500", "an ES256 signature of 96 bytes", ES.token(signer=lambda m: sign("ES256", "p256", m) + bytes(32)), ES.config, SIG),
        ("CVE-2006-4339", "e = 3 and garbage behind the digest", RS.token(), forged_e3, CONFIG),
        ("CVE-2006-4339-fill", "short padding and garbage behind the digest",
         RS.token(signer=lambda m: rsa_bytes("rsa2048", pkcs1_encoded(m, 80) + bytes(size - 80))), RS.config, SIG),
        ("jwt-verify-lib-odd", "an ECDSA signature of odd length", ES.token(signer=lambda m: sign("ES256", "p256", m) + b"\0"), ES.config, SIG),
        ("jwt-verify-lib-salt", "PSS with a salt of any length",
         Issuer("PS256", "rsa2048").token(signer=lambda m: pss("rsa2048", m, "256", 20)), Issuer("PS256", "rsa2048").config, SIG),
        ("CVE-2026-45363", "HMAC with an empty key", HS.token(), {"secret": ""}, CONFIG),
        ("CVE-2019-20933", "an empty shared secret", Issuer("HS256", "").token(), {"secret": ""}, CONFIG),
        ("CVE-2025-65945", "a secret that the token brings along", by_secret("k"), HS.config, SIG),
        ("CVE-2025-45768", "a short HMAC key", Issuer("HS256", "secret").token(), {"secret": "secret"}, CONFIG),
        ("CVE-2025-45765", "a short RSA key", Issuer("RS256", "rsa1024").token(), {"public_key": keys.pem("rsa1024")}, CONFIG),
        ("CVE-2020-0601", "explicit curve parameters", ES.token(),
         {"public_key": keys.text("p256-explicit-public"), "algorithms": ["ES256"]}, CONFIG),
        ("CVE-2017-15361", "a ROCA modulus", RS.token(),
         {"jwks": keys.jwks({"kty": "RSA", "e": "AQAB", "n": (keys.FOLDER / "roca2048.txt").read_text().strip()})}, CONFIG),
        ("CVE-2023-6237", "a modulus of 17000 bits", RS.token(),
         {"jwks": keys.jwks({"kty": "RSA", "e": "AQAB", "n": keys.number((1 << 17000) - 1)})}, CONFIG),
        ("DER-in-JOSE", "a DER signature where two numbers belong",
         ES.token(signer=lambda m: encode_dss_signature(*ecdsa("ES256", "p256", m))), ES.config, SIG),
    ]:
        suite.add(name, description, token, config, code)
    for name, issuer in [("es", ES), ("rs", RS), ("hs", HS), ("ed", ED)]:
        suite.add(f"neighbour-{name}", "a signature as it should be", issuer.token(), issuer.config)
    return suite


def lookup() -> Suite:
    suite = Suite("cve/key_lookup")
    evil = Issuer("RS256", "rsa2048-other")
    evil_jwk = keys.jwk("rsa2048-other", kid="k")
    certificate = keys.base64.b64encode(keys.unarmour(keys.text("rsa2048-certificate"))).decode()
    for name, description, token, config, code in [
        ("CVE-2018-0114", "the key in the header", evil.token(jwk=evil_jwk), RS.config, SIG),
        ("CVE-2026-27962", "the key in the header, against a key set", evil.token(jwk=evil_jwk, kid="k"), RSA_SET, SIG),
        ("jku", "the address of a key set in the header", evil.token(jku="https://attacker.example/jwks", kid="k"), RSA_SET, SIG),
        ("x5u", "the address of a certificate in the header", evil.token(x5u="https://attacker.example/x", kid="k"), RSA_SET, SIG),
        ("x5c", "a certificate in the header", evil.token(x5c=[certificate], kid="k"), RSA_SET, SIG),
        ("kid-dev-null", "a kid that names an empty file", signed({"alg": "HS256", "kid": "../../../dev/null"}, claims(), "HS256", ""),
         HS.config, SIG),
        ("kid-dev-null-jwks", "the same against a key set", RS.token(kid="../../../dev/null"), RSA_SET, "key_not_found"),
        ("CVE-2021-41106", "a path is no key", RS.token(), {"public_key": "file:///etc/passwd"}, CONFIG),
        ("CVE-2021-41106-secret", "a path is a secret too short", HS.token(), {"secret": "/etc/passwd"}, CONFIG),
        ("mcp_agent_mail-R8-I2", "no kid: not simply the first key", RS.token(),
         {"jwks": keys.jwks(keys.jwk("rsa2048", kid="a"), keys.jwk("rsa2048-other", kid="b"))}, "key_ambiguous"),
        ("CVE-2025-59936", "a kid is looked for in this set alone", evil.token(kid="k"), RSA_SET, SIG),
    ]:
        suite.add(name, description, token, config, code)
    suite.add("neighbour", "the kid of the set", RS.token(kid="k"), RSA_SET)
    return suite


def parsing() -> Suite:
    suite = Suite("cve/parsing")
    header, payload, signature = RS.token().split(".")
    evil_payload = keys.b64u(dump(claims(sub="admin")).encode())
    polyglot = dump({"payload": payload, "protected": header, "signature": signature, f"{header}.{evil_payload}.": "x"})
    p2c = keys.b64u(dump({"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": 2147483647, "p2s": "AAAA"}).encode())
    bomb = keys.b64u(dump({"alg": "dir", "enc": "A128CBC-HS256", "zip": "DEF"}).encode())
    for name, description, token, config, code in [
        ("CVE-2025-59420", "an unknown critical member", RS.token(crit=["bork"], bork=True), RS.config, "critical_header_unsupported"),
        ("CVE-2026-32597", "an unknown critical member that is not there", RS.token(crit=["x"]), RS.config, "critical_header_unsupported"),
        ("CVE-2026-35042", "critical members, none of them known", HS.token(crit=["a", "b"], a=1, b=2), HS.config,
         "critical_header_unsupported"),
        ("libjwt-18133e4", "alg twice", RS.token(header='{"alg":"RS256","alg":"none"}'), RS.config, "header_invalid"),
        ("libjwt-18133e4-claim", "sub twice", RS.token(dump(claims())[:-1] + ',"sub":"admin"}'), RS.config, "payload_invalid"),
        ("libjwt-d180cc7", "padding within the text", f"{header}.{payload[:8]}={payload[9:]}.{signature}", RS.config, MALFORMED),
        ("CVE-2022-39227", "JSON and compact text in one", polyglot, RS.config, MALFORMED),
        ("CVE-2022-39227-compact", "the payload exchanged", f"{header}.{evil_payload}.{signature}", RS.config, SIG),
        ("RFC8725bis-2.13", "JSON serialisation", dump({"protected": header, "payload": payload, "signature": signature}), RS.config, MALFORMED),
        ("CVE-2023-51774", "JWE where a JWS belongs", f"{header}.AAAA.AAAA.AAAA.AAAA", RS.config, MALFORMED),
        ("CVE-2026-29000", "JWE around unsigned claims", f"{bomb}..AAAA.{evil_payload}.AAAA", RS.config, MALFORMED),
        ("CVE-2019-18848", "two segments", f"{header}.{payload}", RS.config, MALFORMED),
        ("CVE-2019-17195", "a header that is no JSON", RS.token(header=b"\xff\xfe"), RS.config, "header_invalid"),
        ("CVE-2024-21664", "a header that is null", RS.token(header=b"null"), RS.config, "header_invalid"),
        ("CVE-2016-4425", "ten thousand open brackets", HS.token(b"[" * 10000), HS.config, "payload_invalid"),
        ("CVE-2016-4425-unsigned", "the same in the header", HS.token(header=b'{"a":' * 1500), HS.config, "header_invalid"),
        ("CVE-2013-6401", "names that collide in common hashes", HS.token(collisions()), HS.config, None),
        ("CVE-2026-25537", "nbf is text", HS.token(claims(nbf="99999999999")), HS.config, "nbf_invalid"),
        ("CVE-2026-25537-exp", "exp is text", HS.token(claims(exp="99999999999")), HS.config, "exp_invalid"),
        ("b2-mcp-nbf", "nbf is null", HS.token(claims(nbf=None)), HS.config, "nbf_invalid"),
        ("CVE-2020-26160", "aud is an array of other audiences", HS.token(claims(aud=["a", "b"])), HS.config, "audience_mismatch"),
        ("CVE-2020-26160-empty", "aud is an empty array", HS.token(claims(aud=[])), HS.config, "audience_mismatch"),
        ("CVE-2020-26160-mixed", "aud is an array of other things", HS.token(claims(aud=[1, None])), HS.config, "aud_invalid"),
        ("CVE-2024-53861", "iss is a part of the configured issuer", HS.token(claims(iss=ISSUER[:12])), HS.config, "issuer_mismatch"),
        ("CVE-2024-51744", "expired and forged: not merely expired", HS.token(claims(exp=1), signer=lambda _: bytes(32)), HS.config, SIG),
        ("CVE-2025-30204", "ten thousand dots", "." * 10000, RS.config, MALFORMED),
        ("CVE-2025-27144", "a megabyte of dots", "." * 100000, RS.config, "token_too_large"),
        ("CVE-2025-61920", "a huge header segment", f"{'A' * 60000}.{payload}.{signature}", RS.config, "token_too_large"),
        ("CVE-2025-65015", "a huge value in the header", RS.token(alg="x" * 8000), RS.config, ALG),
        ("CVE-2026-48525", "b64 false with a detached payload", f"{keys.b64u(dump({'alg': 'RS256', 'b64': False, 'crit': ['b64']}).encode())}..{signature}",
         RS.config, MALFORMED),
        ("CVE-2026-48525-attached", "b64 false", RS.token(b64=False), RS.config, "header_unsupported"),
        ("CVE-2023-52428", "PBES2 with two thousand million rounds", f"{p2c}.AAAA.AAAA.AAAA.AAAA", RS.config, MALFORMED),
        ("CVE-2023-52428-three", "the same in three segments", f"{p2c}.{payload}.{signature}", RS.config, "header_unsupported"),
        ("CVE-2024-28180", "a compressed JWE", f"{bomb}.AAAA.AAAA.AAAA.AAAA", RS.config, MALFORMED),
        ("CVE-2024-28180-three", "zip in three segments", f"{bomb}.{payload}.{signature}", RS.config, "header_unsupported"),
        ("CVE-2025-69196", "a token for the host, not for the resource", HS.token(claims(aud="https://api.example")), HS.config,
         "audience_mismatch"),
        ("FastMCP-exp-0", "exp 0 is not absent", HS.token(claims(exp=0)), HS.config, "token_expired"),
        ("FastMCP-exp-now", "a token is expired in the second exp", HS.token(claims(exp=NOW)), HS.config, "token_expired"),
        ("FastMCP-nbf", "nbf is checked", HS.token(claims(nbf=NOW + 60)), HS.config, "token_not_yet_valid"),
        ("FastMCP-4282", "an unknown header member that a real issuer sends", HS.token(cat="cl_x"), HS.config, None),
        ("CVE-2020-26244-iat", "issued in the future", HS.token(claims(iat=NOW + 60)), HS.config, "token_issued_in_future"),
    ]:
        suite.add(name, description, token, config, code)
    key_set: dict[str, Any] = {"jwks_raw": json.dumps({"keys": [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}, {"kty": None}, 5,
                                                                keys.jwk("rsa2048", kid="k")]}), "algorithms": ["RS256"]}
    suite.add("FastMCP-4515", "unknown and broken keys beside a good one", RS.token(kid="k"), key_set)
    suite.add("neighbour", "a token as it should be", RS.token(typ=ABSENT), RS.config)
    return suite


def collisions() -> str:
    """Names that are equal in a hash of 31 * h + c, and many of them."""
    names = [""]
    for _ in range(8):
        names = [name + pair for name in names for pair in ("Aa", "BB")]
    return dump(claims())[:-1] + "," + ",".join(f'"{name}":0' for name in names) + "}"


SUITES = [algorithm, arithmetic, lookup, parsing]
