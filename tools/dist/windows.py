"""What linking for Windows takes: import libraries of what our objects ask for, and symbols of the process itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .compiler import run, tools
from .targets import Target

HOST = """/* By tools/dist/windows.py: the N-API functions that the addon calls, found in the running program. */
#include <windows.h>

{pointers}

static const struct {{
    const char *name;
    FARPROC *at;
}} functions[] = {{
{rows}
}};

/*
 * No import of node.exe: a renamed node, Electron and Bun can load the addon too. A missing function makes loading
 * fail, as a missing import would.
 */
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved)
{{
    (void)self;
    (void)reserved;
    if (reason != DLL_PROCESS_ATTACH) {{
        return TRUE;
    }}
    HMODULE program = GetModuleHandleW(NULL), library = GetModuleHandleW(L"libnode.dll");
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {{
        *functions[i].at = GetProcAddress(program, functions[i].name);
        if (*functions[i].at == NULL && library != NULL) {{
            *functions[i].at = GetProcAddress(library, functions[i].name);
        }}
        if (*functions[i].at == NULL) {{
            return FALSE;
        }}
    }}
    return TRUE;
}}
"""


def undefined(objects: Sequence[Path], pattern: str) -> list[str]:
    """Names, without the prefix of imported data, that the objects want and that match."""
    listed = subprocess.run(
        ["llvm-nm", "--undefined-only", "--just-symbol-name", *map(str, objects)],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.strip().removeprefix("__imp_") for line in listed.stdout.splitlines()}
    return sorted(name for name in names if re.match(pattern, name))


def definition(result: Path, exports: Sequence[str]) -> Path:
    """What a DLL exports; without such a file the linker takes every function of every library."""
    made = result.with_suffix(".def")
    made.write_text(f"LIBRARY {result.name}\nEXPORTS\n" + "".join(f"    {name}\n" for name in exports))
    return made


def imports(target: Target, objects: Sequence[Path], library: str, pattern: str, out: Path) -> list[Path]:
    """An import library for a DLL with the symbols that the objects want of it."""
    if target.system != "win32":
        return []
    return [
        import_library(target, definition(out / f"{library}.dll", undefined(objects, pattern)), out / f"{library}.lib")
    ]


def import_library(target: Target, listed: Path, made: Path) -> Path:
    run(tools(target) / "dlltool", "-m", "i386:x86-64", "-d", listed, "-D", listed.with_suffix(".dll").name, "-l", made)
    return made


def host_symbols(target: Target, objects: Sequence[Path], out: Path) -> list[Path]:
    """An object that finds the N-API functions in the running program."""
    if target.system != "win32":
        return []
    names = undefined(objects, r"napi_|node_api_")
    jumps = "\n".join(
        f'FARPROC __imp_{name};\n__asm__(".globl {name}\\n{name}: jmpq *__imp_{name}(%rip)");' for name in names
    )
    rows = "\n".join(f'    {{"{name}", &__imp_{name}}},' for name in names)
    source, made = out / "host_symbols.c", out / "host_symbols.o"
    source.write_text(HOST.format(pointers=jumps, rows=rows))
    run(tools(target) / "cc", "-O2", "-g0", f"-ffile-prefix-map={out}=.", "-c", source, "-o", made)
    return [made]
