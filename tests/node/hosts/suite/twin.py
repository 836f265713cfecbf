"""What the ASGI middleware says: reads cases as JSON, prints its refusals, for suite/twin.mjs to compare.

Loads the two pure modules alone, so that no compiled extension is needed.
"""

import json
import pathlib
import sys
import types

package = types.ModuleType("fastbearer")
package.__path__ = [str(pathlib.Path(__file__).resolve().parents[4] / "python" / "fastbearer")]
sys.modules["fastbearer"] = package

from fastbearer._challenge import Challenger  # noqa: E402


def refused(case):
    realm, scopes, url, dpop, (status, error, missing), retry_after = case
    if dpop is not None:
        dpop = types.SimpleNamespace(required=dpop["required"], _advertised_algorithms=dpop["algorithms"])
    refusal = Challenger(realm, scopes, url, dpop).refuse(status, error, missing, retry_after)
    headers = {name.decode(): value.decode() for name, value in refusal.headers}
    del headers["content-length"]
    return {"status": refusal.status, "headers": headers, "body": json.loads(refusal.body) if refusal.body else None}


print(json.dumps([refused(case) for case in json.load(sys.stdin)]))
