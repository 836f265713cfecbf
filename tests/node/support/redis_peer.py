"""A server of the Python package in a fleet that Node tests: redis_peer.py URL PREFIX. Lines of JSON, in and out."""

from __future__ import annotations

import json
import sys
from typing import Any

from fastbearer import DPoP, FastBearerError, Issuer, Request, Verifier
from fastbearer.stores import RedisStore

store = RedisStore(sys.argv[1], prefix=sys.argv[2])
verifiers: dict[str, Verifier] = {}


def outcome(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except FastBearerError as error:
        return error.code
    return "ok"


def make(public_key: str) -> None:
    verifiers["fixed"] = Verifier(public_key=public_key, algorithms="ES256", audience="a",
                                  dpop=DPoP(replay_store=store), is_revoked=store.is_revoked)  # fmt: skip


def fetch(jwks_uri: str, issuer: str) -> None:
    one = Issuer(issuer, jwks_uri=jwks_uri, algorithms="ES256", key_store=store)
    verifiers["fetching"] = Verifier(issuers=[one], audience="a")


def stored() -> bool:
    source = verifiers["fetching"]._native.issuers()[0]["source"]
    return isinstance(source, str) and store.load(source) is not None


def answer(command: str, *given: Any) -> Any:
    if command == "verify":
        return outcome(verifiers[given[0]].verify, given[1])
    if command == "request":
        return outcome(verifiers["fixed"].verify_request, Request(*given))
    if command == "fetches":
        return verifiers["fetching"].stats()["fetches"]
    commands = {"make": make, "fetch": fetch, "stored": stored, "revoke": store.revoke,
                "revoke_subject": store.revoke_subject}  # fmt: skip
    return commands[command](*given)


for line in sys.stdin:
    print(json.dumps(answer(*json.loads(line))), flush=True)
