"""Writes what follows from the option table of python/fastbearer/_options.py into the sources, for people, editors and
type checkers: the constructors of Verifier and Issuer, the types of the adapters' options, the stub of the extension,
and its own table.

    python tools/generate/python_options.py            writes the files
    python tools/generate/python_options.py --check    says which of them differ from the table

It is run with an environment in which fastbearer is built (.venv/bin/python).
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/fastbearer"
sys.path.insert(0, str(PACKAGE.parent))

from fastbearer._options import BOTH, FETCHING, ISSUER, KEYS, OPTIONS, POLICY, REPORTING, STATUS, VERIFIER, WHO, Option  # noqa: E402

WIDTH = 120
#: Parameters that FastMCP's own class has, under these names.
FASTMCP_HAS = {"public_key", "jwks_uri", "issuer", "audience", "required_scopes", "ssrf_safe"}
#: FastMCP has another name for the one, and an HTTP client in place of the other.
FASTMCP_REPLACES = {"refresh_interval", "fetch"}

#: What the extension takes for each annotation: its Python type, and its kind in bindings/python/options.c.
NATIVE = {
    "str": ("str | None", "TEXT"),
    "str | bytes": ("str | bytes | None", "TEXT"),
    "str | bytes | Mapping[str, Any]": ("str | bytes | None", "TEXT"),
    "str | Sequence[str]": ("tuple[str, ...] | None", "LIST"),
    "str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]]": (
        "tuple[tuple[str, tuple[str, ...] | None], ...] | None",
        "CLAIMS",
    ),
    "Mapping[str, Sequence[str]]": ("tuple[tuple[str, tuple[str, ...] | None], ...] | None", "RULES"),
    "Mapping[str, str]": ("tuple[str, ...] | None", "LIST"),
    "DPoP": ("dict[str, Any] | None", "PROOFS"),
    "float": ("float", "REAL"),
    "int": ("int", "SIZE"),
    "bool": ("bool", "FLAG"),
}
#: Kinds of the extension that have a number beside them, and so a macro of their own.
COUNTED = {"CLAIMS": "_COUNTED", "RULES": "_COUNTED"}


def default(option: Option) -> str:
    return repr(option.default).replace("'", '"')


def documentation(indent: str, of: int) -> list[str]:
    lines = []
    for group in (WHO, KEYS, POLICY, STATUS, FETCHING, REPORTING):
        options = [option for option in OPTIONS if option.group is group and option.of & of]
        if options:
            lines += ["", f"{indent}{group.title}:"]
        for option in options:
            text = f"{option.name}: {option.doc}"
            lines += textwrap.wrap(
                text, WIDTH, initial_indent=indent + "    ", subsequent_indent=indent + "        ",
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return lines


def constructor() -> str:
    """Verifier.__init__, as ruff formats it."""
    parameters = [f"        {option.name}: {option.annotation} = {default(option)}," for option in OPTIONS]
    summary = [
        '        """Makes a verifier; every option is a keyword.',
        "",
        "        With ``issuers`` the options of one (``issuer``, keys, ``algorithms``, how they are fetched) stand in",
        "        each Issuer, and not here.",
    ]
    return initialiser(["        *,", *parameters], summary, list(OPTIONS), ISSUER | VERIFIER)


def issuer_constructor() -> str:
    """Issuer.__init__, and its attributes for type checkers."""
    options = [option for option in OPTIONS if option.of & ISSUER]
    parameters = [f"        {option.name}: {own_annotation(option)} = {own_default(option)}," for option in options]
    attributes = [f"    {option.name}: {own_annotation(option)}" for option in options]
    summary = [
        '        """Makes an issuer; every option but ``issuer`` is a keyword.',
        "",
        "        What a verifier has too replaces the verifier's own where it is given here; an empty list is none.",
    ]
    text = initialiser([parameters[0], "        *,", *parameters[1:]], summary, options, ISSUER)
    return "\n".join([*attributes, "", text])


def own_annotation(option: Option) -> str:
    return option.kind.annotation + " | None" if option.of == BOTH else option.annotation


def own_default(option: Option) -> str:
    return "None" if option.of == BOTH else default(option)


def initialiser(parameters: list[str], summary: list[str], options: list[Option], of: int) -> str:
    return "\n".join(
        [
            "    def __init__(",
            "        self,",
            *parameters,
            "        **unknown: NoReturn,",
            "    ) -> None:",
            *summary,
            *documentation(" " * 8, of),
            '        """',
            "        self._set_up(",
            "            {",
            *textwrap.wrap(
                " ".join(f'"{option.name}":\0{option.name},' for option in options),
                WIDTH,
                initial_indent=" " * 16,
                subsequent_indent=" " * 16,
                break_long_words=False,
            ),
            "            },",
            "            unknown,",
            "        )  # fmt: skip",
            "",
        ]
    ).replace("\0", " ")


def option_types() -> str:
    """The module _option_types, which type checkers and editors read."""
    extra = [option for option in OPTIONS if option.name not in FASTMCP_HAS | FASTMCP_REPLACES]

    def members(options: list[Option]) -> str:
        return "\n".join(f"    {option.name}: {option.annotation}" for option in options)

    return f'''"""The options of a verifier as types, for signatures with **options.

Generated from _options.OPTIONS by tools/generate/python_options.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from ._fetch_function import Fetch
    from ._option_kinds import ClaimValue
    from ._records import Rejection
    from ._revocation import IsRevoked
    from .dpop import DPoP
    from .introspection import Introspector
    from .issuer import Issuer, ResolveIssuer
    from .stores import KeyStore


class VerifierOptions(TypedDict, total=False):
    """The options of fastbearer.Verifier."""

{members(list(OPTIONS))}


class FastMCPOptions(TypedDict, total=False):
    """Those of them that FastMCP's own verifier does not have."""

{members(extra)}


class FastMCPAttributes:
    """The same as attributes, which may be written."""

{members(extra)}
'''


def native_parameters() -> str:
    """The keywords of _native.Verifier."""
    native = [option for option in OPTIONS if option.of & VERIFIER and option.native is not None]
    return "\n".join(f"        {option.native}: {NATIVE[option.kind.annotation][0]} = ...," for option in native)


def native_rows() -> str:
    """The rows of the extension's table."""
    native = [option for option in OPTIONS if option.native is not None]
    return "\n".join(
        f"    {owner}{COUNTED.get(kind, '')}({option.native}, {kind}),"
        for bit, owner in ((ISSUER, "ISSUER"), (VERIFIER, "VERIFIER"))
        for option in native
        if option.of & bit
        for kind in (NATIVE[option.kind.annotation][1],)
    )


def with_region(path: Path, text: str) -> str:
    """The file with what stands between its two marks replaced."""
    marks = re.compile(r"^([^\n]*<generated from [^\n]*\n).*?^([^\n]*</generated>[^\n]*)$", re.DOTALL | re.MULTILINE)
    source = path.read_text()
    assert len(marks.findall(source)) == 1, f"{path} must have one generated region"
    return marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", source)


def generated() -> dict[Path, str]:
    """Every file that the table goes into, as it should be."""
    verifier, issuer = PACKAGE / "verifier.py", PACKAGE / "issuer.py"
    stub, table = PACKAGE / "_native.pyi", ROOT / "bindings/python/options.c"
    return {
        table: with_region(table, native_rows()),
        verifier: with_region(verifier, constructor()),
        stub: with_region(stub, native_parameters()),
        issuer: with_region(issuer, issuer_constructor()),
        PACKAGE / "_option_types.py": option_types(),
    }


def main() -> None:
    differing = [path for path, text in generated().items() if not path.is_file() or path.read_text() != text]
    if sys.argv[1:] == ["--check"]:
        sys.exit("".join(f"{path} is not what the table of options says\n" for path in differing) or None)
    for path in differing:
        path.write_text(generated()[path])
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
