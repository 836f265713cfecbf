"""The library beside the oracle of tests/python, on changed cases: differential.py SECONDS [SEED [FOLDER]]

The cases are those of tests/vectors. Both read the same token, or the same request, twice under the same options and
must say the same: accepted with equal claims and scopes, or refused for the same reason. Most tokens and proofs are
signed again after the change, so that what stands after the signature is reached. A difference is printed as a case for
tests/vectors, and written into FOLDER.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/python"), str(ROOT)]

import fastbearer  # noqa: E402
import oracle  # noqa: E402
import request_changes as requests  # noqa: E402
from tests.vectors.cases import BadCase, check, options, request  # noqa: E402

SECRET = "fastbearer-test-secret-32-bytes!"
NOW = 1750000000
SOURCES = ("public_key", "jwks", "jwks_raw", "secret")
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, NOW, NOW - 1, NOW + 1, NOW + 0.5, -(2**63), 2**63, 2**63 - 1, 10**40, 1e300, "",
    " ", "a", "read", "read write", " read  write ", "JWT", "at+jwt", "application/at+JWT", "jwt ", "HS256", "none",
    "RS256", "https://issuer.example", "https://issuer.example/", "https://api.example/mcp", "ä", "\x1f", "\x7f",
    "\ufeff", "\U0001f600", [], [""], ["read"], ["read", 1], ["https://api.example/mcp"],
    ["a", "https://api.example/mcp"], [None], {}, {"a": 1}, [[[]]], "1", "1750003600",
]  # fmt: skip
NAMES = [
    "exp", "nbf", "iat", "iss", "aud", "sub", "scope", "scp", "client_id", "azp", "jti", "alg", "typ", "kid", "cty",
    "crit", "b64", "zip", "enc", "jwk", "jku", "x5c", "x5u", "kty", "crv", "use", "key_ops", "n", "e", "x", "y", "d",
    "k", "keys", "", "a", "permissions", "cnf", "jkt", "x5t#S256", "htm", "htu", "ath", "nonce",
]  # fmt: skip
# What the text of a document may turn into: escapes, numbers in other forms, bytes that are no UTF-8.
PIECES = [
    b'"', b"\\", b"\\u0000", b"\\u0041", b"\\ud800", b"\\ud83d\\ude00", b"\\/", b"{", b"}", b"[", b"]", b",", b":",
    b" ", b"\t", b"\n", b"\x0b", b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf",
    b"1e2", b"1.0", b"-0", b"01", b"+1", b".5", b"1.", b"1e400", b"1e-400", b"NaN", b"Infinity", b"null", b"true",
    b'"exp":1', b',"exp":9999999999', b'"\\u0065xp":1', b"[" * 33, b"9" * 257, b"9" * 256, b"//", b"/**/",
]  # fmt: skip
OPTIONS: dict[str, list[Any]] = {
    "leeway": [0, 1, 60, 0.5, 86400],
    "require_exp": [True, False],
    "token_type": ["at+jwt", "any"],
    "issuer": [
        "https://issuer.example",
        ["https://issuer.example", "other"],
        "other",
        "",
        "https://issuer.example/{tid}",
        "{a",
    ],
    "audience": ["https://api.example/mcp", "HTTPS://API.Example/mcp", ["a", "https://api.example/mcp"], "other", []],
    "required_scopes": [["read"], ["read", "write"], ["admin"], []],
    "required_claims": [
        ["jti"],
        ["sub"],
        ["/a"],
        {"sub": "user-1"},
        {"scope": ["read", "read write"], "exp": 1750003600},
        {"/aud/0": "https://api.example/mcp"},
        {"a": [1, True, "1"]},
        {"a": 1.5},
        {"a": None},
        {"/~2": 1},
    ],
    "scope_claims": [["permissions"], ["scp", "scope"], ["/a/0", "/scope"], ["/~"]],
    "merge_scope_claims": [True, False],
    "scope_hierarchy": [{"write": ["read"]}, {"read": ["admin"], "admin": ["write"]}, {"a": ["b"], "b": ["a"]}],
    "clock_skew": [0, 30, 0.5, 86400, 86401],
    "client_id_claims": [["azp"], ["sub", "client_id"], ["/a", "/sub"]],
    "max_token_bytes": [16384, 300, 65536],
    **requests.OPTIONS,
}
Case = dict[str, Any]
Outcome = tuple[Any, ...]
PARTS = ("id", "token", "request", "config", "now")


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def load() -> list[Case]:
    """Each step of a sequence is a case."""
    cases = []
    for path in sorted((ROOT / "tests/vectors").glob("*/*.json")):
        for case in filter(is_known, json.loads(path.read_text())):
            for step in case.get("steps", [case]):
                whole = {**case, **step}
                cases.append({name: whole[name] for name in PARTS if name in whole})
    return cases


def is_known(case: Case) -> bool:
    """Whether both sides have its options."""
    try:
        check(case)
    except BadCase:
        return False
    return True


def of_library(case: Case) -> list[Outcome]:
    """Of each of two times: the second token comes from the cache, the second proof is a replay."""
    try:
        verifier = fastbearer.Verifier(**options(case["config"]))
    except fastbearer.FastBearerError as error:
        return [("reject", error.code)] * 2
    with verifier:
        return [once(verifier, case), once(verifier, case)]


def once(verifier: fastbearer.Verifier, case: Case) -> Outcome:
    try:
        if "request" in case:
            access = verifier.verify_request(request(case["request"]), now=case["now"])
        else:
            access = verifier.verify(case["token"], now=case["now"])
    except fastbearer.FastBearerError as error:
        return "reject", error.code
    return "accept", json.dumps(access.claims), access.scopes, access.client_id


def of_oracle(case: Case) -> list[Outcome]:
    verifier = None
    outcomes: list[Outcome] = []
    for _ in range(2):
        try:
            verifier = verifier or oracle.Verifier(case["config"])
            claims, scopes, client_id = verifier.accept(case["token"], case["now"], case.get("request"))
            outcomes.append(("accept", json.dumps(claims), scopes, client_id))
        except oracle.Refused as refused:
            outcomes.append(("reject", refused.code))
    return outcomes


# ---- changes --------------------------------------------------------------------------------------------------------


def change_value(r: random.Random, value: Any) -> Any:
    """The same document with one value or name changed, somewhere in it."""
    value = copy.deepcopy(value)
    if isinstance(value, dict):
        name = r.choice([*value, r.choice(NAMES)])
        if name in value and isinstance(value[name], (dict, list)) and r.random() < 0.5:
            value[name] = change_value(r, value[name])
        elif name in value and r.random() < 0.25:
            del value[name]
        else:
            value[name] = r.choice(VALUES)
        return value
    if isinstance(value, list):
        place = r.randrange(len(value) + 1)
        if place < len(value) and r.random() < 0.7:
            value[place] = change_value(r, value[place])
        else:
            value.insert(place, r.choice(VALUES))
        return value
    return r.choice(VALUES)


def change_bytes(r: random.Random, data: bytes) -> bytes:
    start = r.randrange(len(data) + 1)
    end = min(len(data), start + r.choice([0, 0, 1, 1, 2, 8]))
    kind = r.randrange(4)
    if kind == 0:
        return data[:start] + data[end:]
    if kind == 1:
        return data[:start] + bytes([r.randrange(256)]) + data[end:]
    if kind == 2:
        return data[:start] + data[start:end] + data[start:]
    return data[:start] + r.choice(PIECES) + data[end:]


def change_document(r: random.Random, data: bytes) -> bytes:
    if r.random() < 0.6:
        try:
            return json.dumps(change_value(r, json.loads(data)), ensure_ascii=r.random() < 0.5).encode(
                "utf-8", "surrogatepass"
            )
        except (ValueError, RecursionError):
            pass
    return change_bytes(r, data)


def segments(token: str) -> list[bytes] | None:
    try:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
    except ValueError:
        return None


def sign_again(r: random.Random, case: Case) -> None:
    """Header or payload changed, then signed with a secret that the options have in place of their key."""
    parts = segments(case["token"])
    if parts is None or len(parts) != 3:
        return
    header, payload = parts[:2]
    try:
        header = json.dumps({**json.loads(header), "alg": "HS256"}).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    if r.random() < 0.2:
        payload = with_cnf(r, payload)
    for _ in range(r.choice([1, 1, 2, 3])):
        if r.random() < 0.3:
            header = change_document(r, header)
        else:
            payload = change_document(r, payload)
    text = f"{b64u(header)}.{b64u(payload)}"
    requests.with_token(case, text + "." + b64u(hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256)))
    case["config"] = {name: value for name, value in case["config"].items() if name not in SOURCES}
    case["config"].update(secret=SECRET, algorithms="HS256")


def with_cnf(r: random.Random, payload: bytes) -> bytes:
    try:
        return json.dumps({**json.loads(payload), "cnf": r.choice(requests.CNF)}).encode()
    except (ValueError, TypeError, RecursionError):
        return payload


def change_token(r: random.Random, case: Case) -> None:
    alphabet = "ABCZaz019-_.=+/ \n\x00é"
    token, place = case["token"], r.randrange(len(case["token"]) + 1)
    cut = r.choice([0, 1, 1, 2])
    changed = token[:place] + r.choice(["", r.choice(alphabet), r.choice(alphabet)]) + token[place + cut :]
    requests.with_token(case, changed)


def change_keys(r: random.Random, case: Case) -> None:
    config = case["config"]
    if isinstance(config.get("jwks"), dict):
        document = json.dumps(config.pop("jwks")).encode()
    elif isinstance(config.get("jwks_raw"), str):
        document = config["jwks_raw"].encode()
    else:
        return
    try:
        config["jwks_raw"] = change_document(r, document).decode()
    except UnicodeDecodeError:  # both are given text
        config["jwks_raw"] = document.decode()


def change_options(r: random.Random, case: Case) -> None:
    name = r.choice(list(OPTIONS))
    case["config"][name] = r.choice(OPTIONS[name])
    case["now"] += r.choice([0, 0, 0, 0.5, -3600, 3600, 3659, 3660, 3661])


def discovers(config: dict[str, Any]) -> bool:
    """Whether the keys would be looked for at the issuer: the oracle knows no network."""
    return config.get("issuer") is not None and all(config.get(name) is None for name in SOURCES)


def changed(r: random.Random, cases: list[Case]) -> Case:
    case = copy.deepcopy(r.choice(cases))
    case["now"] = NOW if case["now"] is None else case["now"]
    for change, chance in ((change_keys, 0.3), (sign_again, 0.6), (change_options, 0.4), (change_token, 0.2)):
        if r.random() < chance:
            change(r, case)
    if "request" in case and r.random() < 0.7:
        requests.change_request(r, case, change_document)
    return case


def differences(
    seed: int, *, seconds: float = float("inf"), count: int = sys.maxsize
) -> Iterator[tuple[Case, list[Outcome], list[Outcome]]]:
    """Runs so many cases, or so long; yields each, with what the library and what the oracle said, when they differ."""
    r, cases, end = random.Random(seed), load(), time.monotonic() + seconds
    for _ in range(count):
        if time.monotonic() > end:
            return
        case = changed(r, cases)
        if discovers(case["config"]):
            continue
        ours, theirs = of_library(case), of_oracle(case)
        for outcome in ours:
            said = outcome[1] if outcome[0] == "reject" else "accept"
            tally[said] = tally.get(said, 0) + 1
        if ours != theirs:
            yield case, ours, theirs


tally: dict[str, int] = {}


def main(arguments: list[str]) -> int:
    seed = int(arguments[1]) if len(arguments) > 1 else int(time.time())
    found = 0
    for case, ours, theirs in differences(seed, seconds=float(arguments[0])):
        found += 1
        text = json.dumps({**case, "library": ours, "oracle": theirs})
        print(text[:2000], flush=True)
        if len(arguments) > 2:
            name = hashlib.sha256(text.encode()).hexdigest()[:16]
            (Path(arguments[2]) / f"differential-{name}.json").write_text(text)
    counts = f"{sum(tally.values()) // 2} cases, {tally.get('accept', 0)} times accepted, {len(tally)} outcomes"
    print(f"differential: seed {seed}, {counts}, {found} differences")
    return found != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
