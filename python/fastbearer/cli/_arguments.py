"""The arguments of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._options import ALGORITHMS
from . import _commands, _reasons

if TYPE_CHECKING:
    Run = Callable[[argparse.Namespace], int]

_REPEATED = "may be repeated"


def make_parser(description: str) -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="fastbearer", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=_commands.versions_text())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Run, text: str, usage: str | None = None) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, usage=usage)
        made.set_defaults(run=run)
        return made

    text = "Generate a key pair and write it to PREFIX.private.pem and PREFIX.public.pem."
    _keygen(command("keygen", _commands.keygen, text))
    _mint(command("mint", _commands.mint, "Mint a signed token, for tests."))
    text = "Verify a token; print its claims, or say why it is refused (exit code 1)."
    _verify(command("verify", _commands.verify, text, "%(prog)s [OPTIONS] [TOKEN]"))
    _inspect(command("inspect", _commands.inspect, "Show the contents of a token, without verifying it."))
    text = "Print the key set of a private key, or list the keys of a key set."
    _jwks(command("jwks", _commands.jwks, text, "%(prog)s (--key | --uri | --issuer | --file) [OPTIONS]"))
    text = "Say what is wrong with an issuer or a token, and which configuration would be right."
    _doctor_arguments(command("doctor", _commands.doctor, text))
    text = "Say what a reason of a refusal means, what causes it and how to fix it; without CODE, list them."
    command("explain", _reasons.explain, text).add_argument("code", nargs="?", metavar="CODE")
    bench = command("bench", _commands.bench, "Measure verifying and minting on this machine.")
    bench.add_argument("--algorithm", action="append", help=_REPEATED)
    bench.add_argument("--rounds", type=int, default=7)
    return parser


def _keygen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--algorithm", default="RS256", help=f"what it signs with, one of {', '.join(ALGORITHMS)} (default RS256)"
    )
    parser.add_argument("--bits", type=int, default=0, help="RSA modulus, 2048 to 8192 (default 2048)")
    parser.add_argument(
        "--out", default="fastbearer", metavar="PREFIX", help="where to write them (default ./fastbearer)"
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--print", action="store_true", help="print the private key instead of writing files")


def _mint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key", required=True, metavar="FILE", help="private key PEM, or the secret of HS*; - for stdin"
    )
    parser.add_argument("--algorithm", default="RS256")
    parser.add_argument("--subject", default="fastbearer-user")
    parser.add_argument("--issuer")
    parser.add_argument("--audience", action="append", default=[], help=_REPEATED)
    parser.add_argument("--scope", action="append", default=[], help="one or several; may be repeated")
    parser.add_argument("--expires-in", type=float, default=3600.0, metavar="SECONDS", help="may be negative")
    parser.add_argument(
        "--claim", action="append", default=[], metavar="NAME=JSON", help="one more claim; may be repeated"
    )
    parser.add_argument("--kid")


def _verify(parser: argparse.ArgumentParser) -> None:
    _token(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--public-key", metavar="FILE", help="PEM; without a key it is found by --issuer's metadata")
    source.add_argument("--jwks", metavar="FILE", help="a key-set document")
    source.add_argument("--jwks-uri", metavar="URL")
    source.add_argument("--secret-file", metavar="FILE", help="the HMAC secret, byte for byte")
    parser.add_argument("--algorithm", action="append", default=[], help="may be repeated (default RS256)")
    parser.add_argument("--issuer", action="append", help=_REPEATED)
    _required(parser)
    parser.add_argument("--leeway", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--clock-skew", type=float, default=30.0, metavar="SECONDS", help="(default 30)")
    parser.add_argument("--now", type=float, metavar="SECONDS", help="verify as of this moment")
    _network(parser)


def _inspect(parser: argparse.ArgumentParser) -> None:
    _token(parser)
    parser.add_argument("--issuer", metavar="URL", help="say too what the keys of this issuer make of the token")
    _network(parser)


def _jwks(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--key", metavar="FILE", help="private key PEM: print the key set with its public half")
    source.add_argument("--uri", metavar="URL", help="fetch a key set and list its keys")
    source.add_argument("--issuer", metavar="URL", help="find and fetch the key set of an issuer and list its keys")
    source.add_argument("--file", metavar="FILE", help="list the keys of a document")
    parser.add_argument("--algorithm", default="RS256", help="with --key: what the key signs with")
    parser.add_argument("--kid", help="with --key: the key id to write")
    _network(parser)


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", metavar="ISSUER|JWKS-URL",
        help="who issues the tokens, or where the keys are; without it, the issuer that the token names",
    )  # fmt: skip
    parser.add_argument("--token", metavar="FILE", help="the token to examine; - for stdin, the default without target")
    parser.add_argument("--expect-issuer", action="append", metavar="ISS", help="what iss must be; may be repeated")
    parser.add_argument("--algorithm", action="append", default=[], help="may be repeated (default RS256)")
    _required(parser)
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="of each request (default 10)")
    parser.add_argument("--json", action="store_true", help="print all of it as one JSON object")
    _network(parser)


# ---- what several have


def _token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", nargs="?", help="read from stdin when absent or -")
    parser.add_argument("--token-file", metavar="FILE", help="where the token is, so that nobody sees it in ps")


def _required(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audience", action="append", help=_REPEATED)
    parser.add_argument("--scope", action="append", default=[], help="required; may be repeated")
    parser.add_argument(
        "--require", action="append", default=[], metavar="NAME=JSON",
        help="a claim, by name or /path, and a value that it may have; may be repeated",
    )  # fmt: skip
    parser.add_argument("--token-type", choices=("at+jwt", "any"))


def _network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ca-file", metavar="FILE", help="certificates to trust where keys are fetched")
    parser.add_argument("--allow-http", action="store_true", help="http:// for other hosts than loopback")
    parser.add_argument("--trust-env", action="store_true", help="use the proxies that the environment names")
