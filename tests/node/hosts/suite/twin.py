"""What the ASGI middleware says: reads cases as JSON, prints its verdicts, for suite/twin.mjs to compare.

Loads the two pure modules alone, so that no compiled extension is needed.
"""

import json
import pathlib
import sys
import types

package = types.ModuleType("fastbearer")
package.__path__ = [str(pathlib.Path(__file__).resolve().parents[4] / "python" / "fastbearer")]
sys.modules["fastbearer"] = package

from fastbearer._challenge import Challenger, MalformedRequest, find_token  # noqa: E402


def found(case):
    headers = [(b"Authorization", value.encode("latin-1")) for value in case["values"]]
    try:
        return {"token": find_token(headers, case["query"].encode("latin-1"))}
    except MalformedRequest as error:
        return {"malformed": str(error)}


def refused(case):
    challenger = Challenger(case["realm"], case["scopes"], case["url"])
    refusal = challenger.refuse(case["status"], case["error"], case["missing"], case["retry_after"])
    headers = {name.decode(): value.decode() for name, value in refusal.headers}
    del headers["content-length"]
    return {"status": refusal.status, "headers": headers, "body": json.loads(refusal.body) if refusal.body else None}


cases = json.load(sys.stdin)
print(json.dumps({"found": [found(c) for c in cases["requests"]], "refused": [refused(c) for c in cases["refusals"]]}))
