"""FastMCP's AccessToken, a model of pydantic, made of verified values without validating them again.

Only for a model whose fields are known here and that validates nothing else; for any other its constructor is what is
called. A trial at the import has the last word: what is made here must be what the constructor makes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: What each field may be declared as.
_TYPES: dict[str, tuple[Any, ...]] = {
    "token": (str,),
    "client_id": (str,),
    "scopes": (list[str],),
    "expires_at": (int | None,),
    "resource": (str | None,),
    "subject": (str | None,),
    "claims": (dict[str, Any], dict[str, Any] | None),
}
_TRIALS: tuple[tuple[Any, ...], ...] = (
    ("a.b.c", "client", ["read", "write"], 2000000000, "https://api.example", "someone", {"exp": 1.5, "deep": [{}]}),
    ("a.b.c", "client", [], None, None, None, {}),
)


def validated(kind: Any) -> Callable[..., Any]:
    """What makes one of token, client_id, scopes, expires_at, resource, subject and claims, in this order."""

    def make(*values: Any) -> Any:
        return kind(**dict(zip(_TYPES, values)))

    return make


def verified(kind: Any) -> Callable[..., Any]:
    """The same for what is of the right types for sure; scopes and claims become its own."""
    careful = validated(kind)
    try:
        make = _unvalidated(kind) if _is_known(kind) else careful
        return make if all(_state(make(*trial)) == _state(careful(*trial)) for trial in _TRIALS) else careful
    except Exception:  # a pydantic that has changed
        return careful


def _base(kind: Any) -> Any:
    return next(base for base in kind.__mro__ if "__pydantic_fields_set__" in vars(base))


def _is_known(kind: Any) -> bool:
    """Whether values of the right types are all that this model asks for."""
    base, decorators = _base(kind), kind.__pydantic_decorators__
    return (
        not kind.model_config
        and not kind.__private_attributes__
        and kind.__pydantic_post_init__ is None
        and all(getattr(kind, name) is getattr(base, name) for name in ("__init__", "__new__"))
        and not any(getattr(decorators, field.name) for field in dataclasses.fields(decorators))
        and all(_is_known_field(name, field) for name, field in kind.model_fields.items())
    )


def _is_known_field(name: str, field: Any) -> bool:
    if name in _TYPES:
        return field.annotation in _TYPES[name] and not field.metadata and field.alias is None
    return field.default is None and field.default_factory is None


def _unvalidated(kind: Any) -> Callable[..., Any]:
    new, slots = kind.__new__, vars(_base(kind))
    set_values, set_given = slots["__dict__"].__set__, slots["__pydantic_fields_set__"].__set__
    set_extra, set_private = slots["__pydantic_extra__"].__set__, slots["__pydantic_private__"].__set__
    given = {name for name in kind.model_fields if name in _TYPES}
    absent = tuple(name for name in _TYPES if name not in given)
    more = {name: None for name in kind.model_fields if name not in _TYPES}

    def make(
        token: str,
        client_id: str,
        scopes: list[str],
        expires_at: int | None,
        resource: str | None,
        subject: str | None,
        claims: dict[str, Any],
    ) -> Any:
        values = {
            "token": token, "client_id": client_id, "scopes": scopes, "expires_at": expires_at, "resource": resource,
            "subject": subject, "claims": claims, **more,
        }  # fmt: skip
        for name in absent:
            del values[name]
        made = new(kind)
        set_values(made, values)
        set_given(made, set(given))
        set_extra(made, None)
        set_private(made, None)
        return made

    return make


def _state(made: Any) -> Any:
    """All that one consists of, as text, which tells types and order too."""
    return (
        type(made),
        repr(vars(made)),
        made.__pydantic_fields_set__,
        made.__pydantic_extra__,
        made.__pydantic_private__,
    )
