"""The reference of the command line, from the parser of fastbearer.cli."""

from __future__ import annotations

import argparse

from fastbearer import cli
from fastbearer.cli._arguments import make_parser

EXIT_CODES = (
    (cli.OK, "The token is good, or the command did its work."),
    (cli.REFUSED, "The token is refused; standard error says the reason."),
    (cli.USAGE, "An argument or option is wrong, or a file cannot be read."),
    (cli.UNAVAILABLE, "Keys could not be fetched."),
)


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the parser has no commands")


def options(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    """Each argument as it is written, and its text."""
    found = []
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
        if isinstance(value, tuple):
            value = " ".join(value)
        if action.choices:
            value = "|".join(map(str, action.choices))
        name = ", ".join(action.option_strings) or action.dest.upper()
        found.append((f"{name} {value}".strip() if action.option_strings else name, action.help or ""))
    return found


def page() -> str:
    """The page of the site."""
    parser = make_parser(cli.__doc__ or "")
    parts = [
        "# Command line", "",
        "`fastbearer`, or `python -m fastbearer`. It comes with the Python package.", "",
        "| Exit code | |", "|---|---|", *(f"| {code} | {text} |" for code, text in EXIT_CODES), "",
    ]  # fmt: skip
    for name, command in commands(parser).items():
        parts += [f"## {name}", "", command.description or "", "", "| | |", "|---|---|"]
        parts += [f"| `{written.replace('|', chr(92) + '|')}` | {text} |" for written, text in options(command)]
        parts.append("")
    return "\n".join(parts)
