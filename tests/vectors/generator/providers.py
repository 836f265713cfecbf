"""Real providers: tokens and key sets of the shape that each row of docs/providers gives, and the nearest wrong ones.

A row's configuration is taken as it stands, but for where its keys come from: a key set of the row's shape, made of the
test keys, takes the place of whatever would be fetched.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from . import keys
from .base import NOW, Case, Suite, as_bytes
from .sign import sign

TABLE = Path(__file__).resolve().parents[3] / "docs" / "providers"
FETCHING = ("jwks_uri", "ca_file")
OF_THE_VERIFIER = ("required_scopes", "merge_scope_claims")
SECRETS = {32: keys.SECRET32, 48: keys.SECRET48, 64: keys.SECRET64}
FORGER = {"rsa2048": "rsa2048-other", "p256": "p256-other"}
SECONDS = re.compile(r"now([+-]\d+)\Z")
Members = dict[str, Any]


def table() -> dict[str, Members]:
    """The rows by their id."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(TABLE.glob("*.json"))}


@functools.lru_cache(None)
def certificate(key: str) -> bytes:
    """DER of a self-signed certificate, the same every time."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider.example")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    built = built.public_key(keys.public(key)).serial_number(4712)
    built = built.not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2040, 1, 1))
    return built.sign(keys.private(key), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


CERTIFICATE_MEMBERS: dict[str, Callable[[bytes], Any]] = {
    "x5c": lambda der: [base64.b64encode(der).decode()],
    "x5t": lambda der: keys.b64u(hashlib.sha1(der).digest()),
    "x5t#S256": lambda der: keys.b64u(hashlib.sha256(der).digest()),
    "x5tS256": lambda der: base64.b64encode(hashlib.sha256(der).digest()).decode(),
}


class Provider:
    """One row of the table, with examples in place of its placeholders."""

    def __init__(self, row: Members) -> None:
        self.row, self.name = row, row["id"]
        self.examples = {name: said["example"] for name, said in row["placeholders"].items()}

    def fill(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.fill(name): self.fill(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str):
            return value
        if at := SECONDS.match(value):
            return NOW + int(at[1])
        if isinstance(self.examples.get(value), dict):
            return self.examples[value]
        for name, example in self.examples.items():
            value = value.replace(name, str(example))
        return value

    def key_set(self, with_certificates: bool = True) -> Members:
        made = []
        for entry in self.row["keys"]:
            if "raw" in entry:
                made.append(entry["raw"])
                continue
            of_certificate = entry.get("certificate", []) if with_certificates else []
            added = {name: CERTIFICATE_MEMBERS[name](certificate(entry["key"])) for name in of_certificate}
            made.append(keys.jwk(entry["key"], **self.fill(entry["members"]), **added))
        return {"keys": made, **self.row.get("key_set_members", {})}

    def signer(self) -> Members:
        """What the row's good token is signed with: {"key": name} or {"secret": text}."""
        configuration = self.row["configuration"]
        if "secret" in configuration:
            return {"secret": self.fill(configuration["secret"])}
        if "public_key" in configuration:
            return {"key": self.fill(configuration["public_key"])["pem"]}
        entries = self.row["keys"]
        return {"key": next((entry for entry in entries if entry.get("signs")), entries[0])["key"]}

    def config(self, changes: Members | None = None, with_certificates: bool = True) -> Members:
        made = {**self.row["configuration"], **(changes or {})}
        made = {name: value for name, value in self.fill(made).items() if name not in FETCHING}
        for source in ("public_key", "secret"):
            if isinstance(made.get(source), dict):
                made[source] = keys.pem(made[source]["pem"])
        if "secret" in made or "public_key" in made:
            return made
        return {"jwks": self.key_set(with_certificates), **made}

    def part(self, kind: str, changes: Members, without: list[str]) -> Members:
        examples = {name: said["example"] for name, said in self.row[kind].items()}
        made = self.fill({**examples, **changes})
        return {name: value for name, value in made.items() if name not in without}

    def token(self, case: Members) -> str:
        if "token" in case:
            return str(case["token"])
        header = self.part("header", case.get("header", {}), case.get("without_header", []))
        if "payload" in case:
            payload = self.fill(case["payload"])
        else:
            payload = self.part("claims", case.get("claims", {}), case.get("without", []))
        return assemble(header, payload, case.get("sign", self.signer()), case.get("form", ""))


def assemble(header: Members, payload: Members, signer: Any, form: str = "") -> str:
    """signer: {"key": name}, {"secret": text or size}, {"over_header_without": [...], ...}, or "nothing"."""
    encode = padded if form else keys.b64u
    parts = [encode(as_bytes(header)), encode(as_bytes(payload))]
    if signer == "nothing":
        return f"{parts[0]}.{parts[1]}."
    over = parts[0]
    if "over_header_without" in signer:
        kept = {name: value for name, value in header.items() if name not in signer["over_header_without"]}
        over, signer = encode(as_bytes(kept)), {"key": "rsa2048"}
    secret = SECRETS.get(signer.get("secret"), signer.get("secret"))
    signature = encode(sign(header["alg"], secret or signer["key"], f"{over}.{parts[1]}".encode()))
    made = ".".join([*parts, signature])
    if form == "padded, then stripped":
        assert "=" in parts[0] + parts[1], "nothing that was signed is padded"
        return made.replace("=", "")
    return made


def padded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def common(provider: Provider) -> list[Members]:
    """What is refused of every provider: not signed, signed by somebody else, for another time."""
    row, signer = provider.row, provider.signer()
    issuer = row["claims"]["iss"]["example"]
    made: list[Members] = [
        {"name": "unsigned", "about": "no signature", "code": "token_malformed",
         "header": {"alg": "none"}, "sign": "nothing"},
        {"name": "expired", "about": "expired", "code": "token_expired", "claims": {"exp": "now-1"}},
        {"name": "no-issuer", "about": "no iss", "code": "iss_missing", "without": ["iss"]},
        {"name": "issuer-prefix", "about": "the issuer is only a prefix", "code": "issuer_mismatch",
         "claims": {"iss": f"{issuer}.attacker.example"}},
    ]
    if "secret" in signer:
        return [*made, {"name": "rs256", "about": "RS256 where a secret is configured", "code": "algorithm_not_allowed",
                        "header": {"alg": "RS256"}, "sign": {"key": "rsa2048"}}]
    made += [
        {"name": "hs256-with-the-public-key", "about": "HS256 with the public key as secret",
         "code": "algorithm_not_allowed", "header": {"alg": "HS256"}, "sign": {"secret": keys.pem(signer["key"])}},
        {"name": "forged", "about": "the right kid, somebody else's key", "code": "signature_invalid",
         "sign": {"key": FORGER[signer["key"]]}},
    ]
    if row["keys"]:
        made.append({"name": "unknown-key", "about": "a kid that nobody published", "code": "key_not_found",
                     "header": {"kid": "nobody"}, "sign": {"key": FORGER[signer["key"]]}})
    return made


def of_row(row: Members, rows: dict[str, Members]) -> Suite:
    suite = Suite(f"providers/{row['id']}")
    if "see" in row:
        for case in row["refused"]:
            suite.add(case["name"], case["about"], *both_in_one(case["issuers"], rows), case["code"])
        return suite
    provider = Provider(row)
    good: Members = {"name": "good", "about": f"a token of {row['name']}", "scopes": row["scopes"]}
    for case in [good, *row["accepted"]]:
        config = provider.config(case.get("configuration"))
        suite.add(case["name"], case["about"], provider.token(case), config, scopes=case.get("scopes", row["scopes"]))
    for case in [*row["refused"], *common(provider)]:
        config = provider.config(case.get("configuration"), with_certificates=False)
        suite.add(case["name"], case["about"], provider.token(case), config, case["code"])
    return suite


def issuer_of(provider: Provider) -> Members:
    """The row as one Issuer among others: what belongs to the verifier stays out."""
    config = provider.config(with_certificates=False)
    return {name: value for name, value in config.items() if name not in OF_THE_VERIFIER}


def both_in_one(ids: list[str], rows: dict[str, Members]) -> tuple[str, Members]:
    """A token of the first row, and a verifier that has all these rows under the first one's identifier."""
    providers = [Provider(rows[name]) for name in ids]
    for provider in providers:
        provider.examples.update(providers[0].examples)
    return providers[0].token({}), {"issuers": [issuer_of(provider) for provider in providers]}


def with_the_kid_of(provider: Provider, other: Provider) -> Case | None:
    """provider's claims under other's kid, signed by other: refused, though the test keys behind both are the same."""
    kid, alg = (other.row["header"].get(name, {}).get("example") for name in ("kid", "alg"))
    mine = [key.get("kid") for key in provider.key_set(False)["keys"]]
    if not mine or kid in mine or "secret" in other.signer():
        return None
    allowed = alg in provider.row["configuration"]["algorithms"]
    token = provider.token({"header": {"kid": kid, "alg": alg}, "sign": other.signer()})
    return step(token, "key_not_found" if allowed else "algorithm_not_allowed")


def step(token: str, code: str | None = None, now: int = NOW) -> Case:
    made: Case = {"token": token, "now": now, "expect": "reject" if code else "accept"}
    return {**made, "code": code} if code else made


def together() -> Suite:
    """All providers at one verifier. A sequence, so that what passed once is asked for again from the cache."""
    suite = Suite("providers/together")
    providers = [Provider(row) for row in table().values() if "see" not in row and row.get("supported", True)]
    tokens = [provider.token({}) for provider in providers]
    neighbours = zip(providers, [*providers[1:], providers[0]])
    crossed = [made for provider, other in neighbours if (made := with_the_kid_of(provider, other))]
    nobody = step(providers[0].token({"claims": {"iss": "https://nobody.example"}}), "issuer_mismatch")
    good = [step(token) for token in tokens]
    late = [step(token, "token_expired", NOW + 400 * 86400) for token in tokens]
    suite.cases.append({
        "id": f"{suite.prefix}.sequence",
        "description": "each provider's token passes, none passes with another provider's kid, none after its time",
        "config": {"issuers": [issuer_of(provider) for provider in providers]},
        "steps": [*good, *crossed, nobody, *good, *late],
    })
    return suite


def suites() -> list[Callable[[], Suite]]:
    rows = table()
    return [*(functools.partial(of_row, row, rows) for row in rows.values()), together]


SUITES = suites()
