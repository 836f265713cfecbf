"""What help() and inspect show of a module: used by the tests of the package and by those inside the hosts."""

from __future__ import annotations

import inspect
import pydoc
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

#: What would be left of a default or an annotation that has no text of its own.
UNREADABLE = re.compile(r" at 0x[0-9a-f]+|<object object|<factory>|_NotGiven")


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """The public members of a class that this package defines, inherited ones included."""
    for base in owner.__mro__:
        if base.__module__.startswith("fastbearer"):
            for name, value in vars(base).items():
                if not name.startswith("_") and (callable(value) or hasattr(value, "__get__")):
                    yield name, value


def shortcomings(module: ModuleType) -> Iterator[str]:
    """Everything that a reader of help(module) would miss."""
    if not module.__doc__:
        yield f"{module.__name__} has no docstring"
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, str):
            continue
        yield from of_one(f"{module.__name__}.{name}", thing)
        if inspect.isclass(thing) and thing.__module__.startswith("fastbearer"):
            for member, value in members(thing):
                # The slots of a record are described in its class's docstring, by name.
                if inspect.ismemberdescriptor(value):
                    if not re.search(rf"\b{member}\b", thing.__doc__ or ""):
                        yield f"{name}.{member} is not described by its class"
                else:
                    yield from of_one(f"{name}.{member}", getattr(thing, member))


def undescribed(function: Any, *texts: str | None) -> list[str]:
    """The parameters of a function that none of the texts speaks of."""
    parameters = inspect.signature(function).parameters.values()
    named = [p.name for p in parameters if p.kind != p.VAR_KEYWORD and not p.name.startswith("_") and p.name != "self"]
    return [name for name in named if not any(re.search(rf"\b{name}\b", text or "") for text in texts)]


def of_one(name: str, thing: Any) -> Iterator[str]:
    if not inspect.getdoc(thing):
        yield f"{name} has no docstring"
        return
    if inspect.isclass(thing) and not thing.__module__.startswith("fastbearer"):
        return  # a host's own model, under our name
    if callable(thing) and not (inspect.isclass(thing) and issubclass(thing, Exception)):
        try:
            shown = str(inspect.signature(thing))
        except (ValueError, TypeError) as error:
            yield f"{name} has no signature: {error}"
            return
        if UNREADABLE.search(shown):
            yield f"{name} shows {shown}"
    if UNREADABLE.search(pydoc.plain(pydoc.render_doc(thing))):
        yield f"help({name}) shows an address"
