"""What the middlewares of ASGI and WSGI have in common: their options, and what follows from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from . import _resource
from ._asgi_request import RequestReader, origin_of
from ._challenge import ChallengeScopes
from ._client_certificate import ClientCertificateHeader
from ._guard import Guard
from ._resource_metadata import ResourceMetadata, as_metadata
from ._rpc import ScopesByName, rules_of
from .errors import ConfigurationError

if TYPE_CHECKING:
    from .verifier import Verifier

_App = TypeVar("_App")


class ConfiguredMiddleware(Generic[_App]):
    """Wrong options are an error of the constructor. What they mean: fastbearer.asgi.BearerAuthMiddleware."""

    #: Whether requests are verified on a thread that waits, and so cannot wait for what is async.
    _blocks: ClassVar[bool] = False

    def __init__(
        self,
        app: _App,
        *,
        verifier: Verifier,
        required_scopes: Iterable[str] = (),
        resource_metadata_url: str | None = None,
        resource_metadata: ResourceMetadata | Mapping[str, Any] | None = None,
        exclude: Collection[str] = (),
        realm: str | None = None,
        base_url: str | None = None,
        client_certificate_header: ClientCertificateHeader | Mapping[str, str] | None = None,
        challenge_scopes: ChallengeScopes | None = None,
        anonymous: Collection[str] = (),
        tool_scopes: ScopesByName | None = None,
        resource_scopes: ScopesByName | None = None,
        prompt_scopes: ScopesByName | None = None,
        max_body_bytes: int | None = None,
        token_header: str | None = None,
    ) -> None:
        if isinstance(exclude, str):
            raise ConfigurationError("exclude must be a collection of paths, not one string")
        if self._blocks:
            verifier._check_sync()
        metadata = as_metadata(resource_metadata)
        if metadata is not None:
            dpop = verifier.dpop if token_header is None else None
            metadata = metadata._with_proofs(dpop, client_certificate_header is not None)
            resource_metadata_url = resource_metadata_url or metadata.url
            base_url = base_url or origin_of(metadata.url)
        _resource.bind(verifier, base_url if metadata is None else metadata.document["resource"])
        self.app = app
        self._metadata = metadata
        self._exclude = frozenset(exclude)
        self._reader = RequestReader(base_url, client_certificate_header, token_header)
        rules = rules_of(anonymous, tool_scopes, resource_scopes, prompt_scopes, max_body_bytes)
        self._guard = Guard(
            verifier, required_scopes, resource_metadata_url, realm, challenge_scopes, rules, token_header
        )
        self._sends_nonces = bool(self._guard.nonce_headers())
