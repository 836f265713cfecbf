"""Keys, tokens and key sets from a terminal, and what is wrong with a provider.

Exit codes: 0 done, 1 the token is refused, 2 wrong usage or configuration,
3 the key set is not available.

Private keys and secrets are written to files that only their owner can read,
and printed only when asked for.

What each reason of a refusal means, and how to fix it: "fastbearer explain
CODE", or docs/reasons.md of the repository.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..errors import ConfigurationError, FastBearerError, KeysUnavailableError
from ._arguments import make_parser
from ._terminal import printable

__all__ = ["main"]

OK, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = make_parser(__doc__ or "").parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except KeysUnavailableError as error:
        return _refused(UNAVAILABLE, error, str(error))
    except ConfigurationError as error:
        return _refused(USAGE, error, str(error))
    except FastBearerError as error:
        expected = f"; expected {error.expected}" if error.expected else ""
        actual = f"; the token has {error.actual}" if error.actual else ""
        return _refused(REFUSED, error, f"{error}{expected}{actual}")
    except FileExistsError as error:
        return _fail(USAGE, "error", f"{error.filename} exists; --force replaces it")
    except BrokenPipeError:  # the reader has gone, and the interpreter must not write what is left either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (OSError, ValueError, TypeError) as error:
        return _fail(USAGE, "error", str(error))
    except KeyboardInterrupt:
        return 130


def _refused(exit_code: int, error: FastBearerError, message: str) -> int:
    _fail(exit_code, error.code, message)
    print(f"fastbearer: see docs/reasons.md#{error.code}, or: fastbearer explain {error.code}", file=sys.stderr)
    return exit_code


def _fail(exit_code: int, code: str, message: str) -> int:
    print(f"fastbearer: {code}: {printable(message)}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    raise SystemExit(main())
