"""Required claims with values: equal by type and exact value, one item of an array is enough."""

from __future__ import annotations

from typing import Any

from .base import ABSENT, HS, Suite, claims, dump

MISSING, MISMATCH, CONFIG = "claim_missing", "claim_mismatch", "configuration_invalid"


def with_text(text: str) -> bytes:
    """Claims whose claim x has this very JSON text."""
    return (dump(claims())[:-1] + f',"x":{text}}}').encode()


def config(**values: Any) -> dict[str, Any]:
    return HS.with_config(required_claims=values)


def equality() -> Suite:
    suite = Suite("claim_values/equality")
    # What is demanded, and the texts that are and are not that value.
    table: list[tuple[str, Any, list[str], list[str]]] = [
        ("text", "access", ['"access"', '"\\u0061ccess"', '"acc\\u0065ss"'],
         ['"Access"', '"access "', '"acces"', '"accessx"', '""', 'null', 'true', '0', '{}', '{"access":"access"}', '"\\"access\\""']),
        ("empty", "", ['""'], ['" "', 'null', 'false', '0', '"\\n"']),
        ("unicode", "\u00e4\u20ac\U0001f600", ['"\u00e4\u20ac\U0001f600"', '"\\u00e4\\u20ac\\ud83d\\ude00"'], ['"a\\u0308\u20ac\U0001f600"']),
        ("digits", "1", ['"1"', '"\\u0031"'], ['1', '1.0', 'true']),
        ("one", 1, ['1', '1.0', '1e0', '1E0', '1e+0', '1e-0', '10e-1', '0.1e1', '1.000000000000000000000000', '0.001e3', '1000e-3'],
         ['"1"', 'true', '-1', '0', '10', '0.1', '1.0000000000000000000001', '0.9999999999999999999999', 'null', '1e1', '1e-400000']),
        ("zero", 0, ['0', '-0', '0.0', '-0.0', '0e5', '0.000', '0e99999999999999999999'], ['"0"', 'false', 'null', '""', '1e-300', '1', '-1e-300']),
        ("minus", -5, ['-5', '-5.0', '-50e-1', '-0.5e1'], ['5', '"-5"', '-5.5', '-4']),
        ("hundred", 100, ['100', '1e2', '1E2', '100.00', '0.1e3', '10000e-2'], ['1', '10', '1000', '1e3']),
        ("real", 0.1, ['0.1', '0.10', '1e-1', '10e-2', '0.01e1'], ['0.1000000000000000055511151231257827', '0.11', '"0.1"', '0.01']),
        ("half", 1.5, ['1.5', '15e-1', '1.50'], ['1', '2', '15']),
        ("2-53", 1 << 53, ['9007199254740992', '9007199254740992.0', '9.007199254740992e15'],
         ['9007199254740993', '9007199254740991', '9007199254740992.5']),
        ("1e21", 1e21, ['1000000000000000000000', '1e21', '1.0e+21', '10e20'], ['1000000000000000000001', '999999999999999999999']),
        ("small", 5e-324, ['5e-324', '50e-325'], ['4.94e-324', '0', '5e-325']),
        ("true", True, ['true'], ['false', '1', '"true"', 'null', '"True"']),
        ("false", False, ['false'], ['true', '0', '""', 'null', '"false"']),
    ]
    for name, demanded, equal, different in table:
        for i, text in enumerate(equal):
            suite.add(f"{name}-is-{i}", f"demanded {dump(demanded)}, held {text}", HS.token(with_text(text)), config(x=demanded))
        for i, text in enumerate(different):
            suite.add(f"{name}-is-not-{i}", f"demanded {dump(demanded)}, held {text}", HS.token(with_text(text)), config(x=demanded), MISMATCH)
        suite.add(f"{name}-absent", f"demanded {dump(demanded)}, absent", HS.token(), config(x=demanded), MISSING)
    return suite


def lists() -> Suite:
    suite = Suite("claim_values/lists")
    either = config(x=["a", 2, True])
    for name, value, code in [("first", "a", None), ("second", 2, None), ("third", True, None), ("none", "b", MISMATCH), ("text-2", "2", MISMATCH),
                              ("one", 1, MISMATCH), ("false", False, MISMATCH), ("array", ["z", "a"], None), ("array-two", [2], None),
                              ("array-none", ["z", "2", False], MISMATCH), ("array-empty", [], MISMATCH), ("array-nested", [["a"]], MISMATCH),
                              ("array-object", [{"a": "a"}], MISMATCH), ("array-null", [None], MISMATCH), ("object", {"0": "a"}, MISMATCH),
                              ("array-last", [*range(10, 60), "a"], None), ("null", None, MISMATCH)]:
        suite.add(name, f"one of several, held {dump(value)[:40]}", HS.token(claims(x=value)), either, code)
    suite.add("one-item", "a list of one", HS.token(claims(x="a")), config(x=["a"]))
    suite.add("one-item-other", "a list of one", HS.token(claims(x="b")), config(x=["a"]), MISMATCH)
    both = config(token_use="access", client_id=["client-1", "client-2"])
    for name, changes, code in [("both", {"token_use": "access"}, None), ("second-other", {"token_use": "access", "client_id": "client-3"}, MISMATCH),
                                ("first-other", {"token_use": "id"}, MISMATCH), ("first-absent", {}, MISSING),
                                ("second-value", {"token_use": "access", "client_id": "client-2"}, None)]:
        suite.add(f"two-{name}", "two claims, as of Cognito", HS.token(claims(**changes)), both, code)
    suite.add("mapping-empty", "nothing demanded", HS.token(), config())
    suite.add("registered-own-code", "aud has a reason of its own", HS.token(claims(aud="x")), config(aud="x"), "audience_mismatch")
    suite.add("registered", "a registered claim may be demanded, too", HS.token(), config(sub="user-1"))
    suite.add("registered-other", "a registered claim may be demanded, too", HS.token(claims(sub="user-2")), config(sub="user-1"), MISMATCH)
    suite.add("before-scope", "required claims are checked before scopes", HS.token(claims(x="b")),
              HS.with_config(required_claims={"x": "a"}, required_scopes=["admin"]), MISMATCH)
    suite.add("escaped-name", "a name written with an escape", HS.token(dump(claims())[:-1] + ',"\\u0078":"a"}'), config(x="a"))
    suite.add("nested-name", "a claim of that name further down is another", HS.token(claims(y={"x": "a"})), config(x="a"), MISSING)
    suite.add("exp", "an expiry may be demanded exactly", HS.token(), config(exp=1750003600))
    return suite


def configurations() -> Suite:
    suite = Suite("claim_values/configuration")
    for name, value in [("null", None), ("object", {}), ("object-member", {"a": "b"}), ("empty-list", []), ("null-item", [None]),
                        ("null-among", ["a", None]), ("list-item", [["a"]]), ("empty-list-item", [[]]), ("object-item", [{}])]:
        suite.add(name, f"demanded {dump(value)}", HS.token(claims(x="a")), config(x=value), CONFIG)
    suite.add("empty-name", "a claim without a name", HS.token(), HS.with_config(required_claims={"": "a"}), CONFIG)
    suite.add("name-only", "one text is one name", HS.token(claims(tenant="x")), HS.with_config(required_claims="tenant"))
    suite.add("name-only-absent", "one text is one name", HS.token(), HS.with_config(required_claims="tenant"), MISSING)
    suite.add("name-null", "a name demands no value: null is there", HS.token(claims(tenant=None)), HS.with_config(required_claims=["tenant"]))
    suite.add("many-names", "more names than sixty-four: the last one counts", HS.token(claims(**{f"c{i}": 1 for i in range(99)})),
              HS.with_config(required_claims=[f"c{i}" for i in range(100)]), MISSING)
    suite.add("many-names-there", "more names than sixty-four", HS.token(claims(**{f"c{i}": 1 for i in range(100)})),
              HS.with_config(required_claims=[f"c{i}" for i in range(100)]))
    suite.add("many-values", "a hundred values", HS.token(claims(x="v99")), config(x=[f"v{i}" for i in range(100)]))
    suite.add("many-values-none", "a hundred values", HS.token(claims(x="v100")), config(x=[f"v{i}" for i in range(100)]), MISMATCH)
    suite.add("absent-null", "absent is not null", HS.token(claims(tenant=ABSENT)), HS.with_config(required_claims=["tenant"]), MISSING)
    return suite


SUITES = [equality, lists, configurations]
