"""Several issuers: which one a token belongs to, and that nothing of one crosses over to another."""

from __future__ import annotations

from typing import Any

from . import keys
from .base import ABSENT, AUDIENCE, NOW, Suite, claims, dump, signed

A, B, C = "https://a.example", "https://b.example", "https://c.example"
TEMPLATE = "https://login.example/{tid}/v2.0"
MISMATCH, CONFIG, SIGNATURE = "issuer_mismatch", "configuration_invalid", "signature_invalid"
Config = dict[str, Any]


def issuer(identifier: Any, key: str, kid: str | None, alg: str = "ES256", **options: Any) -> Config:
    return {"issuer": identifier, "jwks": keys.jwks(keys.jwk(key, kid=kid)), "algorithms": [alg], **options}


def of(*issuers: Config, **policy: Any) -> Config:
    return {"issuers": list(issuers), "audience": AUDIENCE, **policy}


def token(key: str, kid: Any, alg: str = "ES256", header: Config | None = None, **changes: Any) -> str:
    members = {"alg": alg, "typ": "JWT", **({} if kid is None else {"kid": kid}), **(header or {})}
    return signed({name: value for name, value in members.items() if value is not ABSENT}, claims(**changes), alg, key)


# One algorithm, two issuers, a kid each.
TWO = of(issuer(A, "p256", "a1"), issuer(B, "p256-other", "b1"))
SAME_KID = of(issuer(A, "p256", "k"), issuer(B, "p256-other", "k"))
SAME_KEY = of(issuer(A, "p256", "k", audience="urn:a"), issuer(B, "p256", "k", audience="urn:b"))
MIXED = of({"issuer": A, "secret": keys.SECRET32, "algorithms": "HS256"}, issuer(B, "p256", "b1"))
TENANTS = of(issuer(TEMPLATE, "p256", "t1"), issuer(B, "p256-other", "b1"))
UNKNOWN: list[tuple[str, Any, str]] = [
    ("other", C, MISMATCH), ("slash", f"{A}/", MISMATCH), ("case", A.upper(), MISMATCH), ("empty", "", MISMATCH),
    ("joined", f"{A} {B}", MISMATCH), ("prefix", A[:-1], MISMATCH), ("number", 1, "iss_invalid"), ("null", None, "iss_invalid"),
    ("array", [A], "iss_invalid"), ("object", {"iss": A}, "iss_invalid"), ("absent", ABSENT, "iss_missing")]


def choice() -> Suite:
    """iss says whose token it is, and nothing else does."""
    suite = Suite("issuers/choice")
    suite.add("first", "a token of the first", token("p256", "a1", iss=A), TWO, claims=claims(iss=A), scopes=["read", "write"])
    suite.add("second", "a token of the second", token("p256-other", "b1", iss=B), TWO, claims=claims(iss=B))
    for name, iss, key, kid, code in [
        ("first-own-kid-other-key", A, "p256-other", "a1", SIGNATURE), ("first-other-kid-other-key", A, "p256-other", "b1", "key_not_found"),
        ("first-other-kid-own-key", A, "p256", "b1", "key_not_found"), ("first-no-kid-other-key", A, "p256-other", None, SIGNATURE),
        ("second-own-kid-other-key", B, "p256", "b1", SIGNATURE), ("second-other-kid-other-key", B, "p256", "a1", "key_not_found"),
        ("second-other-kid-own-key", B, "p256-other", "a1", "key_not_found"), ("second-no-kid-other-key", B, "p256", None, SIGNATURE),
        ("first-no-kid", A, "p256", None, None), ("second-no-kid", B, "p256-other", None, None),
        ("first-unknown-kid", A, "p256", "x", "key_not_found"), ("second-unknown-kid", B, "p256-other", "x", "key_not_found"),
    ]:
        suite.add(name, "no key of another issuer is ever tried", token(key, kid, iss=iss), TWO, code)
    for name, iss, key, code in [("first", A, "p256", None), ("second", B, "p256-other", None), ("first-crossed", A, "p256-other", SIGNATURE),
                                 ("second-crossed", B, "p256", SIGNATURE)]:
        suite.add(f"same-kid-{name}", "two keys with one kid", token(key, "k", iss=iss), SAME_KID, code)
    for name, iss, aud, code in [("first", A, "urn:a", None), ("second", B, "urn:b", None), ("first-crossed", A, "urn:b", "audience_mismatch"),
                                 ("second-crossed", B, "urn:a", "audience_mismatch"), ("first-verifiers", A, AUDIENCE, "audience_mismatch")]:
        suite.add(f"same-key-{name}", "two issuers publish one key: the policy is that of iss", token("p256", "k", iss=iss, aud=aud),
                  SAME_KEY, code)
    for name, iss, code in UNKNOWN:
        suite.add(f"unknown-{name}", f"iss is {name}: nobody's", token("p256", "a1", iss=iss), TWO, code)
        suite.add(f"unknown-{name}-unsigned", "refused before the signature is looked at",
                  signed({"alg": "ES256"}, claims(iss=iss), "ES256", "p256", lambda _: bytes(64)), TWO, code)
    escaped = dump(claims(iss=ABSENT))[:-1] + ',"iss":"https:\\/\\/\\u0061.example"}'
    suite.add("escaped", "iss written with escapes", signed({"alg": "ES256", "kid": "a1"}, escaped, "ES256", "p256"), TWO)
    suite.add("named-with-escapes", "the name of iss written with escapes",
              signed({"alg": "ES256"}, dump(claims(iss=ABSENT))[:-1] + f',"\\u0069ss":"{A}"}}', "ES256", "p256"), TWO)
    suite.add("nested", "an iss further down is another claim", token("p256", "a1", iss=ABSENT, x={"iss": A}), TWO, "iss_missing")
    suite.add("in-header", "iss of the header is none", token("p256", "a1", header={"iss": A}, iss=B), TWO, "key_not_found")
    for name, payload in [("twice", dump(claims(iss=A))[:-1] + f',"iss":"{B}"}}'), ("twice-equal", dump(claims(iss=A))[:-1] + f',"iss":"{A}"}}'),
                          ("no-json", "x"), ("array", f'["{A}"]'), ("truncated", dump(claims(iss=A))[:-1])]:
        suite.add(f"payload-{name}", "the payload is no strict JSON object", signed({"alg": "ES256"}, payload, "ES256", "p256"), TWO,
                  "payload_invalid")
    suite.add("two-identifiers-first", "an issuer with two identifiers", token("p256", None, iss=A),
              of(issuer([A, C], "p256", "a1"), issuer(B, "p256-other", "b1")))
    suite.add("two-identifiers-second", "an issuer with two identifiers", token("p256", None, iss=C),
              of(issuer([A, C], "p256", "a1"), issuer(B, "p256-other", "b1")))
    suite.add("two-identifiers-crossed", "an issuer with two identifiers", token("p256-other", None, iss=C),
              of(issuer([A, C], "p256", "a1"), issuer(B, "p256-other", "b1")), SIGNATURE)
    suite.add("list-of-one", "a list of one issuer", token("p256", "a1", iss=A), of(issuer(A, "p256", "a1")))
    suite.add("list-of-one-other", "a list of one issuer", token("p256", "a1", iss=B), of(issuer(A, "p256", "a1")), MISMATCH)
    suite.add("list-of-one-free", "one issuer may be without identifier", token("p256", "a1", iss="whoever"), of(issuer(None, "p256", "a1")))
    many = of(*(issuer(f"https://i{i}.example", ("p256", "p256-other")[i % 2], "k") for i in range(20)))
    for i in range(0, 20, 3):
        suite.add(f"many-{i}", "one of twenty", token(("p256", "p256-other")[i % 2], "k", iss=f"https://i{i}.example"), many)
        suite.add(f"many-{i}-crossed", "one of twenty, with the next one's key",
                  token(("p256-other", "p256")[i % 2], "k", iss=f"https://i{i}.example"), many, SIGNATURE)
    return suite


def order() -> Suite:
    """The issuer is chosen after what concerns the header alone, and before what is its policy."""
    suite = Suite("issuers/order")
    for name, header, iss, code in [
        ("alg-none-known", {"alg": "none"}, A, "algorithm_not_allowed"), ("alg-none-unknown", {"alg": "none"}, C, MISMATCH),
        ("typ-known", {"typ": "x"}, A, "token_type_not_allowed"), ("typ-unknown", {"typ": "x"}, C, MISMATCH),
        ("crit-unknown", {"crit": ["x"]}, C, "critical_header_unsupported"), ("zip-unknown", {"zip": "DEF"}, C, "header_unsupported"),
        ("cty-unknown", {"cty": "JWT"}, C, "header_unsupported"), ("kid-known", {"kid": 5}, A, "header_invalid"),
    ]:
        suite.add(name, "header, then issuer, then its policy", token("p256", "a1", header=header, iss=iss), TWO, code)
    for name, changes, code in [("exp", {"exp": NOW - 1}, "token_expired"), ("aud", {"aud": "x"}, "audience_mismatch"),
                                ("sub", {"sub": 5}, "sub_invalid")]:
        suite.add(f"{name}-known", "claims of a known issuer are judged", token("p256", "a1", iss=A, **changes), TWO, code)
        suite.add(f"{name}-unknown", "claims of an unknown issuer are not", token("p256", "a1", iss=C, **changes), TWO, MISMATCH)
        suite.add(f"{name}-forged", "nor are they before the signature", token("p256-other", "a1", iss=A, **changes), TWO, SIGNATURE)
    return suite


def algorithms() -> Suite:
    """HMAC for one issuer and ES256 for another never become one list."""
    suite = Suite("issuers/algorithms")
    suite.add("hmac", "a token of the one with a secret", token(keys.SECRET32, None, "HS256", iss=A), MIXED)
    suite.add("ecdsa", "a token of the one with a key", token("p256", "b1", iss=B), MIXED)
    suite.add("ecdsa-of-hmac", "the other's algorithm and key", token("p256", "b1", iss=A), MIXED, "algorithm_not_allowed")
    suite.add("hmac-of-ecdsa", "the other's algorithm and secret", token(keys.SECRET32, None, "HS256", iss=B), MIXED, "algorithm_not_allowed")
    suite.add("pem-as-secret", "the public key as a secret", token(keys.pem("p256"), None, "HS256", iss=B), MIXED, "algorithm_not_allowed")
    suite.add("pem-as-others-secret", "the other's public key as a secret", token(keys.pem("p256"), None, "HS256", iss=A), MIXED, SIGNATURE)
    suite.add("hmac-other-secret", "another secret", token(keys.SECRET48, None, "HS256", iss=A), MIXED, SIGNATURE)
    both = of(issuer(A, "rsa2048", "k", "RS256"), issuer(B, "p256", "k"))
    for name, key, alg, iss, code in [("rsa", "rsa2048", "RS256", A, None), ("ec", "p256", "ES256", B, None),
                                      ("rsa-crossed", "rsa2048", "RS256", B, "algorithm_not_allowed"),
                                      ("ec-crossed", "p256", "ES256", A, "algorithm_not_allowed"),
                                      ("rsa-pss", "rsa2048", "PS256", A, "algorithm_not_allowed")]:
        suite.add(name, "RS256 for one, ES256 for the other", token(key, "k", alg, iss=iss), both, code)
    return suite


def policies() -> Suite:
    """What an issuer sets replaces the verifier's own; an empty list means none."""
    suite = Suite("issuers/policies")

    def two(**own: Any) -> Config:
        return of(issuer(A, "p256", "a1", **own), issuer(B, "p256-other", "b1"))

    def both(name: str, config: Config, code: str | None, other: str | None, header: Config | None = None, **changes: Any) -> None:
        suite.add(name, "the issuer with options of its own", token("p256", "a1", header=header, iss=A, **changes), config, code)
        suite.add(f"{name}-other", "the other one", token("p256-other", "b1", header=header, iss=B, **changes), config, other)

    both("audience", two(audience="urn:own"), None, "audience_mismatch", aud="urn:own")
    both("audience-verifiers", two(audience="urn:own"), "audience_mismatch", None)
    both("audience-none", two(audience=[]), None, "audience_mismatch", aud="urn:any")
    both("audience-none-absent", two(audience=[]), None, "aud_missing", aud=ABSENT)
    both("audience-null", two(audience=None), "audience_mismatch", "audience_mismatch", aud="urn:any")
    both("token-type", two(token_type="at+jwt"), "token_type_not_allowed", None)
    both("token-type-all", two(token_type="at+jwt"), "claim_missing", None, {"typ": "at+jwt"})
    both("token-type-good", two(token_type="at+jwt"), None, None, {"typ": "at+jwt"}, jti="j")
    both("token-type-any", two(token_type="any"), None, "token_type_not_allowed", {"typ": "x"})
    both("scope-claims", two(scope_claims=["/realm/roles"]) | {"required_scopes": ["admin"]}, None, "insufficient_scope",
         realm={"roles": ["admin"]})
    both("scope-claims-none", two(scope_claims=[]) | {"required_scopes": ["read"]}, "insufficient_scope", None)
    both("client-id-claims", two(client_id_claims=["app"]), "client_id_invalid", None, app=5)
    both("required", two(required_claims=["tenant"]), "claim_missing", None)
    both("required-value", two(required_claims={"use": "access"}), "claim_mismatch", None, use="id")
    both("required-none", two(required_claims=[]) | {"required_claims": ["tenant"]}, None, "claim_missing")
    both("required-empty-mapping", two(required_claims={}) | {"required_claims": ["tenant"]}, None, "claim_missing")
    both("required-replaced", two(required_claims={"use": "access"}) | {"required_claims": ["tenant"]}, None, "claim_missing", use="access")
    return suite


def templates() -> Suite:
    """An identifier that a claim completes."""
    suite = Suite("issuers/template")

    def add(name: str, tenant: Any, iss: str, code: str | None = None, config: Config = TENANTS, **changes: Any) -> None:
        suite.add(name, f"tid is {tenant!r}, iss {iss}" if tenant is not ABSENT else f"no tid, iss {iss}",
                  token("p256", "t1", iss=iss, tid=tenant, **changes), config, code)

    def url(value: str) -> str:
        return TEMPLATE.replace("{tid}", value)

    for value in ["one", "9188040d-6c67-4c5b-b112-36a304b66dad", "a.b_c~d", "...", "v2.0", "tid"]:
        add(f"good-{value}", value, url(value))
    for name, tenant in [("other", "two"), ("absent", ABSENT), ("null", None), ("number", 1), ("array", ["one"]), ("case", "ONE"),
                         ("empty", ""), ("longer", "one1"), ("shorter", "on"), ("space", "one "), ("template", "{tid}")]:
        add(f"tid-{name}", tenant, url("one"), MISMATCH)
    for name, value in [("path", "a/b"), ("dot", "."), ("dots", ".."), ("up", "../one"), ("encoded", "a%2fb"), ("empty", ""), ("space", "a b"),
                        ("query", "a?b"), ("fragment", "a#b"), ("colon", "a:b"), ("at", "a@b"), ("unicode", "\u00e9"), ("backslash", "a\\b"),
                        ("braces", "{tid}"), ("newline", "a\n"), ("semicolon", "a;b"), ("star", "*")]:
        add(f"segment-{name}", value, url(value), MISMATCH)
    for name, iss in [("slash", f"{url('one')}/"), ("version", url("one").replace("v2", "v1")), ("host", url("one").replace("login", "evil")),
                      ("http", url("one").replace("https", "http")), ("cut", url("one")[:-1]), ("more", f"{url('one')}/x"),
                      ("scheme-case", url("one").replace("https", "HTTPS")), ("only-host", "https://login.example")]:
        add(f"iss-{name}", "one", iss, MISMATCH)
    add("number-in-iss", 1, url("1"), MISMATCH)
    sole = {"issuer": TEMPLATE, "audience": AUDIENCE, "algorithms": "ES256", "jwks": keys.jwks(keys.jwk("p256", kid="t1"))}
    add("sole", "one", url("one"), config=sole)
    add("sole-other", "two", url("one"), MISMATCH, config=sole)
    suite.add("sole-absent", "no iss", token("p256", "t1", iss=ABSENT, tid="one"), sole, "iss_missing")
    suite.add("sole-forged", "the signature comes first", token("p256-other", "t1", iss=C, tid="one"), sole, SIGNATURE)
    old = of(issuer(TEMPLATE.replace("tid", "tenantid"), "p256", "t1"), issuer(B, "p256-other", "b1"))
    add("tenantid", "one", url("one"), config=old)
    suite.add("tenantid-claim", "{tenantid} is read as {tid}", token("p256", "t1", iss=url("one"), tenantid="one"), old, MISMATCH)
    organisation = of(issuer("https://login.example/o/{org_id}", "p256", "t1"), issuer(B, "p256-other", "b1"))
    suite.add("last-segment", "the segment may be the last", token("p256", "t1", iss="https://login.example/o/x", org_id="x"), organisation)
    suite.add("last-segment-more", "and is one segment", token("p256", "t1", iss="https://login.example/o/x/y", org_id="x/y"), organisation,
              MISMATCH)
    suite.add("escaped", "iss and the claim written with escapes",
              signed({"alg": "ES256"}, dump(claims(iss=ABSENT))[:-1] + ',"iss":"https:\\/\\/login.example\\/on\\u0065\\/v2.0","tid":"\\u006fne"}',
                     "ES256", "p256"), TENANTS)
    special = of(issuer(TEMPLATE, "p256", "t1"), issuer(url("special"), "p256-other", "b1"))
    suite.add("exact-wins", "an exact identifier wins over a template", token("p256-other", "b1", iss=url("special")), special)
    suite.add("exact-wins-no-second-try", "and there is no second try", token("p256", "t1", iss=url("special"), tid="special"), special,
              "key_not_found")
    add("exact-beside", "one", url("one"), config=special)
    crossed = of(issuer(TEMPLATE, "p256", "k"), issuer("https://id.example/{tid}", "p256-other", "k"))
    suite.add("two-templates-first", "two templates", token("p256", "k", iss=url("one"), tid="one"), crossed)
    suite.add("two-templates-second", "two templates", token("p256-other", "k", iss="https://id.example/one", tid="one"), crossed)
    suite.add("two-templates-crossed", "two templates, the other's key", token("p256", "k", iss="https://id.example/one", tid="one"), crossed,
              SIGNATURE)
    return suite


def configuration() -> Suite:
    suite = Suite("issuers/configuration")
    good = token("p256", "a1", iss=A)
    a, b = issuer(A, "p256", "a1"), issuer(B, "p256-other", "b1")
    for name, config in [
        ("same", of(a, issuer(A, "p256-other", "b1"))), ("same-in-list", of(a, issuer([B, A], "p256-other", "b1"))),
        ("same-template", of(issuer(TEMPLATE, "p256", "a1"), issuer(TEMPLATE, "p256-other", "b1"))),
        ("same-template-old", of(issuer(TEMPLATE, "p256", "a1"), issuer(TEMPLATE.replace("tid", "tenantid"), "p256-other", "b1"))),
        ("no-identifier", of(a, issuer(None, "p256-other", "b1"))), ("no-identifiers", of(a, issuer([], "p256-other", "b1"))),
        ("empty-identifier", of(a, issuer("", "p256-other", "b1"))), ("empty", of()),
        ("with-flat-issuer", of(a, b) | {"issuer": A}), ("with-flat-key", of(a, b) | {"public_key": keys.pem("p256")}),
        ("with-flat-algorithms", of(a, b) | {"algorithms": ["ES256"]}), ("with-flat-secret", of(a, b) | {"secret": keys.SECRET32}),
        ("two-sources", of(a, b | {"public_key": keys.pem("p256")})), ("hmac-with-key", of(a, b | {"algorithms": ["HS256"]})),
        ("mixed-algorithms", of(a, {"issuer": B, "secret": keys.SECRET32, "algorithms": ["HS256", "ES256"]})),
        ("unknown-algorithm", of(a, b | {"algorithms": ["none"]})), ("short-secret", of(a, {"issuer": B, "secret": "x", "algorithms": "HS256"})),
        ("token-type", of(a, b | {"token_type": "JWT"})), ("required-null", of(a, b | {"required_claims": {"x": None}})),
        ("path", of(a, b | {"scope_claims": ["/~2"]})), ("no-audience-item", of(a, b | {"audience": [""]})),
        ("template-in-list", of(issuer([TEMPLATE, A], "p256", "a1"))), ("two-templates-in-list", of(issuer([TEMPLATE, A + "/{tid}"], "p256", "a1"))),
    ]:
        suite.add(name, "refused at construction", good, config, CONFIG)
    for name, text in [("open", f"{A}/{{tid"), ("close", f"{A}/tid}}"), ("empty", f"{A}/{{}}"), ("twice", f"{A}/{{a}}/{{b}}"),
                       ("host", "https://{tid}/"), ("part", f"{A}/x{{tid}}"), ("part-after", f"{A}/{{tid}}x"), ("nested", f"{A}/{{{{tid}}}}"),
                       ("slash", f"{A}/{{a/b}}"), ("query", f"{A}/?x=/{{tid}}"), ("no-url", "/{tid}"), ("port", f"{A}:{{tid}}/")]:
        suite.add(f"braces-{name}", f"issuer is {text}", good, {**a, "issuer": text, "audience": AUDIENCE}, CONFIG)
    return suite


def key_issuer() -> Suite:
    """The member issuer of a JWK: whose tokens the key verifies."""
    suite = Suite("issuers/jwk_issuer")
    tenant = TEMPLATE.replace("{tid}", "one")

    def config(member: Any, identifier: Any = A) -> Config:
        jwk = keys.jwk("p256", kid="k") | {"issuer": member}
        return {"jwks": keys.jwks(jwk), "algorithms": "ES256", "audience": AUDIENCE, **({} if identifier is None else {"issuer": identifier})}

    for name, member, code in [("equal", A, None), ("other", B, MISMATCH), ("slash", f"{A}/", MISMATCH), ("empty", "", MISMATCH),
                               ("case", A.upper(), MISMATCH), ("braces", f"{A}/{{", MISMATCH), ("template", TEMPLATE, MISMATCH)]:
        suite.add(name, f"the key's issuer is {member!r}", token("p256", "k", iss=A), config(member), code)
        suite.add(f"{name}-free", f"the key's issuer is {member!r}, none configured", token("p256", "k", iss=A), config(member, None), code)
    suite.add("free-absent", "no iss, and a key of one issuer", token("p256", "k", iss=ABSENT), config(A, None), MISMATCH)
    for name, member in [("null", None), ("number", 1), ("array", [A]), ("object", {}), ("true", True)]:
        suite.add(f"type-{name}", "an issuer that is no text makes the key unusable", token("p256", "k", iss=A), config(member), CONFIG)
        mixed = {**config(A), "jwks": keys.jwks(keys.jwk("p256", kid="k") | {"issuer": member}, keys.jwk("p256-other", kid="o"))}
        suite.add(f"type-{name}-beside", "and leaves the others alone", token("p256-other", "o", iss=A), mixed)
        suite.add(f"type-{name}-unusable", "and is not used", token("p256", "k", iss=A), mixed, "key_unsuitable")
    for name, iss, tid, member, code in [
        ("tenant", tenant, "one", TEMPLATE, None), ("tenantid", tenant, "one", TEMPLATE.replace("tid", "tenantid"), None),
        ("tenant-exact", tenant, "one", tenant, None), ("tenant-exact-other", tenant, "one", TEMPLATE.replace("{tid}", "two"), MISMATCH),
        ("tenant-other-template", tenant, "one", "https://login.example/{tid}/v1.0", MISMATCH),
        ("tenant-other-claim", tenant, "one", "https://login.example/{oid}/v2.0", MISMATCH),
    ]:
        suite.add(name, "a template as identifier, and the key's issuer", token("p256", "k", iss=iss, tid=tid), config(member, TEMPLATE), code)
    common = {**config(None, TEMPLATE), "jwks": keys.jwks(keys.jwk("p256", kid="1", issuer=tenant),
                                                          keys.jwk("p256-other", kid="2", issuer=TEMPLATE.replace("{tid}", "two")))}
    suite.add("common-first", "one set with the keys of all tenants", token("p256", "1", iss=tenant, tid="one"), common)
    suite.add("common-second", "one set with the keys of all tenants",
              token("p256-other", "2", iss=TEMPLATE.replace("{tid}", "two"), tid="two"), common)
    suite.add("common-crossed", "a tenant's token with another tenant's key", token("p256-other", "2", iss=tenant, tid="one"), common, MISMATCH)
    suite.add("signature-first", "it is checked after the signature", token("p256-other", "k", iss=A), config(B), SIGNATURE)
    suite.add("two-issuers", "among several issuers", token("p256", "k", iss=A),
              of(issuer(A, "p256", "k") | {"jwks": keys.jwks(keys.jwk("p256", kid="k", issuer=B))}, issuer(B, "p256-other", "b1")), MISMATCH)
    return suite


def sequences() -> Suite:
    """With the cache on, what one issuer's token was answered with says nothing about another's."""
    suite = Suite("issuers/sequences")
    a, b = token("p256", "a1", iss=A), token("p256-other", "b1", iss=B)
    unknown = token("p256", "a1", iss=C)
    suite.steps("alternating", "two issuers in turn, each more than once", TWO, [(a, None), (b, None), (a, None), (b, None), (a, None)])
    suite.steps("crossed", "a cached token does not make another's key good", TWO,
                [(a, None), (token("p256-other", "a1", iss=A), SIGNATURE), (a, None), (token("p256", "b1", iss=B), SIGNATURE), (b, None), (b, None)])
    header, payload, signature = a.split(".")
    _, other_payload, other_signature = b.split(".")
    suite.steps("parts", "parts of cached tokens do not make a good one", TWO,
                [(a, None), (b, None), (f"{header}.{other_payload}.{signature}", "key_not_found"), (f"{header}.{payload}.{other_signature}", SIGNATURE),
                 (a, None), (b, None)])
    suite.steps("unknown", "refused as often as it comes", TWO, [(unknown, MISMATCH), (unknown, MISMATCH), (a, None), (unknown, MISMATCH)])
    same_a, same_b = token("p256", "k", iss=A, aud="urn:a"), token("p256", "k", iss=B, aud="urn:b")
    suite.steps("same-key", "one key, two issuers", SAME_KEY,
                [(same_a, None), (same_b, None), (same_a, None), (token("p256", "k", iss=A, aud="urn:b"), "audience_mismatch"), (same_b, None),
                 (token("p256", "k", iss=B, aud="urn:a"), "audience_mismatch"), (same_a, None)])
    kid_a, kid_b = token("p256", "k", iss=A), token("p256-other", "k", iss=B)
    suite.steps("same-kid", "one kid, two keys", SAME_KID,
                [(kid_a, None), (token("p256", "k", iss=B), SIGNATURE), (kid_b, None), (token("p256-other", "k", iss=A), SIGNATURE), (kid_a, None),
                 (kid_b, None)])
    hmac_a, ec_b = token(keys.SECRET32, None, "HS256", iss=A), token("p256", "b1", iss=B)
    suite.steps("algorithms", "HMAC for one, ES256 for the other", MIXED,
                [(hmac_a, None), (ec_b, None), (token("p256", "b1", iss=A), "algorithm_not_allowed"), (hmac_a, None),
                 (token(keys.SECRET32, None, "HS256", iss=B), "algorithm_not_allowed"), (ec_b, None)])
    one, two = (token("p256", "t1", iss=TEMPLATE.replace("{tid}", name), tid=name) for name in ("one", "two"))
    suite.steps("tenants", "tenants of one template", TENANTS,
                [(one, None), (two, None), (token("p256", "t1", iss=TEMPLATE.replace("{tid}", "one"), tid="two"), MISMATCH), (one, None), (two, None)])
    suite.steps("expiry", "a cached token expires", TWO,
                [(a, None), (a, None, NOW + 3599), (a, "token_expired", NOW + 3600), (b, "token_expired", NOW + 3600), (b, None), (a, None)])
    early = token("p256", "a1", iss=A, nbf=NOW)
    suite.steps("early", "the tolerance for clocks holds for cached tokens, too", TWO,
                [(early, None), (early, None, NOW - 30), (early, "token_not_yet_valid", NOW - 31), (early, None)])
    suite.steps("forged-first", "what was refused is not remembered as refused", TWO,
                [(a[:-4] + "AAAA", SIGNATURE), (a, None), (a[:-4] + "AAAA", SIGNATURE), (a, None)])
    own = of(issuer(A, "p256", "a1", required_claims={"use": "access"}), issuer(B, "p256-other", "b1", required_claims=[]))
    good, bad = token("p256", "a1", iss=A, use="access"), token("p256", "a1", iss=A, use="id")
    suite.steps("policies", "each issuer's own policy", own,
                [(good, None), (bad, "claim_mismatch"), (a, "claim_missing"), (b, None), (good, None), (bad, "claim_mismatch"), (b, None)])
    return suite


SUITES = [choice, order, algorithms, policies, templates, configuration, key_issuer, sequences]
