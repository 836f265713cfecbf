"""JSON Pointers (RFC 6901) into the payload: for required claims, scopes and the client id."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, HS, Suite, claims, dump

MISSING, CONFIG = "claim_missing", "configuration_invalid"
# RFC 6901 section 5, within a claim and beside it.
DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "~1": 9, "01": 10,
            "0": 11, "-": 12, "deep": [[["x"], {"y": [None]}]], "null": None, "text": "text"}


def required() -> Suite:
    suite = Suite("claim_paths/required")
    token, nested = HS.token(claims(**DOCUMENT)), HS.token(claims(d=DOCUMENT))
    for name, path, code in [
        ("foo", "/foo", None), ("first", "/foo/0", None), ("second", "/foo/1", None), ("behind", "/foo/2", MISSING), ("dash", "/foo/-", MISSING),
        ("leading-zero", "/foo/00", MISSING), ("leading-zero-one", "/foo/01", MISSING), ("plus", "/foo/+1", MISSING), ("minus", "/foo/-1", MISSING),
        ("real", "/foo/1.0", MISSING), ("exponent", "/foo/1e0", MISSING), ("space", "/foo/ 1", MISSING), ("word", "/foo/length", MISSING),
        ("no-index", "/foo/", MISSING), ("huge", "/foo/18446744073709551616", MISSING), ("wrap-32", "/foo/4294967296", MISSING),
        ("wrap-64", "/foo/18446744073709551617", MISSING), ("letters", "/foo/0x1", MISSING), ("arabic", "/foo/\u0661", MISSING),
        ("empty", "/", None), ("slash", "/a~1b", None), ("percent", "/c%d", None), ("caret", "/e^f", None), ("bar", "/g|h", None),
        ("backslash", "/i\\j", None), ("quote", "/k\"l", None), ("blank", "/ ", None), ("tilde", "/m~0n", None), ("tilde-one", "/~01", None),
        ("zero-one-name", "/01", None), ("zero-name", "/0", None), ("dash-name", "/-", None), ("null", "/null", None), ("in-null", "/null/x", MISSING),
        ("in-text", "/text/0", MISSING), ("in-text-name", "/text/text", MISSING), ("in-number", "/0/0", MISSING), ("deep", "/deep/0/0/0", None),
        ("deep-object", "/deep/0/1/y/0", None), ("deep-behind", "/deep/0/1/y/1", MISSING), ("deep-type", "/deep/y", MISSING),
        ("other", "/bar", MISSING), ("case", "/FOO", MISSING), ("slash-unescaped", "/a/b", MISSING), ("encoded", "/a%2Fb", MISSING),
        ("no-fragment", "#/foo", MISSING), ("double", "//", MISSING), ("trailing", "/deep/", MISSING), ("proto", "/__proto__", MISSING),
        ("constructor", "/deep/constructor", MISSING),
    ]:
        suite.add(name, f"the path {path!r}", token, HS.with_config(required_claims=[path]), code)
        if path.startswith("/"):
            suite.add(f"{name}-nested", f"the path {'/d' + path!r}", nested, HS.with_config(required_claims=["/d" + path]), code)
    for name, path in [("tilde", "/~"), ("tilde-2", "/~2"), ("tilde-end", "/a~"), ("tilde-letter", "/a/~b"), ("tilde-slash", "/~/a"),
                       ("tilde-twice", "/~~0"), ("33-segments", "/a" * 33), ("empty", "")]:
        for option in ("required_claims", "scope_claims", "client_id_claims"):
            suite.add(f"refused-{name}-{option}", f"{path[:20]!r} is no path", token, HS.with_config(**{option: [path]}), CONFIG)
        suite.add(f"refused-{name}-value", f"{path[:20]!r} is no path", token, HS.with_config(required_claims={path: 1}), CONFIG)
    suite.add("32-segments", "as many segments as there may be", token, HS.with_config(required_claims=["/a" * 32]), MISSING)
    suite.add("name-with-slash", "a name that does not begin with a slash is a name", HS.token(claims(**{"a/b": 1})),
              HS.with_config(required_claims=["a/b"]))
    suite.add("name-with-slash-is-no-path", "a name that does not begin with a slash is a name", HS.token(claims(a={"b": 1})),
              HS.with_config(required_claims=["a/b"]), MISSING)
    suite.add("url-name", "a claim called by a URL", HS.token(claims(**{"https://example.com/roles": ["x"]})),
              HS.with_config(required_claims={"https://example.com/roles": "x"}))
    suite.add("tilde-name", "a name is not unescaped", HS.token(claims(**{"m~0n": 1})), HS.with_config(required_claims=["m~0n"]))
    suite.add("slash-name", "a top-level claim whose name begins with a slash", HS.token(claims(**{"/x": 1})), HS.with_config(required_claims=["/~1x"]))
    suite.add("escaped", "names written with escapes", HS.token(dump(claims())[:-1] + ',"\\u0061":{"\\u0062\\n":[1,{"\\u002f":2}]}}'),
              HS.with_config(required_claims={"/a/b\n/1/~1": 2}))
    for name, value, code in [("there", "admin", None), ("other", "guest", "claim_mismatch"), ("item", "user", None)]:
        suite.add(f"value-{name}", "a value behind a path", HS.token(claims(realm_access={"roles": ["admin", "user"]})),
                  HS.with_config(required_claims={"/realm_access/roles": value}), code)
    suite.add("value-absent", "a value behind a path that leads nowhere", HS.token(), HS.with_config(required_claims={"/realm_access/roles": "admin"}),
              MISSING)
    return suite


def scopes() -> Suite:
    suite = Suite("claim_paths/scopes")

    def add(name: str, paths: Any, changes: dict[str, Any], expected: list[str] | None, code: str | None = None, **config: Any) -> None:
        given: dict[str, Any] = {} if expected is None else {"scopes": expected}
        suite.add(name, f"scope_claims {dump(paths)}", HS.token(claims(**changes)), HS.with_config(scope_claims=paths, **config), code, **given)

    keycloak = {"realm_access": {"roles": ["admin", "offline access"]}, "resource_access": {"mcp": {"roles": ["tools"]}}}
    add("keycloak", ["/realm_access/roles"], keycloak, ["admin", "offline access"])
    add("keycloak-client", ["/resource_access/mcp/roles"], keycloak, ["tools"])
    add("keycloak-required", ["/realm_access/roles"], keycloak, None, required_scopes=["admin"])
    add("keycloak-lacking", ["/realm_access/roles"], keycloak, None, "insufficient_scope", required_scopes=["read"])
    add("text", ["/a/b"], {"a": {"b": "x y"}}, ["x", "y"])
    add("item", ["/a/1"], {"a": ["x", "y z"]}, ["y", "z"])
    add("first-present", ["/a/b", "scope"], {"a": {"b": "x"}}, ["x"])
    add("second", ["/a/b", "scope"], {"a": {"c": "x"}}, ["read", "write"])
    add("none", ["/a/b"], {}, [])
    add("through-text", ["/scope/0", "scope"], {}, ["read", "write"])
    for name, value in [("number", 1), ("object", {"x": 1}), ("null", None), ("true", True), ("mixed", ["a", 1]), ("nested", [["a"]])]:
        add(f"wrong-{name}", ["/a/b", "scope"], {"a": {"b": value}}, None, "scope_invalid")
    return suite


def client_ids() -> Suite:
    suite = Suite("claim_paths/client_id")

    def add(name: str, paths: Any, changes: dict[str, Any], expected: str | None) -> None:
        given = {"code": "client_id_invalid"} if expected is None else {"client_id": expected}
        suite.add(name, f"client_id_claims {dump(paths)}", HS.token(claims(**changes)), HS.with_config(client_id_claims=paths), **given)

    add("nested", ["/act/client_id"], {"act": {"client_id": "app"}}, "app")
    add("nested-absent", ["/act/client_id"], {}, "unknown")
    add("nested-then-name", ["/act/client_id", "client_id"], {"act": {}}, "client-1")
    add("nested-empty", ["/act/client_id", "client_id"], {"act": {"client_id": ""}}, "client-1")
    add("item", ["/aud/1"], {"aud": ["https://api.example/mcp", "app"]}, "app")
    add("default", ["client_id", "azp", "sub"], {"client_id": ABSENT}, "user-1")
    add("azp", ["azp"], {"azp": "a p p"}, "a p p")
    for name, value in [("number", 1), ("null", None), ("array", ["app"]), ("object", {"id": "app"}), ("false", False)]:
        add(f"wrong-{name}", ["/act/client_id", "client_id"], {"act": {"client_id": value}}, None)
    return suite


SUITES = [required, scopes, client_ids]
