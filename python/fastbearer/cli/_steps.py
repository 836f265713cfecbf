"""A token, step by step: each check of the library with what was expected and what the token has.

The library says the first thing that is wrong. Here that is noted and no longer required, and the token is verified
again, until nothing is wrong any more or what is wrong cannot be overlooked: a signature that does not hold.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..errors import FastBearerError, InvalidAlgorithmError
from ..verifier import Verifier, decode_unverified
from ._provider import PUBLIC, Finding
from ._terminal import duration, moment

if TYPE_CHECKING:
    from typing import TypeGuard

#: Which check a reason is of.
_STEPS = {
    "algorithm": ("algorithm_not_allowed",),
    "type": ("token_type_not_allowed",),
    "key": ("configuration_invalid", "key_not_found", "key_ambiguous", "key_unsuitable", "keys_unavailable"),
    "signature": ("signature_invalid",),
    "times": ("exp_missing", "exp_invalid", "token_expired", "nbf_invalid", "token_not_yet_valid", "iat_invalid",
              "token_issued_in_future"),
    "issuer": ("iss_missing", "iss_invalid", "issuer_mismatch"),
    "audience": ("aud_missing", "aud_invalid", "audience_mismatch"),
    "names": ("sub_invalid", "client_id_invalid"),
    "scopes": ("scope_invalid", "insufficient_scope"),
    "claims": ("claim_missing", "claim_mismatch"),
    "sender": ("confirmation_invalid", "proof_missing"),
}  # fmt: skip
_STEP_OF = {code: step for step, codes in _STEPS.items() for code in codes}
_ORDER = ("form", *_STEPS)


class Examination:
    """What was found."""

    def __init__(self, token: str, options: dict[str, Any], document: bytes | None) -> None:
        self.header: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.signature_holds = False
        self.relaxed: dict[str, Any] = {}  # what had to be changed for the token to be accepted
        self.moment: float | None = None  # when it would be accepted; None: now
        self.findings: list[Finding] = []
        self.failed: dict[str, FastBearerError] = {}
        self._token = token
        self._options = options
        self._document = document

    def run(self) -> None:
        """Fills in the rest."""
        try:
            unverified = decode_unverified(self._token)
        except FastBearerError as error:
            self._fail("form", error)
            if self._token.count(".") != 2:
                self._add("-", "form", "a token that is not a JWT can only be introspected by its provider (RFC 7662)")
            return
        self.header, self.claims = unverified.header, unverified.claims
        if str(self.header.get("alg")).startswith("HS"):
            self._add("-", "algorithm", "the token is signed with a secret that its issuer and this server share; "
                      "verify --secret-file checks it")  # fmt: skip
        if self._document is not None:
            self._relax(self._document)
        self._describe()

    def _add(self, state: str, step: str, text: str, **more: Any) -> None:
        self.findings.append(Finding(state, step, text, **more))

    def _fail(self, step: str, error: FastBearerError) -> None:
        self.failed[step] = error
        parts = [f"{error} ({error.code})"]
        if error.code == "algorithm_not_allowed":
            accepted = self._options.get("algorithms") or ["RS256"]
            parts.append(f"the header says {self.header.get('alg')}, accepted is {', '.join(accepted)}")
        if error.code == "key_not_found":
            kid = self.header.get("kid")
            parts.append("the header names no key" if kid is None else f"the header asks for {kid}")
        if error.expected is not None:
            parts.append(f"expected {error.expected}")
        if error.actual is not None:
            parts.append(f"the token has {error.actual}")
        self._add("FAIL", step, "; ".join(parts), code=error.code, expected=error.expected, actual=error.actual)

    # ---- verifying until nothing is left

    def _relax(self, document: bytes) -> None:
        accepted, alg = self._options.get("algorithms") or ["RS256"], self.header.get("alg")
        if alg not in accepted:
            self._fail("algorithm", InvalidAlgorithmError("the token's algorithm is not allowed"))
            if alg not in PUBLIC:
                return
            self.relaxed["algorithms"] = [alg]
        options = {**self._options, **self.relaxed}
        for _ in range(24):
            try:
                with Verifier._make(warn=False, cache_size=0, jwks=document, **options) as verifier:
                    verifier.verify(self._token, now=self.moment)
            except FastBearerError as error:
                self._fail(_STEP_OF.get(error.code, "form"), error)
                change = self._change(error.code)
                if change is None:
                    self.signature_holds = _ORDER.index(_STEP_OF.get(error.code, "form")) > _ORDER.index("signature")
                    return
                self.relaxed.update(change)
                options.update(change)
            else:
                self.signature_holds = True
                return

    def _change(self, code: str) -> dict[str, Any] | None:
        """What would let the token past this check; None: nothing does."""
        if code in ("token_expired", "token_not_yet_valid", "token_issued_in_future"):
            return self._another_moment()
        changes: dict[str, dict[str, Any]] = {
            "token_type_not_allowed": {"token_type": "any"},
            "exp_missing": {"require_exp": False, "token_type": "any"},
            "iss_missing": {"issuer": None, "token_type": "any"},
            "issuer_mismatch": {"issuer": None},
            "aud_missing": {"audience": None, "token_type": "any"},
            "audience_mismatch": {"audience": None},
            "scope_invalid": {"scope_claims": (), "required_scopes": None},
            "insufficient_scope": {"required_scopes": None},
            "claim_missing": {"required_claims": (), "token_type": "any"},
            "claim_mismatch": {"required_claims": ()},
            "confirmation_invalid": {"sender_constrained": "ignore"},
            "proof_missing": {"sender_constrained": "ignore"},
        }
        return changes.get(code)

    def _another_moment(self) -> dict[str, Any] | None:
        """The moment at which the times of the token are good: as late as it may be used first."""
        if self.moment is not None:
            return None  # there is none
        begins = [self.claims[name] for name in ("nbf", "iat") if is_number(self.claims.get(name))]
        expires = self.claims.get("exp")
        if begins and is_number(expires) and max(begins) >= expires:
            return None
        self.moment = float(max(begins)) if begins else float(self.claims["exp"]) - 1.0
        return {}

    # ---- what was good

    def _describe(self) -> None:
        """A line for each check that found nothing wrong, in the order in which they are done."""
        good = self._good() if self.signature_holds else {"form": self._form()}
        for step, text in good.items():
            if step not in self.failed and text:
                self._add("ok", step, text)
        if not self.signature_holds and self._document is not None:
            self._add("-", "claims", "not looked at: the signature is not verified, so anybody can have written them")
        self.findings.sort(key=lambda finding: _ORDER.index(finding.name))

    def _form(self) -> str:
        return f"a JWT of {len(self._token)} characters"

    def _good(self) -> dict[str, str]:
        claims, header = self.claims, self.header
        names = ", ".join(map(str, claims["aud"])) if isinstance(claims.get("aud"), list) else claims.get("aud")
        times = [f"{name} {moment(claims[name])}" for name in ("iat", "nbf", "exp") if name in claims]
        checked = self._options.get("audience") is not None
        holders = [name for name in self._options.get("client_id_claims", ("client_id", "azp", "sub"))
                   if isinstance(claims.get(name), str)]  # fmt: skip
        return {
            "form": self._form(),
            "algorithm": str(header.get("alg")),
            "type": f"typ {header['typ']}" if "typ" in header else "no typ",
            "key": f"kid {header['kid']}" if "kid" in header else "the only key that fits",
            "signature": "holds",
            "times": "; ".join(times),
            "issuer": str(claims.get("iss", "none, and none is required")),
            "audience": f"{names}{'' if checked else ', which was not checked'}" if names else "none, none required",
            "names": f"subject {claims.get('sub')}, client {claims[holders[0]]}" if holders else "no client",
            "scopes": str(claims.get("scope", claims.get("scp", "none"))),
        }  # fmt: skip


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is what a NumericDate may be."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def remark_on_expiry(examination: Examination) -> str | None:
    """What to do about the times, which no configuration changes."""
    error = examination.failed.get("times")
    expires = examination.claims.get("exp")
    if error is None or not is_number(expires) or error.code not in ("token_expired", "token_not_yet_valid"):
        return None
    if error.code == "token_expired":
        return f"The token expired {duration(time.time() - expires)} ago: no configuration accepts it, get a new one."
    return "The token is not valid yet: look at the clocks."
