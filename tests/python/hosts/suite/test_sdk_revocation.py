"""is_revoked under the official SDK, whose verifiers can only say yes or no."""

from support import AUDIENCE, ISSUER, Minter, run

from fastbearer.mcp import JWTVerifier


def test_revocation(keys):
    async def is_revoked(access):
        if access.subject == "trouble":
            raise OSError
        return access.subject == "gone"

    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, is_revoked=is_revoked)
    mint = Minter(keys)
    assert run(verifier.verify_token(mint())).client_id == "alice"
    for subject in ("gone", "trouble"):
        assert run(verifier.verify_token(mint(subject=subject))) is None
    assert verifier.stats()["reasons"] == {"token_revoked": 1, "status_unavailable": 1}
