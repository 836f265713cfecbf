"""Scopes that include others, and scopes of several claims together."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, HS, Suite, claims, dump

LACKING, CONFIG = "insufficient_scope", "configuration_invalid"
RULES = {"admin": ["write", "audit"], "write": ["read"], "root": ["admin"], "audit": ["log:read"]}


def hierarchy() -> Suite:
    suite = Suite("scopes_hierarchy/implied")

    def add(name: str, granted: str, required: list[str], code: str | None = None, rules: Any = None) -> None:
        rules = RULES if rules is None else rules
        expected: dict[str, Any] = {} if code else {"scopes": granted.split()}
        suite.add(name, f"granted {granted!r}, required {required}", HS.token(claims(scope=granted)),
                  HS.with_config(required_scopes=required, scope_hierarchy=rules), code, **expected)

    for granted, has in [("admin", ["admin", "write", "read", "audit", "log:read"]), ("write", ["write", "read"]), ("read", ["read"]),
                         ("root", ["root", "admin", "write", "read", "audit", "log:read"]), ("audit", ["audit", "log:read"]), ("other", ["other"]),
                         ("", [])]:
        for required in ["root", "admin", "write", "read", "audit", "log:read", "other"]:
            add(f"{granted or 'nothing'}-{required}", granted, [required], None if required in has else LACKING)
    add("all", "admin", ["admin", "write", "read", "audit", "log:read"])
    add("all-but-one", "admin", ["admin", "write", "root"], LACKING)
    add("together", "write audit", ["read", "log:read"])
    add("together-not-up", "write audit", ["admin"], LACKING)
    add("case", "Admin", ["read"], LACKING)
    add("prefix", "adm", ["read"], LACKING)
    add("joined", "admin,write", ["read"], LACKING)
    add("no-rules", "admin", ["read"], LACKING, {})
    add("no-rules-equal", "read", ["read"], None, {})
    add("rule-of-none", "admin", ["read"], LACKING, {"admin": []})
    add("diamond", "top", ["bottom"], None, {"top": ["left", "right"], "left": ["bottom"], "right": ["bottom"]})
    chain = {f"s{i}": [f"s{i + 1}"] for i in range(60)}
    add("chain", "s0", ["s60"], None, chain)
    add("chain-not-up", "s60", ["s0"], LACKING, chain)
    add("twice", "admin", ["read"], None, {"admin": ["read", "read"]})
    for name, rules in [("itself", {"a": ["a"]}), ("two", {"a": ["b"], "b": ["a"]}), ("three", {"a": ["b"], "b": ["c"], "c": ["a"]}),
                        ("within", {"x": ["a"], "a": ["b"], "b": ["c", "a"]}), ("space", {"a b": ["c"]}), ("space-implied", {"a": ["b c"]}),
                        ("empty", {"": ["a"]}), ("empty-implied", {"a": [""]})]:
        add(f"refused-{name}", "read", ["read"], CONFIG, rules)
    for name, scope, code in [("array", ["admin"], None), ("array-joined", ["admin write"], LACKING)]:
        suite.add(name, "scopes as an array", HS.token(claims(scope=scope)), HS.with_config(required_scopes=["read"], scope_hierarchy=RULES), code)
    suite.add("absent", "no scope", HS.token(claims(scope=ABSENT)), HS.with_config(required_scopes=["read"], scope_hierarchy=RULES), LACKING)
    token = HS.token(claims(scope="admin"))
    suite.steps("cached", "a cached token has them, too", HS.with_config(required_scopes=["read"], scope_hierarchy=RULES),
                [(token, None), (token, None), (HS.token(claims(scope="audit")), LACKING), (token, None)])
    return suite


def merged() -> Suite:
    suite = Suite("scopes_hierarchy/merged")

    def add(name: str, changes: dict[str, Any], expected: list[str] | None, code: str | None = None, names: Any = ("scope", "scp", "roles"),
            **config: Any) -> None:
        given: dict[str, Any] = {} if expected is None else {"scopes": expected}
        suite.add(name, f"scope_claims {dump(list(names))}", HS.token(claims(**changes)),
                  HS.with_config(scope_claims=list(names), merge_scope_claims=True, **config), code, **given)

    add("one", {}, ["read", "write"])
    add("two", {"scp": ["a", "b"]}, ["read", "write", "a", "b"])
    add("three", {"scp": "a", "roles": ["b"]}, ["read", "write", "a", "b"])
    add("order", {"scope": "z", "scp": "m", "roles": ["a"]}, ["z", "m", "a"])
    add("order-of-option", {"scope": "z", "scp": "m"}, ["m", "z"], names=("scp", "scope"))
    add("repeated", {"scp": ["write", "a", "read"]}, ["read", "write", "a"])
    add("repeated-within", {"scope": "a b a", "scp": "b c b"}, ["a", "b", "c"])
    add("absent-first", {"scope": ABSENT, "scp": "a"}, ["a"])
    add("absent-all", {"scope": ABSENT}, [])
    add("empty", {"scope": "", "scp": []}, [])
    add("with-space", {"scp": ["read write"]}, ["read", "write", "read write"])
    add("same-claim", {}, ["read", "write"], names=("scope", "/scope", "scope"))
    add("items-too", {"roles": ["a", "b c"]}, ["a", "b c", "b", "c"], names=("roles", "/roles/1"))
    add("many", {"scope": " ".join(f"s{i % 100}" for i in range(300)), "scp": [f"s{i}" for i in range(120)]}, [f"s{i}" for i in range(120)])
    add("required", {"scp": ["admin"]}, None, required_scopes=["read", "admin"])
    add("lacking", {"scp": ["admin"]}, None, LACKING, required_scopes=["read", "other"])
    add("implied", {"scope": "x", "roles": ["admin"]}, ["x", "admin"], required_scopes=["read"], scope_hierarchy=RULES)
    for name, value in [("number", 1), ("null", None), ("object", {}), ("mixed", ["a", 1])]:
        add(f"wrong-{name}", {"scp": value}, None, "scope_invalid")
        suite.add(f"wrong-{name}-alone", "what is not merged is not looked at", HS.token(claims(scp=value)), HS.config, scopes=["read", "write"])
    suite.add("escaped", "scopes written with escapes", HS.token(dump(claims())[:-1] + ',"scp":["\\u0072ead","\\u0061 b"]}'),
              HS.with_config(merge_scope_claims=True), scopes=["read", "write", "a b"])
    suite.add("escaped-space", "a space written as an escape separates, too", HS.token(dump(claims(scope=ABSENT))[:-1] + ',"scope":"a\\u0020b"}'),
              HS.with_config(merge_scope_claims=True), scopes=["a", "b"])
    suite.add("off", "not merged unless asked for", HS.token(claims(scp=["a"])), HS.with_config(merge_scope_claims=False), scopes=["read", "write"])
    suite.add("off-repeated", "and then as they stand", HS.token(claims(scope="a b a")), HS.config, scopes=["a", "b", "a"])
    return suite


SUITES = [hierarchy, merged]
