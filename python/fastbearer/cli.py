"""The command ``fastbearer``: keys, tokens and key sets from a terminal.

Exit codes: 0 done, 1 the token is refused, 2 wrong usage or configuration, 3 the key set is not available.
Private keys and secrets are written to files that only their owner can read, and printed only when asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ._options import ALGORITHMS
from .errors import ConfigurationError, FastBearerError, KeysUnavailableError
from .keys import KeyPair
from .verifier import Verifier, decode_unverified, versions

__all__ = ["main"]

OK, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except KeysUnavailableError as error:
        return _fail(UNAVAILABLE, error.code, str(error))
    except ConfigurationError as error:
        return _fail(USAGE, error.code, str(error))
    except FastBearerError as error:
        expected = f"; expected {error.expected}" if error.expected else ""
        actual = f"; the token has {error.actual}" if error.actual else ""
        return _fail(REFUSED, error.code, f"{error}{expected}{actual}")
    except FileExistsError as error:
        return _fail(USAGE, "error", f"{error.filename} exists; --force replaces it")
    except BrokenPipeError:  # the reader has gone, and the interpreter must not write what is left either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (OSError, ValueError, TypeError) as error:
        return _fail(USAGE, "error", str(error))
    except KeyboardInterrupt:
        return 130


def _fail(exit_code: int, code: str, message: str) -> int:
    print(f"fastbearer: {code}: {message}", file=sys.stderr)
    return exit_code


# ---- commands


def _keygen(options: argparse.Namespace) -> int:
    pair = KeyPair.generate(options.algorithm, bits=options.bits)
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


def _mint(options: argparse.Namespace) -> int:
    claims: dict[str, Any] = {}
    for claim in options.claim:
        name, equals, value = claim.partition("=")
        if not equals:
            raise ConfigurationError(f"--claim must be NAME=VALUE, not {claim!r}")
        claims[name] = _json_or_text(value)
    pair = KeyPair(private_key=_read(options.key), algorithm=options.algorithm)
    audience = options.audience[0] if len(options.audience) == 1 else options.audience
    token = pair.create_token(
        subject=options.subject,
        issuer=options.issuer,
        audience=audience,
        scopes=[scope for given in options.scope for scope in given.split()],
        expires_in_seconds=options.expires_in,
        additional_claims=claims,
        kid=options.kid,
    )
    print(token)
    return OK


def _verify(options: argparse.Namespace) -> int:
    sources = {
        "public_key": None if options.public_key is None else _read(options.public_key),
        "jwks": None if options.jwks is None else _read(options.jwks),
        "secret": None if options.secret_file is None else _read(options.secret_file),
        "jwks_uri": options.jwks_uri,
    }
    with Verifier._make(
        warn=False,  # what is not checked is said below
        **sources,
        algorithms=options.algorithm or None,
        issuer=options.issuer or None,
        audience=options.audience or None,
        required_scopes=[scope for given in options.scope for scope in given.split()] or None,
        required_claims=_required(options.require),
        leeway=options.leeway,
        clock_skew=options.clock_skew,
        token_type=options.token_type,
        ca_file=options.ca_file,
        allow_http=options.allow_http,
        trust_env=options.trust_env,
        cache_size=0,
    ) as verifier:
        try:
            access = verifier.verify(_token(options.token), now=options.now)
        except KeysUnavailableError as error:
            raise KeysUnavailableError(f"{error}: {verifier.stats()['last_error']}") from None
        print(json.dumps(access.claims, indent=2, ensure_ascii=False))
    if options.audience is None and not options.require:
        print("fastbearer: the audience was not checked (--audience)", file=sys.stderr)
    return OK


def _required(given: Sequence[str]) -> dict[str, list[Any]]:
    """NAME=JSON, with several of one name for several values."""
    claims: dict[str, list[Any]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"--require must be NAME=JSON, not {text!r}")
        claims.setdefault(name, []).append(_json_or_text(value))
    return claims


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _inspect(options: argparse.Namespace) -> int:
    unverified = decode_unverified(_token(options.token))
    print("fastbearer: not verified; anybody can write this", file=sys.stderr)
    print(json.dumps({"header": unverified.header, "claims": unverified.claims}, indent=2, ensure_ascii=False))
    for name in ("iat", "nbf", "exp"):
        if name in unverified.claims:
            print(f"fastbearer: {name}: {_moment(unverified.claims[name])}", file=sys.stderr)
    return OK


def _moment(seconds: Any) -> str:
    """A NumericDate for people: the date in UTC, and how far from now it is."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return "not a number of seconds"
    from datetime import datetime, timedelta, timezone

    try:
        date = datetime.fromtimestamp(seconds, timezone.utc).isoformat(sep=" ", timespec="seconds")
        distance = timedelta(seconds=round(abs(seconds - time.time())))
    except (OverflowError, ValueError, OSError):
        return "beyond the calendar"
    return f"{date.replace('+00:00', ' UTC')} ({f'in {distance}' if seconds > time.time() else f'{distance} ago'})"


def _jwks(options: argparse.Namespace) -> int:
    if options.key is not None:
        pair = KeyPair(private_key=_read(options.key), algorithm=options.algorithm)
        print(json.dumps(pair.jwks(options.kid), indent=2))
        return OK
    with (
        Verifier._make(
            warn=False,  # it is given no token
            jwks_uri=options.uri,
            issuer=options.issuer,
            jwks=None if options.file is None else _read(options.file),
            algorithms=[name for name in ALGORITHMS if name[:2] != "HS" and name != "ES256K"],
            ca_file=options.ca_file,
            allow_http=options.allow_http,
            trust_env=options.trust_env,
        ) as verifier
    ):
        if options.file is None:
            verifier.refresh()
        for key in verifier.keys():
            kind = " ".join(str(part) for part in (key.kty, key.crv, key.bits or None, key.alg) if part is not None)
            state = "usable" if key.usable else "not usable"
            print(f"{key.kid or '(no kid)'}: {kind}: {state}{': ' + key.problem if key.problem else ''}")
    return OK


def _bench(options: argparse.Namespace) -> int:
    print(f"{_versions()}; CPU time per call, best of {options.rounds}")
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


# ---- arguments


def _versions() -> str:
    found = versions()
    parts = f"OpenSSL {found['openssl']}, jansson {found['jansson']}, libcurl {found['curl']}"
    return f"fastbearer {found['fastbearer']} ({parts}{', built in' if found['built_in'] else ''})"


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def _token(given: str | None) -> str:
    text = sys.stdin.read() if given in (None, "-") else str(given)
    text = text.strip()
    return text[7:].lstrip() if text[:7].lower() == "bearer " else text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastbearer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=_versions())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    keygen = command("keygen", _keygen, "Generate a key pair and write it to PREFIX.private.pem and PREFIX.public.pem.")
    keygen.add_argument(
        "--algorithm", default="RS256", help=f"what it signs with, one of {', '.join(ALGORITHMS)} (default RS256)"
    )
    keygen.add_argument("--bits", type=int, default=0, help="RSA modulus, 2048 to 8192 (default 2048)")
    keygen.add_argument(
        "--out", default="fastbearer", metavar="PREFIX", help="where to write them (default ./fastbearer)"
    )
    keygen.add_argument("--force", action="store_true", help="replace files that exist")
    keygen.add_argument("--print", action="store_true", help="print the private key instead of writing files")

    mint = command("mint", _mint, "Mint a signed token, for tests.")
    mint.add_argument("--key", required=True, metavar="FILE", help="private key PEM, or the secret of HS*; - for stdin")
    mint.add_argument("--algorithm", default="RS256")
    mint.add_argument("--subject", default="fastbearer-user")
    mint.add_argument("--issuer")
    mint.add_argument("--audience", action="append", default=[], help="may be repeated")
    mint.add_argument("--scope", action="append", default=[], help="one or several; may be repeated")
    mint.add_argument("--expires-in", type=float, default=3600.0, metavar="SECONDS", help="may be negative")
    mint.add_argument(
        "--claim", action="append", default=[], metavar="NAME=JSON", help="one more claim; may be repeated"
    )
    mint.add_argument("--kid")

    verify = command("verify", _verify, "Verify a token; print its claims, or say why it is refused (exit code 1).")
    verify.add_argument("token", nargs="?", help="read from stdin when absent or -")
    source = verify.add_mutually_exclusive_group()
    source.add_argument("--public-key", metavar="FILE", help="PEM; without a key it is found by --issuer's metadata")
    source.add_argument("--jwks", metavar="FILE", help="a key-set document")
    source.add_argument("--jwks-uri", metavar="URL")
    source.add_argument("--secret-file", metavar="FILE", help="the HMAC secret, byte for byte")
    verify.add_argument("--algorithm", action="append", default=[], help="may be repeated (default RS256)")
    verify.add_argument("--issuer", action="append", help="may be repeated")
    verify.add_argument("--audience", action="append", help="may be repeated")
    verify.add_argument("--scope", action="append", default=[], help="required; may be repeated")
    verify.add_argument(
        "--require", action="append", default=[], metavar="NAME=JSON",
        help="a claim, by name or /path, and a value that it may have; may be repeated",
    )  # fmt: skip
    verify.add_argument("--leeway", type=float, default=0.0, metavar="SECONDS")
    verify.add_argument("--clock-skew", type=float, default=30.0, metavar="SECONDS", help="(default 30)")
    verify.add_argument("--token-type", choices=("at+jwt", "any"))
    verify.add_argument("--now", type=float, metavar="SECONDS", help="verify as of this moment")
    verify.add_argument("--ca-file", metavar="FILE", help="certificates to trust where keys are fetched")
    verify.add_argument("--allow-http", action="store_true", help="http:// for other hosts than loopback")
    verify.add_argument("--trust-env", action="store_true", help="use the proxies that the environment names")

    inspect = command("inspect", _inspect, "Show the contents of a token, without verifying it.")
    inspect.add_argument("token", nargs="?", help="read from stdin when absent or -")

    jwks = command("jwks", _jwks, "Print the key set of a private key, or list the keys of a key set.")
    source = jwks.add_mutually_exclusive_group(required=True)
    source.add_argument("--key", metavar="FILE", help="private key PEM: print the key set with its public half")
    source.add_argument("--uri", metavar="URL", help="fetch a key set and list its keys")
    source.add_argument("--issuer", metavar="URL", help="find and fetch the key set of an issuer and list its keys")
    source.add_argument("--file", metavar="FILE", help="list the keys of a document")
    jwks.add_argument("--algorithm", default="RS256", help="with --key: what the key signs with")
    jwks.add_argument("--kid", help="with --key: the key id to write")
    jwks.add_argument("--ca-file", metavar="FILE", help="certificates to trust for --uri and --issuer")
    jwks.add_argument("--allow-http", action="store_true", help="http:// for other hosts than loopback")
    jwks.add_argument("--trust-env", action="store_true", help="use the proxies that the environment names")

    bench = command("bench", _bench, "Measure verifying and minting on this machine.")
    bench.add_argument("--algorithm", action="append", help="may be repeated")
    bench.add_argument("--rounds", type=int, default=7)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
