"""The configuration that would accept a token, in Python, Node and C, with the reason for each line.

It is made from claims whose signature was verified, and requires as much as they allow.
"""

from __future__ import annotations

import json
from typing import Any

from ._provider import Provider
from ._steps import Examination

#: Where providers put scopes when there is neither scope nor scp.
_SCOPES = ("permissions", "/realm_access/roles", "roles", "groups", "cognito:groups")
#: Where they name the client when there is neither client_id nor azp.
_CLIENTS = ("appid", "cid", "clientId")
#: What RFC 9068 section 2.2 demands of an access token.
_RFC_9068 = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")


class Line:
    """One option, its value, and why."""

    def __init__(self, name: str, value: Any, reason: str) -> None:
        self.name = name
        self.value = value
        self.reason = reason


def advise(examination: Examination, provider: Provider, options: dict[str, Any], fetching: dict[str, Any]
           ) -> list[Line]:  # fmt: skip
    """The options; empty when the signature is not verified."""
    if not examination.signature_holds:
        return []
    claims, header = examination.claims, examination.header
    lines = [*_issuer(claims, provider), *_algorithm(header), *_audience(claims, options)]
    lines += [*_type(header, claims), *_scopes(claims, options), *_client(claims)]
    if "exp" not in claims:
        lines.append(Line("require_exp", False, "the tokens never expire, which is dangerous: ask for exp"))
    if isinstance(claims.get("cnf"), dict):
        lines += _sender(claims["cnf"])
    reasons = {"ca_file": "the authority of the provider's certificate is not one of the system's",
               "allow_http": "the keys come over plain http: anybody on the way can replace them",
               "trust_env": "the way to the provider is a proxy that the environment names"}  # fmt: skip
    lines += [Line(name, fetching[name], reason) for name, reason in reasons.items() if fetching.get(name)]
    return lines


def _issuer(claims: dict[str, Any], provider: Provider) -> list[Line]:
    identifier = claims.get("iss")
    if identifier is None:
        return [Line("jwks_uri", provider.jwks_uri or provider.metadata.get("jwks_uri"),
                     "the tokens have no iss, so it cannot be checked")]  # fmt: skip
    if provider.jwks_uri is None and provider.issuer == identifier:
        return [Line("issuer", identifier, "iss; its metadata says where the keys are")]
    return [
        Line("issuer", identifier, "iss must be exactly this"),
        Line("jwks_uri", provider.jwks_uri or provider.metadata.get("jwks_uri"), "where the keys are"),
    ]


def _algorithm(header: dict[str, Any]) -> list[Line]:
    if header.get("alg") == "RS256":
        return []
    return [Line("algorithms", header.get("alg"), "what the tokens are signed with; RS256 is the default")]


def _audience(claims: dict[str, Any], options: dict[str, Any]) -> list[Line]:
    audience = claims.get("aud")
    wanted = options.get("audience") or ()
    if isinstance(audience, list) and len(audience) > 1:
        chosen = next((item for item in audience if item in wanted), audience[0])
        return [Line("audience", chosen, "the one of the token's audiences that means this server, if it does")]
    if audience:
        only = audience[0] if isinstance(audience, list) else audience
        return [Line("audience", only, "aud, if that means this server: others must not be accepted")]
    for name in ("client_id", "azp", "appid"):
        if isinstance(claims.get(name), str):
            reason = "the tokens have no aud: without this, those for other services are accepted"
            return [Line("required_claims", {name: claims[name]}, reason)]
    return []


def _type(header: dict[str, Any], claims: dict[str, Any]) -> list[Line]:
    kind = str(header.get("typ", "")).lower().removeprefix("application/")
    if kind == "at+jwt" and all(name in claims for name in _RFC_9068):
        return [Line("token_type", "at+jwt", "these are access tokens by RFC 9068: nothing else is accepted then")]
    if kind not in ("", "jwt", "at+jwt"):
        return [Line("token_type", "any", "the header's typ is none that is accepted by default")]
    return []


def _scopes(claims: dict[str, Any], options: dict[str, Any]) -> list[Line]:
    lines = []
    if "scope" not in claims and "scp" not in claims:
        for name in _SCOPES:
            if _holds_texts(_reach(claims, name)):
                lines.append(Line("scope_claims", name, "where the scopes are; there is neither scope nor scp"))
                break
    if options.get("required_scopes"):
        lines.append(Line("required_scopes", list(options["required_scopes"]), "as asked for"))
    return lines


def _client(claims: dict[str, Any]) -> list[Line]:
    if any(isinstance(claims.get(name), str) for name in ("client_id", "azp")):
        return []
    for name in _CLIENTS:
        if isinstance(claims.get(name), str):
            return [Line("client_id_claims", name, "what names the client; there is neither client_id nor azp")]
    return []


def _sender(cnf: dict[str, Any]) -> list[Line]:
    if "jkt" in cnf:
        return [Line("dpop", {}, "the tokens are bound to a key: senders must prove that they have it (RFC 9449)")]
    return []


def _reach(claims: dict[str, Any], name: str) -> Any:
    if not name.startswith("/"):
        return claims.get(name)
    value: Any = claims
    for part in name[1:].split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _holds_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


# ---- in three languages


def in_python(lines: list[Line]) -> str:
    body = "".join(f"    # {line.reason}\n    {line.name}={_python(line)},\n" for line in lines)
    imported = "DPoP, Verifier" if any(line.name == "dpop" for line in lines) else "Verifier"
    return f"from fastbearer import {imported}\n\nverifier = Verifier(\n{body})"


def _python(line: Line) -> str:
    if line.name == "dpop":
        return "DPoP()"
    text = json.dumps(line.value) if not isinstance(line.value, bool) else repr(line.value)
    return ascii(line.value) if "\\u" in text else text  # JSON writes characters beyond 16 bits in two pieces


#: What Node takes from its environment.
_NODE_ENVIRONMENT = {"ca_file": "NODE_EXTRA_CA_CERTS", "trust_env": "NODE_USE_ENV_PROXY"}


def in_node(lines: list[Line]) -> str:
    body = environment = ""
    for line in lines:
        if line.name in _NODE_ENVIRONMENT:
            value = "1" if line.value is True else line.value
            environment += f"// {line.reason}:\n// start node with {_NODE_ENVIRONMENT[line.name]}={json.dumps(value)}\n"
        else:
            body += f"  // {line.reason}\n  {_camel(line.name)}: {json.dumps(line.value)},\n"
    return f"{environment}const {{ Verifier }} = require('fastbearer');\n\nconst verifier = new Verifier({{\n{body}}});"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


_C_NAMES = {"issuer": "identifiers", "audience": "audiences"}
_OF_ISSUER = ("issuer", "jwks_uri", "algorithms", "ca_file", "allow_http", "trust_env")
_C_TEXTS = ("jwks_uri", "ca_file", "token_type")


def in_c(lines: list[Line]) -> str:
    body = "".join(f"/* {line.reason} */\n{_c(line)}\n" for line in lines)
    return (
        "fb_issuer issuer = FB_ISSUER_INIT;\nfb_options options = FB_OPTIONS_INIT;\n"
        f"options.issuers = &issuer;\noptions.issuer_count = 1;\n{body}fb_verifier_new(&verifier, &options, &error);"
    )


def _c(line: Line) -> str:
    member = f"{'issuer' if line.name in _OF_ISSUER else 'options'}.{_C_NAMES.get(line.name, line.name)}"
    if line.name == "dpop":
        return "fb_dpop dpop = FB_DPOP_INIT;\noptions.dpop = &dpop;"
    if line.name == "required_claims":
        ((name, value),) = line.value.items()
        return (
            f"fb_required_claim required = {{{_c_text(name)}, FB_LIST({_c_text(json.dumps(value))})}};\n"
            "options.required_claims = &required;\noptions.required_claim_count = 1;"
        )
    if isinstance(line.value, bool):
        return f"{member} = {'true' if line.value else 'false'};"
    if line.name in _C_TEXTS:
        return f"{member} = {_c_text(line.value)};"
    items = line.value if isinstance(line.value, list) else [line.value]
    return f"{member} = FB_LIST({', '.join(_c_text(item) for item in items)});"


def _c_text(text: str) -> str:
    """A string literal; what is not plain ASCII as octal escapes, which end after three digits."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in text.encode()
    )
    return f'fb_text("{escaped}")'
