"""The name that fastbearer.verifier had before; for programs that import from here."""

from .verifier import AccessToken, KeyInfo, Rejection, Unverified, Verifier, decode_unverified

__all__ = ["AccessToken", "KeyInfo", "Rejection", "Unverified", "Verifier", "decode_unverified"]
