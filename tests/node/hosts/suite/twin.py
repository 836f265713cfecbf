"""What the ASGI middleware says: reads cases as JSON, prints its verdicts, for suite/twin.mjs to compare.

The package is that of the sources, with the extension that was built in their place.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "python"))

from fastbearer import MalformedRequestError, Request, Verifier  # noqa: E402
from fastbearer._challenge import Challenger  # noqa: E402
from fastbearer._questions import RequestQuestion  # noqa: E402
from fastbearer.errors import InvalidTokenError  # noqa: E402

VERIFIER = Verifier(secret=bytes(range(32)), audience="https://api.example")


def found(case):
    headers = [(b"Authorization", value.encode("latin-1")) for value in case["values"]]
    url = b"/" + (b"?" + case["query"].encode("latin-1") if case["query"] else b"")
    try:
        return {"token": RequestQuestion(VERIFIER._native, Request("GET", url, headers), None).token.decode()}
    except MalformedRequestError:
        return {"malformed": True}
    except InvalidTokenError:
        return {"token": None}


def refused(case):
    challenger = Challenger(case["realm"], case["scopes"], case["url"], None)
    refusal = challenger.refuse(case["status"], case["error"], case["missing"], case["retry_after"])
    headers = {name.decode(): value.decode() for name, value in refusal.headers}
    del headers["content-length"]
    return {"status": refusal.status, "headers": headers, "body": json.loads(refusal.body) if refusal.body else None}


cases = json.load(sys.stdin)
print(json.dumps({"found": [found(c) for c in cases["requests"]], "refused": [refused(c) for c in cases["refusals"]]}))
