"""The commands but ``doctor``: keys, tokens, key sets, and how fast this machine is."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from .._options import ALGORITHMS
from ..errors import ConfigurationError, KeysUnavailableError
from ..keys import KeyPair
from ..verifier import KeyInfo, Verifier, decode_unverified, versions
from . import _input
from ._terminal import document, moment, printable

OK = 0


def versions_text() -> str:
    """What is installed, and with what it works."""
    found = versions()
    parts = f"OpenSSL {found['openssl']}, jansson {found['jansson']}, libcurl {found['curl']}"
    return f"fastbearer {found['fastbearer']} ({parts}{', built in' if found['built_in'] else ''})"


def _algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        raise ConfigurationError(f"--algorithm must be one of {', '.join(ALGORITHMS)}, not {name!r}")
    return name


def keygen(options: argparse.Namespace) -> int:
    pair = KeyPair.generate(_algorithm(options.algorithm), bits=options.bits)
    private: bytes = pair._handle.private_pem
    if options.print:
        sys.stdout.write(private.decode() if pair.public_key else private.hex() + "\n")
        return OK
    suffix = ".private.pem" if pair.public_key else ".secret"
    _write(options.out + suffix, private, 0o600, options.force)
    if pair.public_key:
        _write(options.out + ".public.pem", pair.public_key.encode(), 0o644, options.force)
    return OK


def _write(path: str, data: bytes, mode: int, force: bool) -> None:
    if force and os.path.lexists(path):
        os.unlink(path)  # a new file, so that its mode is ours from the first byte
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    print(path)


def mint(options: argparse.Namespace) -> int:
    claims = dict(_input.named("--claim", "NAME=VALUE", options.claim))
    pair = KeyPair(private_key=_input.read(options.key), algorithm=_algorithm(options.algorithm))
    audience = options.audience[0] if len(options.audience) == 1 else options.audience
    token = pair.create_token(
        subject=options.subject,
        issuer=options.issuer,
        audience=audience,
        scopes=_input.split_scopes(options.scope),
        expires_in_seconds=options.expires_in,
        additional_claims=claims,
        kid=options.kid,
    )
    print(token)
    return OK


def verify(options: argparse.Namespace) -> int:
    sources = {
        "public_key": None if options.public_key is None else _input.read(options.public_key),
        "jwks": None if options.jwks is None else _input.read(options.jwks),
        "secret": None if options.secret_file is None else _input.read(options.secret_file),
        "jwks_uri": options.jwks_uri,
    }
    with Verifier._make(
        warn=False,  # what is not checked is said below
        **sources,
        algorithms=options.algorithm or None,
        issuer=options.issuer or None,
        audience=options.audience or None,
        required_scopes=_input.split_scopes(options.scope) or None,
        required_claims=_input.required(options.require),
        leeway=options.leeway,
        clock_skew=options.clock_skew,
        token_type=options.token_type,
        ca_file=options.ca_file,
        allow_http=options.allow_http,
        trust_env=options.trust_env,
        cache_size=0,
    ) as verifier:
        try:
            access = verifier.verify(_token(options), now=options.now)
        except KeysUnavailableError as error:
            raise KeysUnavailableError(f"{error}: {verifier.stats()['last_error']}") from None
        print(document(access.claims))
        if sys.stderr.isatty():
            _print_times(access.claims)
    if options.audience is None and not options.require:
        print("fastbearer: the audience was not checked (--audience)", file=sys.stderr)
    return OK


def inspect(options: argparse.Namespace) -> int:
    text = _token(options)
    unverified = decode_unverified(text)
    print("fastbearer: not verified; anybody can write this", file=sys.stderr)
    print(document({"header": unverified.header, "claims": unverified.claims}))
    _print_times(unverified.claims)
    if options.issuer is not None:
        from ._doctor import steps_of

        for finding in steps_of(text, options.issuer, options):
            print(f"fastbearer: {finding.name}: {finding.state}: {printable(finding.text)}", file=sys.stderr)
    return OK


def doctor(options: argparse.Namespace) -> int:
    from . import _doctor  # which wants ssl; a Python without it runs the other commands

    return _doctor.run(options)


def _print_times(claims: dict[str, Any]) -> None:
    for name in ("iat", "nbf", "exp"):
        if name in claims:
            print(f"fastbearer: {name}: {moment(claims[name])}", file=sys.stderr)


def _token(options: argparse.Namespace) -> str:
    if options.token_file is not None:
        return _input.token_of(options.token_file)
    _input.warn_if_visible(options.token)
    return _input.token(options.token)


def jwks(options: argparse.Namespace) -> int:
    if options.key is not None:
        pair = KeyPair(private_key=_input.read(options.key), algorithm=_algorithm(options.algorithm))
        print(json.dumps(pair.jwks(options.kid), indent=2))
        return OK
    with (
        Verifier._make(
            warn=False,  # it is given no token
            jwks_uri=options.uri,
            issuer=options.issuer,
            jwks=None if options.file is None else _input.read(options.file),
            algorithms=[name for name in ALGORITHMS if name[:2] != "HS" and name != "ES256K"],
            ca_file=options.ca_file,
            allow_http=options.allow_http,
            trust_env=options.trust_env,
        ) as verifier
    ):
        if options.file is None:
            verifier.refresh()
        keys = verifier.keys()
    for key in keys:
        _print_key(key)
    until = max((key.fresh_until for key in keys if key.fresh_until is not None), default=None)
    if until is not None and sys.stderr.isatty():
        print(f"fastbearer: fresh until {moment(until)}", file=sys.stderr)
    return OK


def _print_key(key: KeyInfo) -> None:
    kind = " ".join(str(part) for part in (key.kty, key.crv, key.bits or None, key.alg) if part is not None)
    state = "usable" if key.usable else "not usable"
    print(printable(f"{key.kid or '(no kid)'}: {kind}: {state}{': ' + key.problem if key.problem else ''}"))


def bench(options: argparse.Namespace) -> int:
    print(f"{versions_text()}; CPU time per call, best of {options.rounds}")
    print(f"{'':8} {'verify':>10} {'from cache':>11} {'create_token':>13}")
    for algorithm in options.algorithm or ("RS256", "PS256", "ES256", "EdDSA", "HS256"):
        pair = KeyPair.generate(algorithm)
        token = pair.create_token(audience="https://api.example", scopes=["read", "write"])
        key: dict[str, Any] = {"public_key": pair.public_key} if pair.public_key else {"secret": pair.secret}
        key.update(algorithms=algorithm, audience="https://api.example")
        cold, warm = Verifier(**key, cache_size=0), Verifier(**key)
        times = (
            _time(partial(cold.verify, token), options.rounds),
            _time(partial(warm.verify, token), options.rounds),
            _time(pair.create_token, options.rounds),
        )
        print(f"{algorithm:8} {times[0]:7.2f} us {times[1]:8.2f} us {times[2]:10.2f} us")
    return OK


def _time(function: Callable[[], object], rounds: int) -> float:
    """Microseconds of CPU time a call takes, in the fastest of some rounds."""
    count = 1
    while True:
        start = time.process_time()
        for _ in range(count):
            function()
        spent = time.process_time() - start
        if spent > 0.02:
            break
        count *= 2
    best = spent
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            function()
        best = min(best, time.process_time() - start)
    return best / count * 1e6
