"""An identity provider on loopback that misbehaves on command, for tests of key sets and of what fetches them.

In the same process:

    with IdentityProvider(tls=True) as idp:
        verifier = Verifier(jwks_uri=idp.jwks_uri, ca_file=idp.ca_file)
        verifier.verify(idp.mint(audience="me"))
        idp.misbehave("hang")                # a name of faults.FAULTS
        idp.behave(status=503, body=b"")     # or fields of faults.Behaviour
        idp.misbehave_metadata("wrong_issuer")  # a name of faults.METADATA_FAULTS, for discovery by idp.issuer
        idp.rotate()                         # the old key is withdrawn; overlap=True keeps it
        idp.requests                         # how many have arrived

From another language: ``python -m tests.idp`` prints one JSON line with the addresses, and does what the control
endpoint is asked; see control.py.
"""

from __future__ import annotations

from .faults import FAULTS, METADATA_FAULTS, Behaviour, Metadata
from .keys import SigningKey
from .provider import IdentityProvider

__all__ = ["FAULTS", "METADATA_FAULTS", "Behaviour", "IdentityProvider", "Metadata", "SigningKey"]
