"""FastMCP's AccessToken, made without being validated again: in every part what validating it would have made."""

import copy
import pickle
from typing import Annotated, Any

import pydantic
import pytest
from support import AUDIENCE, ISSUER, Minter, run

from fastbearer.fastmcp import AccessToken, JWTVerifier
from fastbearer.fastmcp import _model as model
from fastbearer.fastmcp import _verifier as verifier_module

CLAIMS = [
    {},
    {"client_id": "client", "scope": "a b c"},
    {"scp": ["a", "b"], "azp": "party"},
    {
        "deep": {"list": [1, {"a": None}], "empty": {}},
        "real": 1.5,
        "large": 10**30,
        "yes": True,
        "text": "\u20ac\U0001f600\n",
    },
    {"aud": [AUDIENCE, "https://other.example.com"], "sub": "", "exp": 4000000000.75},
    {"exp": 2**63 - 1},
]


@pytest.fixture
def verifier(keys):
    return JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, leeway=1.5)


def parts(made):
    return model._state(made)


def test_this_fastmcp_has_a_known_model():
    assert verifier_module._verified.__qualname__.startswith("_unvalidated")


@pytest.mark.parametrize("claims", CLAIMS, ids=repr)
def test_every_part_is_what_validation_makes(verifier, keys, claims):
    token = Minter(keys)(additional_claims=claims)
    for _ in range(3):  # from the cache, too
        made = run(verifier.verify_token(token))
        given = {name: getattr(made, name) for name in made.__pydantic_fields_set__}
        assert given["token"] == token and given.get("claims", claims).items() >= claims.items()
        expected = AccessToken(**given)
        assert parts(made) == parts(expected) and made == expected
        assert made.model_dump() == expected.model_dump()
        assert made.model_dump_json() == expected.model_dump_json()
        assert made.model_dump(exclude_unset=True) == expected.model_dump(exclude_unset=True)
        for other in (made.model_copy(deep=True), copy.copy(made), pickle.loads(pickle.dumps(made))):
            assert parts(other) == parts(expected)
        assert parts(type(made).model_validate(made.model_dump())) == parts(type(made)(**expected.model_dump()))
        assert repr(made) == repr(expected)


def test_nothing_is_shared(verifier, keys):
    token = Minter(keys)(additional_claims={"list": [{}]})
    first = run(verifier.verify_token(token))
    untouched = parts(first)
    for _ in range(3):
        made = run(verifier.verify_token(token))
        assert parts(made) == untouched
        made.scopes.append("more")
        made.client_id = "another"
        made.__pydantic_fields_set__.clear()
        if hasattr(made, "claims"):
            made.claims["list"][0]["a"] = made.claims["b"] = 1
    assert parts(first) == untouched


# --- models that are not known


class Validator(AccessToken):
    @pydantic.field_validator("client_id")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper() if value != "client" else value  # what the trial does not see


class ModelValidator(AccessToken):
    @pydantic.model_validator(mode="after")
    def check(self) -> Any:
        if self.client_id == "unwanted":
            raise ValueError("unwanted")
        return self


class Strict(AccessToken):
    model_config = pydantic.ConfigDict(str_max_length=20)


class Constrained(AccessToken):
    client_id: str = pydantic.Field(max_length=6)


class Inner(AccessToken):
    scopes: list[Annotated[str, pydantic.StringConstraints(to_lower=True)]]


class Optional(AccessToken):
    client_id: str | None = None


class Private(AccessToken):
    _private: int = pydantic.PrivateAttr(default=7)


class After(AccessToken):
    def model_post_init(self, context: Any) -> None:
        self.__dict__["token"] = self.token.upper() if self.token != "a.b.c" else self.token


class Constructor(AccessToken):
    def __init__(self, **values: Any) -> None:
        super().__init__(**{**values, "token": "hidden"})


class Required(AccessToken):
    more: str


class Factory(AccessToken):
    more: list[str] = pydantic.Field(default_factory=list)


class Default(AccessToken):
    more: int | None = None


UNKNOWN = [
    Validator,
    ModelValidator,
    Strict,
    Constrained,
    Inner,
    Optional,
    Private,
    After,
    Constructor,
    Required,
    Factory,
]
VALUES = [
    ("T.o.k", "CLIENT", ["READ"], 1, "https://api.example", "someone", {}),
    ("t" * 30, "unwanted", [], None, None, None, {"a": [1]}),
]


def outcome(make, values):
    try:
        return parts(make(*values))
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("kind", UNKNOWN, ids=lambda kind: kind.__name__)
def test_what_is_not_known_is_validated(kind):
    make = model.verified(kind)
    assert not make.__qualname__.startswith("_unvalidated")
    for values in VALUES:
        assert outcome(make, values) == outcome(model.validated(kind), values)


def test_a_new_field_that_may_be_absent_is():
    make = model.verified(Default)
    assert make.__qualname__.startswith("_unvalidated")
    for values in VALUES:
        assert parts(make(*values)) == parts(model.validated(Default)(*values))


def test_what_cannot_be_looked_at_is_validated():
    class Other:
        def __init__(self, **values: Any) -> None:
            self.values = values

    assert model.verified(Other)(*VALUES[0]).values["token"] == "T.o.k"


def test_what_a_hook_returns_is_validated(keys):
    class Hooked(JWTVerifier):
        def _extract_scopes(self, claims):
            return ("a", "b")  # not a list

    hooked = Hooked(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    made = run(hooked.verify_token(Minter(keys)()))
    assert made.scopes == ["a", "b"]
