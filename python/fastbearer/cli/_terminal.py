"""What is printed: readable at 80 columns, in colour on a terminal alone, and without what could command a terminal."""

from __future__ import annotations

import json
import os
import textwrap
import time
from typing import Any, TextIO

WIDTH = 80
_LONGEST = 1000

_COLOURS = {"ok": "32", "warn": "33", "FAIL": "31", "title": "1", "dim": "2"}


def printable(text: str) -> str:
    """text with all that is not to be seen, or changes what is seen, as JSON escapes: text that is JSON stays it."""
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in text)


def document(value: Any) -> str:
    """JSON for people, in which nothing of what a token or provider says reaches the terminal as it is."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(printable(line) for line in text.split("\n"))


def moment(seconds: Any) -> str:
    """A NumericDate for people: the date in UTC, and how far from now it is."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return "not a number of seconds"
    from datetime import datetime, timedelta, timezone

    try:
        date = datetime.fromtimestamp(seconds, timezone.utc).isoformat(sep=" ", timespec="seconds")
        distance = timedelta(seconds=round(abs(seconds - time.time())))
    except (OverflowError, ValueError, OSError):
        return "beyond the calendar"
    return f"{date.replace('+00:00', ' UTC')} ({f'in {distance}' if seconds > time.time() else f'{distance} ago'})"


def duration(seconds: float) -> str:
    """A length of time for people, in the one unit that fits."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class Terminal:
    """Lines of a report on one stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _coloured(self, text: str, colour: str) -> str:
        code = _COLOURS.get(colour)
        return f"\033[{code}m{text}\033[0m" if self._colour and code is not None else text

    def title(self, text: str) -> None:
        """The head of a section."""
        self._write("\n" + self._coloured(printable(text), "title"))

    def finding(self, state: str, name: str, text: str) -> None:
        """One line of a section: a state, a name, and a sentence that is wrapped beside them."""
        room = 16
        lines = _wrapped(printable(_cut(text)), WIDTH - 8 - room) or [""]
        name = printable(_cut(name))
        if len(name) >= room:
            self._write(f"  {self._coloured(f'{state:<5}', state)} {name}")
        else:
            self._write(f"  {self._coloured(f'{state:<5}', state)} {name:<{room}}{lines.pop(0)}".rstrip())
        for line in lines:
            self._write(" " * (8 + room) + line)

    def paragraph(self, text: str) -> None:
        """A sentence of its own."""
        for line in _wrapped(printable(text), WIDTH):
            self._write(line)

    def verbatim(self, text: str) -> None:
        """Lines that must stay as they are, and hold nothing that could command a terminal."""
        for line in text.split("\n"):
            self._write(printable(line))

    def _write(self, line: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=self._stream)


def _cut(text: str) -> str:
    """What a provider says may fill screens; --json has all of it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
