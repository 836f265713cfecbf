"""DPoP (RFC 9449): how proofs of possession are checked.

verifier = Verifier(issuer="https://issuer.example", audience="https://api.example/mcp", dpop=DPoP())
"""

from __future__ import annotations

from ._option_kinds import ALGORITHMS, DATA, FLAG, SECONDS, SIZE, TEXTS, Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from typing import Any, Protocol

    class ReplayStore(Protocol):
        """Remembers proofs for all servers of a fleet. add may be async."""

        def add(self, key: str, expires_at: float, /) -> bool | Awaitable[bool]:
            """Remembers key until expires_at (seconds since the epoch), in one step with the look whether it is
            remembered already. True: it is new. False: the proof has been used.
            """


__all__ = ["DPoP"]

#: What the core takes when no algorithms are given.
_BY_DEFAULT = tuple(name for name in ALGORITHMS if not name.startswith("HS") and name != "ES256K")


class DPoP:
    """How DPoP proofs are checked. Immutable. It may hold a secret, so it is not printed in full and cannot be pickled.

    Args:
        max_age: seconds after its ``iat`` for which a proof is good; more than 0, at most 86400.
        required: whether only tokens that are bound to a DPoP key are accepted, under the scheme DPoP.
        algorithms: how proofs may be signed, one or several; None: all public-key algorithms but ES256K.
        nonce_secret: given, proofs must carry a nonce of this server's (RFC 9449 section 9), which the adapters send
            with every answer. All servers of a fleet share the secret, of at least 32 bytes; nothing is stored.
        replay_capacity: how many proofs are remembered, about 48 bytes each, so that none is accepted twice. When there
            are more, the oldest goes and could be used once again: ``stats()["replay_evictions"]`` counts that.
        replay_store: an object with ``add(key, expires_at) -> bool``, sync or async, that remembers proofs in place of
            this process, for a fleet of servers: it must remember a key and say whether it was new in one step. While
            it fails, requests with a proof are refused with 503.

    What only the core can tell of a wrong value is raised by the Verifier that it is given to.
    """

    __slots__ = ("_native", "algorithms", "max_age", "nonce_secret", "replay_capacity", "replay_store", "required")
    max_age: float
    required: bool
    algorithms: tuple[str, ...] | None
    nonce_secret: str | bytes | None
    replay_capacity: int
    replay_store: ReplayStore | None
    _native: dict[str, Any]

    def __init__(
        self,
        *,
        max_age: float = 300.0,
        required: bool = False,
        algorithms: str | Sequence[str] | None = None,
        nonce_secret: str | bytes | None = None,
        replay_capacity: int = 262144,
        replay_store: ReplayStore | None = None,
    ) -> None:
        if replay_store is not None and not callable(getattr(replay_store, "add", None)):
            raise TypeError("replay_store must have a method add(key, expires_at)")
        native = {
            "max_age": SECONDS.convert("dpop.max_age", max_age),
            "required": FLAG.convert("dpop.required", required),
            "algorithms": TEXTS.convert("dpop.algorithms", algorithms),
            "nonce_secret": DATA.convert("dpop.nonce_secret", nonce_secret),
            "replay_capacity": SIZE.convert("dpop.replay_capacity", replay_capacity),
        }
        for name, value in native.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "replay_store", replay_store)
        object.__setattr__(self, "_native", {**native, "replay_by_host": replay_store is not None})

    @property
    def _advertised_algorithms(self) -> tuple[str, ...]:
        return _BY_DEFAULT if self.algorithms is None else self.algorithms

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a DPoP cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a DPoP cannot be changed")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._native == other._native and self.replay_store is other.replay_store

    def __hash__(self) -> int:
        return hash((self.max_age, self.required, self.algorithms, self.replay_capacity))

    def __copy__(self) -> DPoP:
        return self

    def __deepcopy__(self, memo: object) -> DPoP:
        return self

    def __repr__(self) -> str:
        secret = "" if self.nonce_secret is None else ", nonce_secret=..."
        return f"DPoP(max_age={self.max_age!r}, required={self.required!r}, algorithms={self.algorithms!r}{secret})"

    def __reduce__(self) -> str:
        raise TypeError("a DPoP cannot be pickled, since it may hold a secret: make one in each process")


def _native(name: str, value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, DPoP):
        raise TypeError(f"{name} must be DPoP or None, not {type(value).__name__}")
    return value._native


#: Of the option that takes one.
_KIND = Kind("DPoP", _native)
