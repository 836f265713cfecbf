"""Runs one provider with its remote control: ``python -m tests.idp [--tls] [--algorithms RS256,ES256] [--port N]
[--issuer-path /tenant]``.

Prints the state as one JSON line once it listens. Ends when asked to, or when standard input does, so that it never
outlives the test that started it.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading

from .control import Control
from .provider import IdentityProvider


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.idp", description="A loopback identity provider that can misbehave"
    )
    parser.add_argument("--tls", action="store_true", help="HTTPS, with an authority of its own")
    parser.add_argument("--algorithms", default="RS256", help="one key for each, separated by commas")
    parser.add_argument("--issuer-path", default="", help="what the issuer has behind the port: /tenant")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with IdentityProvider(
        tls=arguments.tls,
        algorithms=arguments.algorithms.split(","),
        host=arguments.host,
        port=arguments.port,
        issuer_path=arguments.issuer_path,
    ) as provider:
        control = Control(provider)
        print(json.dumps(control.state()), flush=True)

        def wait_for_end() -> None:
            sys.stdin.buffer.read()
            control.stopped.set()

        threading.Thread(target=wait_for_end, daemon=True).start()
        control.stopped.wait()
        control.close()


if __name__ == "__main__":
    main()
