"""How far in the future nbf and iat may be: a provider whose clock is ahead must not lock its users out."""

from __future__ import annotations

from .base import HS, NOW, Suite, claims

EARLY = {"nbf": "token_not_yet_valid", "iat": "token_issued_in_future"}


def future() -> Suite:
    suite = Suite("clock_skew/future")
    for name, early in EARLY.items():
        for skew, leeway, ahead, good in [
            (None, None, 0, True), (None, None, 1, True), (None, None, 30, True), (None, None, 30.5, False), (None, None, 31, False),
            (None, None, 3600, False), (0, None, 0, True), (0, None, 0.5, False), (0, None, 1, False), (5, None, 5, True), (5, None, 6, False),
            (0.25, None, 0.25, True), (0.25, None, 0.5, False), (86400, None, 86400, True), (86400, None, 86401, False), (None, 10, 30, True),
            (None, 10, 31, False), (None, 10, 40, False), (None, 60, 60, True), (None, 60, 61, False), (None, 60, 90, False), (0, 10, 10, True),
            (0, 10, 11, False), (60, 60, 60, True), (60, 60, 61, False), (90, 10, 90, True), (90, 10, 100, False),
        ]:
            config = HS.with_config(**({} if skew is None else {"clock_skew": skew}), **({} if leeway is None else {"leeway": leeway}))
            label = f"{name}-{'default' if skew is None else skew}-{'none' if leeway is None else leeway}-{ahead}"
            suite.add(label, f"{name} is {ahead} s ahead, clock_skew {skew}, leeway {leeway}",
                      HS.token(claims(**{name: NOW + ahead, "exp": NOW + 1000000})), config, None if good else early)
        suite.add(f"{name}-fraction", "now has a fraction, too", HS.token(claims(**{name: NOW})), HS.config, now=NOW - 30)
        suite.add(f"{name}-fraction-more", "now has a fraction, too", HS.token(claims(**{name: NOW})), HS.config, early, now=NOW - 30.25)
        for text, kind in [(str((1 << 63) - 1), "max"), ("9e18", "real")]:
            payload = str(claims(**{name: "@@"})).replace("'@@'", text).replace("'", '"')
            suite.add(f"{name}-{kind}", "far ahead, with the largest tolerance", HS.token(payload), HS.with_config(clock_skew=86400), early)
    return suite


def expiry() -> Suite:
    suite = Suite("clock_skew/expiry")
    for skew in (0, 30, 86400):
        config = HS.with_config(clock_skew=skew)
        suite.add(f"expired-{skew}", "clock_skew does not extend a token's life", HS.token(claims(exp=NOW)), config, "token_expired")
        suite.add(f"last-second-{skew}", "nor shorten it", HS.token(claims(exp=NOW + 1)), config)
        suite.add(f"leeway-{skew}", "leeway does", HS.token(claims(exp=NOW - 9)), {**config, "leeway": 10})
        suite.add(f"leeway-over-{skew}", "up to its end", HS.token(claims(exp=NOW - 10)), {**config, "leeway": 10}, "token_expired")
    for name, value in [("negative", -1), ("more", 86401), ("huge", 1e300), ("negative-real", -0.001)]:
        suite.add(f"range-{name}", f"clock_skew {value}", HS.token(), HS.with_config(clock_skew=value), "configuration_invalid")
    suite.add("order", "nbf before iat, within the tolerance neither", HS.token(claims(nbf=NOW + 10, iat=NOW + 10)), HS.config)
    suite.add("order-nbf", "nbf before iat", HS.token(claims(nbf=NOW + 40, iat=NOW + 40)), HS.config, "token_not_yet_valid")
    token = HS.token(claims(nbf=NOW, iat=NOW))
    suite.steps("cached", "a token that the cache holds is judged by the same clock", HS.config,
                [(token, None), (token, None, NOW - 30), (token, "token_not_yet_valid", NOW - 31), (token, None, NOW - 30), (token, None)])
    return suite


SUITES = [future, expiry]
