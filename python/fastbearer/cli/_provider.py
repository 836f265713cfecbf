"""What doctor finds out about a provider: who it says it is, its keys, its certificates, its clock."""

from __future__ import annotations

import json
import time
from typing import Any

from .._options import ALGORITHMS
from ..errors import ConfigurationError, KeysUnavailableError
from ..verifier import KeyInfo, Verifier
from ._probe import Exchange, Network, expiry, name_of
from ._terminal import duration

#: All that are verified with a public key.
PUBLIC = tuple(name for name in ALGORITHMS if not name.startswith("HS"))
_SOON = 14 * 86400.0
_CLOCK_SKEW = 30.0
_ORDER = ("target", "request", "proxy", "certificate", "authorities", "clock", "issuer", "discovery", "fetch", "keys")


class Finding:
    """One line of the report."""

    def __init__(self, state: str, name: str, text: str, **more: Any) -> None:
        self.state = state  # "ok", "warn", "FAIL" or "-"
        self.name = name
        self.text = text
        self.more = {name: value for name, value in more.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        state = {"warn": "warning", "FAIL": "failed", "-": "note"}.get(self.state, self.state)
        return {"name": self.name, "state": state, "text": self.text, **self.more}


class Provider:
    """An issuer or the URL of a key set, as it is now."""

    def __init__(self, target: str, network: Network, options: dict[str, Any]) -> None:
        self.target = target
        self.issuer: str | None = None  # the identifier, where the keys were looked for by it
        self.jwks_uri: str | None = None
        self.metadata: dict[str, Any] = {}
        self.document: bytes | None = None  # the key set
        self.keys: list[KeyInfo] = []
        self.clock_offset: float | None = None
        self.findings: list[Finding] = []
        self.key_findings: list[Finding] = []
        self.error: str | None = None
        self.is_misconfigured = False  # the error is of the command line, not of the provider
        self._network = network
        self._options = options  # how to fetch

    def examine(self) -> None:
        """Fetches what there is to fetch. What fails is a finding, not an exception."""
        try:
            if self._identify():
                self._fetch()
        except ConfigurationError as error:
            self.error = str(error).replace("jwks_uri", "the URL", 1)
            self.is_misconfigured = True
            self._find("FAIL", "target", self.error)
        self._look_at_exchanges()
        self.findings.sort(key=lambda finding: _ORDER.index(finding.name))

    def source(self) -> dict[str, Any]:
        """The options of a verifier that say where the keys are."""
        return {"issuer": self.issuer} if self.jwks_uri is None else {"jwks_uri": self.jwks_uri}

    def _find(self, state: str, name: str, text: str, **more: Any) -> None:
        self.findings.append(Finding(state, name, text, **more))

    # ---- what the target is

    def _identify(self) -> bool:
        """A key set has "keys", a metadata document an "issuer", and an issuer itself mostly has neither. Whether there
        is somebody at all.
        """
        Verifier._make(warn=False, jwks_uri=self.target, **self._options).close()  # the rules for URLs
        first = self._network.get(self.target, {"Accept": "application/json"})
        if first.error is not None and first.status is None:
            self.error = first.error
            self._find("FAIL", "target", first.error)
            return False
        self._network.exchanges.remove(first)
        self._first = first
        value = _json(first.body) if first.status == 200 else None
        stated = value.get("issuer") if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(value.get("keys"), list):
            self.jwks_uri = self.target
            self._find("-", "target", "is the URL of a key set")
        elif isinstance(value, dict) and isinstance(stated, str) and "jwks_uri" in value:
            self.issuer = stated
            self._find("-", "target", f"is a metadata document; its issuer is {stated}")
        else:
            self.issuer = self.target
            self._find("-", "target", "is neither a key set nor a metadata document, so it is taken for an issuer")
        return True

    # ---- fetching as the library does, twice: looking on, and by itself

    def _fetch(self) -> None:
        watched = Verifier._make(
            warn=False, algorithms=PUBLIC, fetch=self._network.fetch, **self.source(), **self._watched_options()
        )
        with watched:
            try:
                watched.refresh()
            except KeysUnavailableError as error:
                self.error = str(error)
        self._read_documents()
        self._fetch_by_itself()
        if self.error is not None:
            self._explain(self.error)
            if self._first.failure() is not None:
                self._network.exchanges.insert(0, self._first)

    def _watched_options(self) -> dict[str, Any]:
        with_libcurl = ("ca_file", "trust_env")  # the others are looked at whoever fetches
        return {name: value for name, value in self._options.items() if name not in with_libcurl}

    def _fetch_by_itself(self) -> None:
        """With libcurl, which is what a server will use: where it fares otherwise, that is what counts."""
        with Verifier._make(warn=False, algorithms=PUBLIC, **self.source(), **self._options) as verifier:
            start = time.monotonic()
            try:
                verifier.refresh()
            except KeysUnavailableError as error:
                if self.error is None:
                    self._find("FAIL", "fetch", "the library cannot fetch what Python can")
                self.error = str(error)
                return
            self.error = None
            self.keys = verifier.keys()
            found = verifier.stats()["issuers"][0]["jwks_uri"]
            self._find("ok", "fetch", f"the library fetched the keys in {(time.monotonic() - start) * 1000:.0f} ms")
        if self.issuer is not None:
            self._find("ok", "discovery", f"the key set is at {found}")

    def _read_documents(self) -> None:
        for exchange in self._network.exchanges:
            value = _json(exchange.body) if exchange.status == 200 else None
            if isinstance(value, dict) and isinstance(value.get("keys"), list):
                self.document = exchange.body
            elif isinstance(value, dict) and "issuer" in value:
                self.metadata = value

    def _explain(self, error: str) -> None:
        self._find("FAIL", "keys", error)
        stated = self.metadata.get("issuer")
        if self.issuer is not None and isinstance(stated, str) and stated != self.issuer:
            self._find(
                "FAIL", "issuer", f"the metadata is of another issuer: use exactly the identifier that it states, "
                f"{stated}", expected=self.issuer, actual=stated,
            )  # fmt: skip

    # ---- what the exchanges show

    def _look_at_exchanges(self) -> None:
        if any("issuer certificate" in (exchange.error or "") or "self" in (exchange.error or "")
               for exchange in self._network.exchanges):  # fmt: skip
            self._find("-", "authorities", "--ca-file names a PEM file of the authorities to trust")
        for exchange in self._network.exchanges:
            self._look_at(exchange)
        offsets = [exchange for exchange in self._network.exchanges if exchange.clock_offset is not None]
        if offsets:
            self._compare_clocks(min(offsets, key=lambda exchange: exchange.clock_error))
        certificates = [exchange for exchange in self._network.exchanges if exchange.certificates]
        for exchange in {exchange.url.split("/")[2]: exchange for exchange in certificates}.values():
            self._look_at_certificates(exchange)
        proxies = {exchange.proxy for exchange in self._network.exchanges if exchange.proxy is not None}
        for proxy in sorted(proxies):
            self._find("-", "proxy", f"{proxy}, named by the environment")
        self.key_findings = [_key_finding(key) for key in self.keys]

    def _look_at(self, exchange: Exchange) -> None:
        facts = [f"{exchange.seconds * 1000:.0f} ms"]
        failure = exchange.failure()
        if failure is None:
            facts.append(f"{len(exchange.body)} bytes")
            facts.extend(text for text in (exchange.tls, exchange.header("cache-control")) if text)
        state = "ok" if failure is None else "warn" if exchange.status == 404 else "FAIL"
        text = f"{exchange.url}: {'' if failure is None else failure + '; '}{', '.join(facts)}"
        self._find(state, "request", text, url=exchange.url, status=exchange.status)

    def _compare_clocks(self, exchange: Exchange) -> None:
        offset, error = exchange.clock_offset or 0.0, exchange.clock_error
        self.clock_offset = offset
        if abs(offset) <= max(2.0, 2 * error):
            self._find("ok", "clock", f"the provider's and ours agree within {max(1.0, abs(offset) + error):.0f} s",
                       seconds_ahead=round(offset, 1))  # fmt: skip
            return
        text = f"the provider's is {duration(abs(offset))} {'ahead of' if offset > 0 else 'behind'} ours"
        if offset > _CLOCK_SKEW:
            text += ": new tokens are refused as issued in the future; set the clock that is wrong"
        elif offset < -_CLOCK_SKEW:
            text += ": tokens expire too early here; set the clock that is wrong"
        self._find("warn", "clock", text, seconds_ahead=round(offset, 1))

    def _look_at_certificates(self, exchange: Exchange) -> None:
        first = exchange.certificates[0]
        ends = [(when, certificate) for certificate in exchange.certificates
                if (when := expiry(certificate)) is not None]  # fmt: skip
        if not ends:
            return
        when, certificate = min(ends, key=lambda pair: pair[0])
        left = when - time.time()
        path = " < ".join(name_of(item) for item in exchange.certificates)
        if len(exchange.certificates) == 1:
            path += f", issued by {name_of(first, 'issuer')}"
        state = "FAIL" if exchange.error is not None or left < 0 else "warn" if left < _SOON else "ok"
        ending = f"expired {duration(-left)} ago" if left < 0 else f"is good for {duration(left)}"
        which = "it" if certificate is first else name_of(certificate)
        if exchange.error is not None:
            names = [value for _, value in first.get("subjectAltName", ())]
            path += f", for {', '.join(names) or 'no name'}"
        self._find(state, "certificate", f"{path}; {which} {ending}", not_after=when)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _key_finding(key: KeyInfo) -> Finding:
    kind = " ".join(str(part) for part in (key.kty, key.crv, key.bits or None, key.alg) if part is not None)
    text = ": ".join(part for part in (kind, key.problem) if part)
    state = "ok" if key.usable else "FAIL"
    return Finding(state, key.kid or "(no kid)", text, usable=key.usable, problem=key.problem)
