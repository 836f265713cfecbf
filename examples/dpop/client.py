"""A client that proves possession of its key: client.py URL TOKEN KEY.pem"""

import sys
from pathlib import Path

import httpx

from fastbearer import KeyPair


def call(url: str, token: str, key: KeyPair) -> httpx.Response:
    """One GET; asked again with the server's nonce where it demands one."""
    nonce = None
    for _ in range(2):
        proof = key.dpop_proof("GET", url, access_token=token, nonce=nonce)
        response = httpx.get(url, headers={"Authorization": f"DPoP {token}", "DPoP": proof})
        nonce = response.headers.get("DPoP-Nonce")
        if response.status_code != 401 or "use_dpop_nonce" not in response.headers.get("WWW-Authenticate", ""):
            break
    return response


if __name__ == "__main__":
    address, access_token, path = sys.argv[1:]
    answer = call(address, access_token, KeyPair(private_key=Path(path).read_bytes(), algorithm="ES256"))
    print(answer.status_code, answer.text)
