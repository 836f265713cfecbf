"""The log, for what any thread may have to say at any moment, the interpreter's end and a fork included.

An import takes locks of the interpreter's. CPython frees one of them at its end, daemon threads that still wait for it
or not, and a child of a fork that comes while another thread imports finds that module's lock locked for ever. So
nothing is imported here: where nobody has imported logging nobody has configured it, and what it would do is known.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging


class _LastResort:
    """What logging does with a warning while it has no handlers."""

    def warning(self, text: str, *arguments: object) -> None:
        try:
            sys.stderr.write(f"{text % arguments}\n")
            sys.stderr.flush()
        except Exception:  # there may be no such file, as under pythonw, or it may be closed
            pass


_LAST_RESORT = _LastResort()


def logger(name: str) -> logging.Logger | _LastResort:
    """The logger of this name, for warnings."""
    found = sys.modules.get("logging")
    if found is None or getattr(found.__spec__, "_initializing", False):  # another thread is importing it
        return _LAST_RESORT
    return found.getLogger(name)  # type: ignore[no-any-return]
