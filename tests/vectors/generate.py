"""Writes the suites beside it.

    python -m tests.vectors.generate          write what differs
    python -m tests.vectors.generate --check  write nothing, exit 1 if a file differs from what would be written

Needs `cryptography` 46 or later. The outcome is the same every time: keys and clock are fixed, no signature is random.
What a case expects was thought out from the rules, and is checked by `tests/python/test_oracle.py` against a second
verifier; it is never copied from what the library says.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TOPICS = [
    "form",
    "header",
    "json_text",
    "alg",
    "jwk_common",
    "jwk_rsa",
    "jwk_ec_okp",
    "keyset",
    "pem",
    "rsa",
    "ec",
    "okp",
    "hmac",
    "time_claims",
    "parties",
    "scope",
    "claims",
    "options",
    "cve",
    "issuers",
    "claim_values",
    "claim_paths",
    "scopes_hierarchy",
    "clock_skew",
    "audience_urls",
    "confirmation",
    "dpop",
    "requests",
    "providers",
]


def main(arguments: list[str]) -> int:
    check = arguments == ["--check"]
    if arguments and not check:
        print(__doc__, file=sys.stderr)
        return 2
    ids: set[str] = set()
    count = different = 0
    for topic in TOPICS:
        for make in importlib.import_module(f"tests.vectors.generator.{topic}").SUITES:
            suite = make()
            for case in suite:
                assert case["id"] not in ids, f"two cases are called {case['id']}"
                ids.add(case["id"])
            count += len(suite.cases)
            path, text = FOLDER / suite.path, suite.text()
            if not path.exists() or path.read_text() != text:
                different += 1
                print(f"{'differs' if check else 'written'}: {suite.path}", file=sys.stderr)
                if not check:
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(text)
    print(f"{count} cases", file=sys.stderr)
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
