"""Run by test_memory.py, in a process of its own: out_of_memory.py preload|testcapi

Each allocation of each call fails in turn. The call gives the right answer or raises MemoryError; where the memory was
OpenSSL's it may fail closed with another of the library's errors. Whatever happened, the same call works right after
it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from fastbearer import (
    AccessToken,
    ConfigurationError,
    DPoP,
    ExpiredSignatureError,
    FastBearerError,
    InvalidAudienceError,
    InvalidSignatureError,
    Issuer,
    KeyPair,
    MalformedRequestError,
    Request,
    RevokedTokenError,
    Verifier,
    _native,
    decode_unverified,
)

PAIRS = {name: KeyPair.generate(name) for name in ("HS256", "ES256", "EdDSA")}
CLAIMS = {"n": [1, 2.5, None, True, "ä", {"x": 10**30}], "scope": "a b"}


def source(name: str) -> dict[str, Any]:
    pair = PAIRS[name]
    return {"secret": pair.secret} if name == "HS256" else {"public_key": pair.public_key, "algorithms": name}


TOKENS = {name: pair.create_token(subject="alice", additional_claims=CLAIMS) for name, pair in PAIRS.items()}
FORGED = {name: token.rpartition(".")[0] + "." + "A" * len(token.rpartition(".")[2]) for name, token in TOKENS.items()}
OF_ONE = PAIRS["ES256"].create_token(issuer="https://one", audience="a", additional_claims=CLAIMS)
OF_TWO = PAIRS["HS256"].create_token(issuer="https://two", audience="a")
EXPIRED = PAIRS["ES256"].create_token(expires_in_seconds=-10)
VERIFIERS = {name: Verifier(**source(name), cache_size=0) for name in PAIRS}
CACHED = Verifier(**source("ES256"), required_scopes=["a"])
BOUND = PAIRS["ES256"].create_token(additional_claims={"cnf": {"jkt": PAIRS["EdDSA"].thumbprint()}})
PROVING = Verifier(**source("ES256"), dpop=DPoP(nonce_secret="n" * 32))
URL = "https://api.example/mcp"
DOCUMENT = PAIRS["EdDSA"].jwks(kid="k")
RESPONSE = PAIRS["EdDSA"].create_token(
    issuer="x", audience="server", subject=None, typ="token-introspection+jwt",
    additional_claims={"token_introspection": {"active": True, "exp": 9e9, "sub": "\u00e4", "scope": "a b"}},
)  # fmt: skip
RULES = _native.RpcPolicy(("initialize",), (("delete_*", ("admin", "b")),), (("file:///a/*", ("c",)),), (), None)
CALL = json.dumps({"method": "tools/call", "params": {"name": "delete_all", **{f"\u00e4{i}": i for i in range(30)}}})


def fetching() -> _native.Verifier:
    return _native.Verifier(
        issuers=({"identifiers": ("x",), "jwks_uri": "https://x.example/keys", "algorithms": ("EdDSA",)},)
    )


FETCHED = fetching()
FETCHED.refresh_complete(
    1, FETCHED.refresh_begin(1, _native.REFRESH_EXPLICIT, 0)[1], None, 200, json.dumps(DOCUMENT).encode(), {"etag": "1"}
)
OF_X = PAIRS["EdDSA"].create_token(subject="alice", issuer="x", kid="k")


def verified(name: str) -> Callable[[], bool]:
    def run() -> bool:
        access = VERIFIERS[name].verify(TOKENS[name])
        return access.subject == "alice" and access.scopes == ["a", "b"] and access.claims["n"][0] == 1

    return run


def refused(verifier: Verifier, token: str, error: type[Exception]) -> Callable[[], bool]:
    def run() -> bool:
        try:
            verifier.verify(token)
        except error as caught:
            return bool(str(caught))
        return False

    return run


def construction() -> bool:
    dpop = DPoP(algorithms=["ES256", "EdDSA"], nonce_secret="n" * 32, max_age=60)
    with Verifier(jwks=DOCUMENT, algorithms="EdDSA", issuer=["x", "y"], audience="z", dpop=dpop) as made:
        return len(made.keys()) == 1 and made.stats()["verified"] == 0


def several_issuers() -> bool:
    issuers = [
        Issuer("https://one", **source("ES256"), audience="a", required_claims={"n": [1, "x"]}),
        Issuer(["https://two", "https://three"], **source("HS256"), required_claims=[]),
    ]
    options = {"audience": "b", "scope_hierarchy": {"a": ["c", "d"]}, "required_claims": ["exp"]}
    with Verifier(issuers=issuers, **options) as made:
        access = made.verify(OF_ONE)
        stats, names = made.stats()["issuers"], [key.issuer for key in made.keys()]
        try:
            made.verify(OF_TWO)
        except InvalidAudienceError as error:
            return (
                access.has_scope("d")
                and access.issuer == "https://one"
                and stats[0]["verified"] == 1
                and names == ["https://one", "https://two"]
                and error.expected == "b"
            )
    return False


def resolved_issuer() -> bool:
    """On this thread: what runs on another one fails there."""
    with Verifier(resolve_issuer=lambda iss: None, audience="a") as made:
        decision, ticket, identifier = made._native.resolve_begin(OF_ONE)
        made._native.resolve_end(
            ticket, 0, made._issuers.resolved(identifier, Issuer("https://one", **source("ES256")))
        )
        return decision == 0 and made.verify(OF_ONE).issuer == identifier == "https://one"


def request() -> bool:
    """With a proof of its own, since a call that fails may have used it up; and more headers than have room at once."""
    proof = PAIRS["EdDSA"].dpop_proof("POST", URL, BOUND, PROVING.dpop_nonce())
    headers = {**{f"x-{i}": "\udcff" for i in range(40)}, "Authorization": f"DPoP {BOUND}", "DPoP": proof}
    access = PROVING.verify_request(Request("POST", URL, headers))
    return access.confirmation == {"jkt": PAIRS["EdDSA"].thumbprint()}


def malformed_request() -> bool:
    try:
        PROVING.verify_request(Request("POST", f"{URL}?access_token=\udcff", []))
    except MalformedRequestError as error:
        return error.http_status == 400
    return False


def rules_for_bodies() -> bool:
    made = _native.RpcPolicy(("initialize", "ping"), (("delete_*", ("admin",)), ("*", ("a", "b"))), (), (), 100000)
    RULES.check_headers(((b"content-type", b"application/json"), ("Content-Length", "9")))
    return made.scopes == ("admin", "a", "b") and RULES.check(CALL.encode()) == (False, ["admin", "b"])


def refused_body() -> bool:
    try:
        RULES.check(b'{"method":"ping","method":"ping"}')
    except MalformedRequestError as error:
        return error.http_status == 400
    return False


def stored_keys() -> bool:
    stored, other = FETCHED.export_keys(1), fetching()
    assert stored is not None
    other.import_keys(1, stored)
    state, issuers = other.health()
    return other.verify(OF_X, None).subject == "alice" and state == issuers[0]["health"] == "ready"


def introspected() -> bool:
    made = _native.Verifier(issuers=({"identifiers": ("x",), "introspection": "all"},))
    said = json.dumps({"active": True, "exp": time.time() + 60, "sub": "\u00e4", "scope": "a b", "list": [1] * 40})
    access = made.verify_introspected(1, "opaque", None, said.encode(), 60.0)
    return (access.subject, access.scopes, access.issuer) == ("\u00e4", ["a", "b"], "x")


def introspected_by_a_jwt() -> bool:
    keys = {"jwks": json.dumps(DOCUMENT), "algorithms": ("EdDSA",)}
    made = _native.Verifier(
        issuers=({"identifiers": ("x",), "introspection": "all", "introspection_audience": "server", **keys},)
    )
    media_type = "application/token-introspection+jwt"
    access = made.verify_introspected(1, "opaque", None, RESPONSE, 60.0, media_type, 0)
    return (access.subject, access.scopes, access.issuer) == ("\u00e4", ["a", "b"], "x")


def revoked() -> bool:
    revocations = _native.Revocations(10)
    made = _native.Verifier(
        issuers=({"identifiers": ("x",), "jwks": json.dumps(DOCUMENT), "algorithms": ("EdDSA",)},),
        revocations=revocations,
    )
    access = made.verify(OF_X, None)
    revocations.add("x", "another", None, None)
    if revocations.is_revoked(access, None):
        return False
    revocations.add_subject("x", "alice", time.time() + 60, None, None)
    try:
        made.verify(OF_X, None)
    except RevokedTokenError:
        return revocations.is_revoked(access, None) and revocations.describe()["tokens"] == 1
    return False


def misconfiguration() -> bool:
    try:
        Verifier(public_key="-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n")
    except ConfigurationError as error:
        return "public_key" in str(error)
    return False


def minting() -> bool:
    pair = KeyPair.generate("ES256")
    return pair.create_token(subject="a", scopes=["b"], audience=["c", "d"], kid="e").count(".") == 2


def unverified() -> bool:
    return bool(decode_unverified(TOKENS["ES256"]))


def plain_object() -> bool:
    access = AccessToken(token="t", client_id="c", scopes=["a"], expires_at=2**40, claims={"a": 1})
    return access == AccessToken(
        token="t", client_id="c", scopes=["a"], expires_at=2**40, claims={"a": 1}
    ) and "t" in repr(access)


def interpreters_own(error: SystemError) -> bool:
    """CPython says this of a plain `raise` whose traceback finds no memory, and 3.12 of its json. Of our functions it
    says which one."""
    said = str(error)
    return said == "error return without exception set" or said.startswith(("<function ", "<_json.Encoder "))


def plain_raise() -> bool:
    def fail() -> None:
        raise ValueError("x")

    try:
        fail()
    except ValueError:
        return True
    return False


SCENARIOS: dict[str, Callable[[], bool]] = {
    "nothing of ours": plain_raise,
    **{f"verify {name}": verified(name) for name in PAIRS},
    **{f"forged {name}": refused(VERIFIERS[name], FORGED[name], InvalidSignatureError) for name in PAIRS},
    "expired": refused(VERIFIERS["ES256"], EXPIRED, ExpiredSignatureError),
    "cache hit": lambda: CACHED.verify(TOKENS["ES256"]).scopes == ["a", "b"],
    "request": request,
    "malformed request": malformed_request,
    "construction": construction,
    "several issuers": several_issuers,
    "resolved issuer": resolved_issuer,
    "rules for bodies": rules_for_bodies,
    "refused body": refused_body,
    "stored keys": stored_keys,
    "introspected": introspected,
    "introspected by a JWT": introspected_by_a_jwt,
    "revoked": revoked,
    "misconfiguration": misconfiguration,
    "minting": minting,
    "looking": unverified,
    "access token": plain_object,
}


def preloaded() -> tuple[Callable[[int], Any], Callable[[], bool]]:
    fail_at = ctypes.CDLL(None).fail_at
    fail_at.argtypes, fail_at.restype = [ctypes.c_long], ctypes.c_long

    def disarm() -> bool:
        try:
            return fail_at(-1) < 0  # type: ignore[no-any-return]
        except (MemoryError, ctypes.ArgumentError):
            return False  # this very call was the one, not the one before

    return fail_at, disarm


def of_testcapi() -> tuple[Callable[[int], Any], Callable[[], bool]]:
    import _testcapi  # type: ignore[import-not-found]

    def disarm() -> bool:
        _testcapi.remove_mem_hooks()
        return False  # it does not say

    return lambda n: _testcapi.set_nomemory(n + 1, n + 2), disarm


def inner_codes(code: CodeType) -> Iterator[CodeType]:
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield value
            yield from inner_codes(value)


def keep_codes(kept: set[int]) -> None:
    """CPython 3.12 and 3.13 lose a reference to the code of a function that finds no memory when it is made, be it only
    a generator expression: soon the code is freed and still in use. So each has references to spare, for good."""
    for function in [found for found in gc.get_objects() if isinstance(found, FunctionType)]:
        for code in inner_codes(function.__code__):
            if id(code) not in kept:
                kept.add(id(code))
                for _ in range(1000):
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))


def fail_each(name: str, run: Callable[[], bool], arm: Callable[[int], Any], disarm: Callable[[], bool]) -> int:
    failed = closed = wrong = quiet = n = 0
    while quiet < 100:  # calls in a row that took no notice
        outcome: object = None
        quiet += 1
        arm(n)
        try:
            outcome = run()
        except MemoryError:
            failed, quiet, outcome = failed + 1, 0, True
        except FastBearerError as error:
            closed, quiet = closed + 1, 0
            outcome = True if name != "cache hit" else error
        except SystemError as error:
            outcome = True if interpreters_own(error) else error
        except BaseException as error:  # whatever else it is, it is wrong
            outcome = error
        if disarm():
            quiet = 0
        for what, value in (("the call", outcome), ("the same call again", run())):
            if value is not True:
                print(f"{name}: allocation {n}: {what}: {value!r}", file=sys.stderr)
                wrong += 1
        n += 1
    print(f"{name}: {n - quiet} allocations failed in turn, {failed} times MemoryError, {closed} times another error")
    return wrong if failed else wrong + 1


def main(kind: str) -> int:
    arm, disarm = preloaded() if kind == "preload" else of_testcapi()
    wrong = 0
    kept: set[int] = set()
    for name, run in SCENARIOS.items():
        assert run() and run(), name
        keep_codes(kept)
        wrong += fail_each(name, run, arm, disarm)
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
