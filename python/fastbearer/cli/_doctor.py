"""``doctor``: what is wrong between this machine, a provider and a token, and the configuration that would be right."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

from .._fetch_function import loggable_url
from ..errors import ConfigurationError, FastBearerError, KeysUnavailableError
from ..verifier import Verifier, decode_unverified
from . import _advice, _input
from ._probe import Network
from ._provider import PUBLIC, Finding, Provider
from ._steps import Examination, remark_on_expiry
from ._terminal import Terminal, document

_LANGUAGES = (("Python", "python", _advice.in_python), ("Node", "node", _advice.in_node), ("C", "c", _advice.in_c))


def run(options: argparse.Namespace) -> int:
    """Examines, reports, and returns the exit code."""
    given = options.token if options.token is not None or options.target is not None else "-"
    token = None if given is None else _input.token_of(given)
    target, by_token = _target(options.target, token)
    report = Report(target, by_token)
    fetching = {"ca_file": options.ca_file, "allow_http": options.allow_http, "trust_env": options.trust_env,
                "fetch_timeout": options.timeout}  # fmt: skip
    network = Network(options.timeout, 65536, options.ca_file, options.trust_env)
    with _quiet():
        if target is not None:
            report.provider = Provider(target, network, fetching)
            report.provider.examine()
        if token is not None:
            report.examine(token, _policy(options), fetching)
    if options.json:
        print(document(report.as_json()))
    else:
        report.print(Terminal(sys.stdout))
    return report.exit_code()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's log from telling what the report tells."""
    logger = logging.getLogger("fastbearer")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _target(given: str | None, token: str | None) -> tuple[str | None, bool]:
    """Where to look; whether only the token says so, which nobody has verified."""
    if given is not None:
        return given, False
    try:
        issuer = decode_unverified(token or "").claims.get("iss")
    except FastBearerError:
        return None, False
    return (issuer, True) if isinstance(issuer, str) and issuer.startswith(("https://", "http://")) else (None, False)


def _policy(options: argparse.Namespace) -> dict[str, Any]:
    """What is required of the token, as far as the command line says."""
    return {
        "issuer": options.expect_issuer,
        "audience": options.audience,
        "algorithms": options.algorithm or None,
        "required_scopes": _input.split_scopes(options.scope) or None,
        "required_claims": _input.required(options.require),
        "token_type": options.token_type,
    }


class Report:
    """All that was found."""

    def __init__(self, target: str | None, by_token: bool) -> None:
        self.target = None if target is None else loggable_url(target)
        self.by_token = by_token
        self.provider: Provider | None = None
        self.examination: Examination | None = None
        self.verdict: tuple[str, str] | None = None  # a code and a sentence
        self.advice: list[_advice.Line] = []
        self.remark: str | None = None
        self.checked = False

    # ---- the token

    def examine(self, token: str, policy: dict[str, Any], fetching: dict[str, Any]) -> None:
        """The verdict of the library with what was asked for, then each step, then what would be right."""
        provider = self.provider
        if provider is not None and policy["issuer"] is None:
            policy["issuer"] = provider.issuer
        examination = Examination(token, policy, None if provider is None else provider.document)
        examination.run()
        self.examination = examination
        self.verdict = self._evaluate(token, policy, fetching)
        if provider is not None:
            self.advice = _advice.advise(examination, provider, policy, fetching)
            self.checked = bool(self.advice) and self._accepts(token, fetching)
        self.remark = remark_on_expiry(examination)

    def _evaluate(self, token: str, policy: dict[str, Any], fetching: dict[str, Any]) -> tuple[str, str]:
        provider = self.provider
        if provider is None or provider.error is not None:
            form = self.examination.failed.get("form") if self.examination is not None else None
            if form is not None:
                return form.code, str(form)
            if provider is None:
                return "keys_unavailable", "no keys, so no verdict"
            code = "configuration_invalid" if provider.is_misconfigured else "keys_unavailable"
            return code, str(provider.error)
        given = {**policy, **provider.source()} if provider.jwks_uri is not None else policy
        try:
            with Verifier._make(warn=False, **given, **fetching) as verifier:
                verifier.verify(token)
        except (ConfigurationError, KeysUnavailableError) as error:
            return error.code, str(error)
        except FastBearerError as error:
            return error.code, str(error)
        return "ok", "accepted"

    def _accepts(self, token: str, fetching: dict[str, Any]) -> bool:
        """Whether the advice is good: the token passes with it, at a moment at which its times are good."""
        assert self.examination is not None
        options = {line.name: line.value for line in self.advice if line.name != "dpop"}
        if isinstance(self.examination.claims.get("cnf"), dict):
            options["sender_constrained"] = "ignore"  # there is no sender here who could prove anything
        try:
            with Verifier._make(warn=False, **{**fetching, **options}) as verifier:
                verifier.verify(token, now=self.examination.moment)
        except FastBearerError:
            return False
        return True

    def exit_code(self) -> int:
        """0 all is well, 1 the token is refused, 2 the configuration is wrong, 3 the keys cannot be had."""
        code = "ok" if self.verdict is None else self.verdict[0]
        if code == "configuration_invalid" or (code == "ok" and self.provider and self.provider.is_misconfigured):
            return 2
        if code == "keys_unavailable" or (self.provider is not None and self.provider.error is not None):
            return 3 if code in ("ok", "keys_unavailable") else 1
        return 0 if code == "ok" else 1

    # ---- for programs

    def as_json(self) -> dict[str, Any]:
        provider, examination = self.provider, self.examination
        made: dict[str, Any] = {"target": self.target, "exit_code": self.exit_code()}
        if provider is not None:
            made["provider"] = {
                "issuer": provider.issuer,
                "jwks_uri": _without_password(provider.jwks_uri or provider.metadata.get("jwks_uri")),
                "error": provider.error,
                "clock_seconds_ahead": None if provider.clock_offset is None else round(provider.clock_offset, 1),
                "findings": [finding.as_json() for finding in provider.findings],
                "keys": [finding.as_json() for finding in provider.key_findings],
            }
        if examination is not None and self.verdict is not None:
            made["token"] = {
                "code": self.verdict[0],
                "signature_verified": examination.signature_holds,
                "steps": [finding.as_json() for finding in examination.findings],
            }
            made["configuration"] = {
                "options": [{"name": line.name, "value": line.value, "reason": line.reason} for line in self.advice],
                "accepts_the_token": self.checked,
                **{name: render(self.advice) for _, name, render in _LANGUAGES if self.advice},
            }
        return made

    # ---- for people

    def print(self, terminal: Terminal) -> None:
        if self.target is None:
            terminal.paragraph("The token does not say who issued it: give the issuer, or the URL of its key set.")
        elif self.by_token:
            terminal.paragraph("The issuer is what the token says; nobody has verified that yet.")
        if self.provider is not None:
            terminal.title(f"Provider {self.target}")
            _print_findings(terminal, self.provider.findings)
            terminal.title(f"Keys ({len(self.provider.key_findings)})")
            _print_findings(terminal, self.provider.key_findings)
        if self.examination is not None:
            terminal.title("Token")
            _print_findings(terminal, self.examination.findings)
        for title, _, render in _LANGUAGES if self.advice else ():
            terminal.title(title)
            terminal.verbatim(render(self.advice))
        self._print_result(terminal)

    def _print_result(self, terminal: Terminal) -> None:
        terminal.title("Result")
        if self.advice:
            terminal.paragraph(
                "The configuration above accepts the token" + ("." if self.checked else " only in part; see the steps.")
            )
        if self.remark is not None:
            terminal.paragraph(self.remark)
        if self.verdict is not None:
            code, text = self.verdict
            if code == "ok":
                terminal.finding("ok", "token", text)
            else:
                terminal.finding("FAIL", "token", f"{text} ({code}, see docs/reasons.md#{code})")
        if self.provider is not None:
            usable = sum(key.usable for key in self.provider.keys)
            text = f"{usable} of {len(self.provider.keys)} keys can be used"
            terminal.finding("ok" if usable and self.provider.error is None else "FAIL", "keys",
                             text if self.provider.error is None else self.provider.error)  # fmt: skip


def _without_password(url: Any) -> Any:
    """The URL as it is, with its query, but without a user and password, which none may have."""
    return re.sub("//[^/?#]*@", "//", url) if isinstance(url, str) else url


def _print_findings(terminal: Terminal, findings: list[Finding]) -> None:
    for finding in findings:
        terminal.finding(finding.state, finding.name, finding.text)


def steps_of(token: str, issuer: str, options: argparse.Namespace) -> list[Finding]:
    """For inspect: what an issuer's keys say of a token."""
    fetching = {"ca_file": options.ca_file, "allow_http": options.allow_http, "trust_env": options.trust_env}
    provider = Provider(issuer, Network(10.0, 65536, options.ca_file, options.trust_env), fetching)
    with _quiet():
        provider.examine()
    if provider.document is None:
        raise KeysUnavailableError(provider.error or "the key set could not be fetched")
    policy = {"issuer": provider.issuer, "algorithms": PUBLIC}
    examination = Examination(token, policy, provider.document)
    examination.run()
    return examination.findings
