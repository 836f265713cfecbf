"""exp, nbf, iat: absent, wrong, out of range, too early, too late (RFC 7519 sections 4.1.4 to 4.1.6)."""

from __future__ import annotations

from typing import Any

from . import keys
from .base import ABSENT, NOW, Issuer, Suite, claims, dump

# Without tolerance for clocks, which is the suite clock_skew's matter.
HS = Issuer("HS256", keys.SECRET32, clock_skew=0)
MAX, MIN = (1 << 63) - 1, -(1 << 63)
WRONG: list[tuple[str, Any]] = [("string", str(NOW + 3600)), ("empty", ""), ("null", None), ("true", True), ("false", False),
                                ("array", [NOW + 3600]), ("object", {"exp": NOW + 3600}), ("date", "2030-01-01T00:00:00Z")]
# Number texts outside of 64-bit seconds.
OUTSIDE = [("int64-plus-1", str(MAX + 1)), ("int64-minus-1", str(MIN - 1)), ("uint64", str((1 << 64) - 1)),
           ("uint64-wrap", str((1 << 64) + NOW + 3600)), ("int128", str(1 << 127)), ("huge", "9" * 200), ("real", "1e19"),
           ("real-negative", "-1e19"), ("real-edge", "9223372036854775808.0"), ("real-huge", "1e308"), ("exponent", "1e20")]


def with_text(name: str, text: str, **changes: Any) -> bytes:
    """Claims in which one has this very number text."""
    return dump(claims(**{name: "@@", **changes})).replace('"@@"', text).encode()


def exp() -> Suite:
    suite = Suite("time/exp")
    missing, invalid, expired = "exp_missing", "exp_invalid", "token_expired"
    loose = HS.with_config(require_exp=False)
    suite.add("missing", "no exp", HS.token(claims(exp=ABSENT)), HS.config, missing)
    suite.add("missing-allowed", "no exp, not required", HS.token(claims(exp=ABSENT)), loose)
    suite.add("present-not-required", "exp is checked even where it is not required", HS.token(claims(exp=NOW - 1)), loose, expired)
    suite.add("present-not-required-good", "exp in the future where it is not required", HS.token(), loose)
    suite.add("required-explicit", "exp required by name", HS.token(claims(exp=ABSENT)), HS.with_config(require_exp=True), missing)
    for name, value in WRONG:
        suite.add(f"wrong-{name}", f"exp is {dump(value)}", HS.token(claims(exp=value)), HS.config, invalid)
        suite.add(f"wrong-{name}-not-required", f"exp is {dump(value)}: malformed is not absent", HS.token(claims(exp=value)), loose,
                  invalid)
    for name, text in OUTSIDE:
        suite.add(f"outside-{name}", f"exp is {text[:30]}: beyond 64-bit seconds", HS.token(with_text("exp", text)), HS.config, invalid)
        suite.add(f"outside-{name}-leeway", "the same with the largest leeway", HS.token(with_text("exp", text)),
                  HS.with_config(leeway=86400), invalid)
    for name, value in [("zero", 0), ("minus-1", -1), ("one", 1), ("long-ago", NOW - 86400 * 365), ("second-ago", NOW - 1), ("now", NOW)]:
        suite.add(f"expired-{name}", f"exp = {value}", HS.token(claims(exp=value)), HS.config, expired)
    suite.add("expired-min", "the smallest integer", HS.token(with_text("exp", str(MIN))), HS.config, expired)
    suite.add("expired-min-leeway", "the smallest integer with leeway", HS.token(with_text("exp", str(MIN))),
              HS.with_config(leeway=86400), expired)
    suite.add("next-second", "one second left", HS.token(claims(exp=NOW + 1)), HS.config)
    suite.add("max", "the largest integer", HS.token(with_text("exp", str(MAX))), HS.config)
    suite.add("max-leeway", "the largest integer and the largest leeway: nothing overflows", HS.token(with_text("exp", str(MAX))),
              HS.with_config(leeway=86400))
    suite.add("max-less-1", "the largest integer less one", HS.token(with_text("exp", str(MAX - 1))), HS.config)
    for name, text, code in [("half-left", f"{NOW}.5", None), ("half-over", f"{NOW - 1}.5", expired), ("zero-fraction", f"{NOW}.0", expired),
                             ("tiny", f"{NOW}.001", None), ("exponent", "1.750003600e9", None), ("exponent-upper", "17500036E2", None),
                             ("exponent-plus", "17500036e+2", None), ("exponent-past", "1e9", expired), ("minus-zero", "-0", expired),
                             ("minus-zero-real", "-0.0", expired), ("small", "1e-300", expired), ("large", "9e18", None),
                             ("long-fraction", f"{NOW + 10}." + "3" * 200, None)]:
        suite.add(f"real-{name}", f"exp is {text[:30]}", HS.token(with_text("exp", text)), HS.config, code)
    suite.add("now-fraction-before", "now has a fraction too", HS.token(claims(exp=NOW)), HS.config, now=NOW - 0.5)
    suite.add("now-fraction-after", "now has a fraction too", HS.token(claims(exp=NOW)), HS.config, expired, now=NOW + 0.25)
    suite.add("fractions-equal", "both fractions are equal", HS.token(with_text("exp", f"{NOW}.5")), HS.config, expired, now=NOW + 0.5)
    for leeway, exp_value, code in [(10, NOW - 9, None), (10, NOW - 10, expired), (10, NOW - 11, expired), (0.5, NOW, None),
                                    (86400, NOW - 86399, None), (86400, NOW - 86400, expired), (0, NOW, expired), (0, NOW + 1, None)]:
        suite.add(f"leeway-{leeway}-{NOW - exp_value}", f"leeway {leeway}, exp = now - {NOW - exp_value}",
                  HS.token(claims(exp=exp_value)), HS.with_config(leeway=leeway), code)
    suite.add("leeway-zero-exp", "exp 0 with leeway is still expired", HS.token(claims(exp=0)), HS.with_config(leeway=3600), expired)
    for name, moment, exp_value, code in [("1969", -100, -99, None), ("1969-over", -100, -100, expired), ("1970", 0, 1, None),
                                          ("1970-over", 0, 0, expired), ("2038", 1 << 31, (1 << 31) + 1, None),
                                          ("2038-over", 1 << 31, 1 << 31, expired), ("2106", 1 << 32, (1 << 32) + 1, None),
                                          ("2262", 9223372037, 9223372038, None), ("2262-over", 9223372037, 9223372037, expired),
                                          ("3000", 32503680000, 32503680001, None), ("1900", -2208988800, -2208988799, None),
                                          ("far", 1e15, int(1e15) + 1, None), ("far-over", 1e15, int(1e15), expired)]:
        suite.add(f"now-{name}", f"now = {moment}", HS.token(claims(exp=exp_value, iat=ABSENT)), HS.config, code, now=moment)
    suite.add("name-case", "EXP is another claim", HS.token(claims(exp=ABSENT, EXP=NOW + 10)), HS.config, missing)
    suite.add("nested", "exp within another claim", HS.token(claims(exp=ABSENT, x={"exp": NOW + 10})), HS.config, missing)
    suite.add("escaped", "exp written with an escape",
              HS.token(dump(claims(exp=ABSENT))[:-1] + f',"\\u0065xp":{NOW - 1}}}'), HS.config, expired)
    return suite


def not_before(name: str, early: str, invalid: str) -> Suite:
    """nbf and iat: the same rule."""
    suite = Suite(f"time/{name}")
    suite.add("missing", f"no {name}", HS.token(claims(**{name: ABSENT})), HS.config)
    for kind, value in WRONG:
        suite.add(f"wrong-{kind}", f"{name} is {dump(value)}", HS.token(claims(**{name: value})), HS.config, invalid)
    for kind, text in OUTSIDE:
        suite.add(f"outside-{kind}", f"{name} is {text[:30]}: beyond 64-bit seconds", HS.token(with_text(name, text)), HS.config, invalid)
    for kind, text, code in [("past", str(NOW - 1), None), ("now", str(NOW), None), ("next-second", str(NOW + 1), early),
                             ("far", str(NOW * 10), early), ("max", str(MAX), early), ("zero", "0", None), ("negative", "-5", None),
                             ("min", str(MIN), None), ("half-before", f"{NOW - 1}.5", None), ("half-after", f"{NOW}.5", early),
                             ("real-now", f"{NOW}.0", None), ("exponent", "1e9", None), ("exponent-future", "2e9", early),
                             ("minus-zero", "-0", None), ("milliseconds", str(NOW * 1000), early)]:
        suite.add(kind, f"{name} is {text}", HS.token(with_text(name, text)), HS.config, code)
    for leeway, after, code in [(10, 9, None), (10, 10, None), (10, 11, early), (0.5, 1, early), (86400, 86400, None), (86400, 86401, early)]:
        suite.add(f"leeway-{leeway}-{after}", f"leeway {leeway}, {name} = now + {after}",
                  HS.token(claims(**{name: NOW + after, "exp": NOW + 1000000})), HS.with_config(leeway=leeway), code)
    suite.add("max-leeway", "the largest integer with the largest leeway", HS.token(with_text(name, str(MAX))),
              HS.with_config(leeway=86400), early)
    suite.add("now-fraction", "now has a fraction: a quarter second too early", HS.token(claims(**{name: NOW})), HS.config, early,
              now=NOW - 0.25)
    suite.add("now-negative", "before 1970", HS.token(claims(**{"iat": ABSENT, name: -101, "exp": -99})), HS.config, now=-100)
    suite.add("now-negative-early", "before 1970, too early", HS.token(claims(**{"iat": ABSENT, name: -99, "exp": -98})), HS.config, early,
              now=-100)
    return suite


def order() -> Suite:
    """Which reason wins: exp, then nbf, then iat, and all of them before the parties."""
    suite = Suite("time/order")
    past, future = NOW - 1, NOW + 10
    for name, changes, code in [
        ("exp-before-nbf", {"exp": past, "nbf": future}, "token_expired"),
        ("exp-missing-before-nbf", {"exp": ABSENT, "nbf": future}, "exp_missing"),
        ("exp-invalid-before-nbf", {"exp": "x", "nbf": "x"}, "exp_invalid"),
        ("nbf-before-iat", {"nbf": future, "iat": future}, "token_not_yet_valid"),
        ("nbf-invalid-before-iat", {"nbf": None, "iat": None}, "nbf_invalid"),
        ("iat-before-iss", {"iat": future, "iss": "other"}, "token_issued_in_future"),
        ("iat-invalid-before-iss", {"iat": "x", "iss": 5}, "iat_invalid"),
        ("exp-before-iss", {"exp": past, "iss": "other"}, "token_expired"),
        ("nbf-before-aud", {"nbf": future, "aud": "other"}, "token_not_yet_valid"),
        ("iat-after-exp", {"iat": NOW - 10, "exp": NOW + 5}, None),
        ("exp-before-iat-value", {"iat": NOW, "exp": NOW + 1}, None),
    ]:
        suite.add(name, "the first rule that fails is the reason", HS.token(claims(**changes)), HS.config, code)
    suite.add("signature-before-exp", "an expired token with a bad signature",
              HS.token(claims(exp=past), signer=lambda _: bytes(32)), HS.config, "signature_invalid")
    return suite


SUITES = [exp, lambda: not_before("nbf", "token_not_yet_valid", "nbf_invalid"),
          lambda: not_before("iat", "token_issued_in_future", "iat_invalid"), order]
