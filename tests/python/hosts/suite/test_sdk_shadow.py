"""A server of the official SDK with a verifier of its own in service, and ours in its shadow."""

import time

from support import AUDIENCE, ISSUER, SCOPES, Minter, knock, serving
from test_sdk_http import server_for

import fastbearer
from fastbearer import shadow
from fastbearer.mcp import AccessToken, JWTVerifier
from fastbearer.shadow import Difference, Shadow

#: Only this server's tokens are let through, where the SDK looks at that.
OWN = {"resource": AUDIENCE} if "resource" in AccessToken.model_fields else {}


class Own:
    """What a team has written."""

    async def verify_token(self, token):
        if token == "the-old-way":
            return AccessToken(token=token, client_id="old", scopes=SCOPES, expires_at=int(time.time()) + 60, **OWN)
        return None

    async def load_access_token(self, token):
        return await self.verify_token(token)


def test_shadow(keys):
    found = []
    ours = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    made = Shadow(Own(), ours, on_difference=found.append)
    server = server_for(made)
    with serving(server.streamable_http_app()) as origin:
        statuses = [knock(origin, "http", token).status for token in ("the-old-way", Minter(keys)(), "garbage")]
        give_up = time.monotonic() + 10
        while shadow.stats(made)["compared"] < 3 and time.monotonic() < give_up:
            time.sleep(0.01)
    assert statuses == [200, 401, 401]
    assert found == [
        Difference("accepted", None, "refused", "token_malformed"), Difference("refused", None, "accepted")
    ]  # fmt: skip
    assert fastbearer.decode_unverified(Minter(keys)()).claims["iss"] not in repr(found)
