"""Audiences that are URLs: scheme and host compare without case (RFC 3986 section 6.2.2.1), all else byte for byte."""

from __future__ import annotations

from .base import ABSENT, HS, Suite, claims, dump

MISMATCH = "audience_mismatch"
# Of each option what is the same, and what is not.
TABLE: list[tuple[str, str, list[str], list[str]]] = [
    ("https", "https://api.example/Mcp", ["https://api.example/Mcp", "HTTPS://api.example/Mcp", "https://API.Example/Mcp", "hTTps://aPI.exAMPLE/Mcp"],
     ["https://api.example/mcp", "https://api.example/MCP", "https://api.example/Mcp/", "https://api.example/Mcp?", "https://api.example//Mcp",
      "https://api.example:443/Mcp", "http://api.example/Mcp", "https://api.example./Mcp", "https://api.example/%4dcp", "https://api.examplf/Mcp",
      "https:api.example/Mcp", "https:/api.example/Mcp", "https://user@api.example/Mcp", "https://api.example/Mcp#", " https://api.example/Mcp",
      "https://api.example", "https://api.exampleMcp", "https:\\\\api.example\\Mcp"]),
    ("upper", "HTTPS://API.EXAMPLE/MCP", ["https://api.example/MCP", "HTTPS://API.EXAMPLE/MCP"], ["https://api.example/mcp"]),
    ("no-path", "https://api.example", ["https://API.example", "HTTPS://api.EXAMPLE"], ["https://api.example/", "https://api.example?"]),
    ("port", "https://api.example:8443/x", ["https://API.example:8443/x"], ["https://api.example:8444/x", "https://api.example/x", "https://api.example:08443/x"]),
    ("userinfo", "https://User:Pass@Api.example/x", ["https://User:Pass@api.EXAMPLE/x", "HTTPS://User:Pass@Api.example/x"],
     ["https://user:Pass@Api.example/x", "https://User:pass@Api.example/x", "https://Api.example/x"]),
    ("userinfo-at", "https://a@B@Api.example/", ["https://a@B@api.example/"], ["https://A@B@Api.example/", "https://a@b@Api.example/"]),
    ("ipv6", "https://[2001:DB8::1]:443/x", ["https://[2001:db8::1]:443/x"], ["https://[2001:db8::1]/x", "https://[2001:db8:0::1]:443/x"]),
    ("query", "https://api.example?A=B", ["https://API.example?A=B"], ["https://api.example?a=B", "https://api.example?A=b"]),
    ("fragment", "https://api.example#Part", ["https://API.example#Part"], ["https://api.example#part"]),
    ("api", "api://Guid-AB", ["api://guid-ab", "API://GUID-AB"], ["api:/guid-ab", "apx://guid-ab"]),
    ("scheme", "app+x-1.2://Host/P", ["APP+X-1.2://host/P"], ["app+x-1.2://host/p"]),
    ("file", "file:///Etc/x", ["FILE:///Etc/x"], ["file:///etc/x"]),
    ("urn", "urn:Example:Api", ["urn:Example:Api"], ["URN:Example:Api", "urn:example:api"]),
    ("name", "My-Api", ["My-Api"], ["my-api", "MY-API"]),
    ("mail", "mailto:A@B.example", ["mailto:A@B.example"], ["mailto:A@b.example"]),
    ("no-scheme", "://Api.example", ["://Api.example"], ["://api.example"]),
    ("digit-scheme", "1a://Api.example", ["1a://Api.example"], ["1a://api.example", "1A://Api.example"]),
    ("relative", "//Api.example/x", ["//Api.example/x"], ["//api.example/x"]),
    ("only-scheme", "Https://", ["Https://"], ["https://"]),
    ("accents", "https://\u00c9t\u00e9.example/", ["https://\u00c9T\u00e9.example/", "HTTPS://\u00c9t\u00e9.EXAMPLE/"],
     ["https://\u00e9t\u00e9.example/", "https://E\u0301t\u00e9.example/"]),
    ("kelvin", "https://k.example/", ["https://K.example/"], ["https://\u212a.example/"]),
    ("long-s", "https://s.example/", ["https://S.example/"], ["https://\u017f.example/", "http\u017f://s.example/"]),
    ("at-sign", "https://api.example/@X", ["https://API.example/@X"], ["https://API.example/@x", "https://\u0041PI.example/@x"]),
    ("brackets", "https://Api.example/[X]:Y", ["https://api.example/[X]:Y"], ["https://api.example/[x]:Y"]),
    ("neighbours", "https://a[z.example/", ["https://A[Z.example/"], ["https://a{z.example/", "https://A{Z.example/"]),
    ("neighbours-at", "https://x`y.example/", ["https://X`Y.example/"], ["https://x@y.example/"]),
]


def urls() -> Suite:
    suite = Suite("audience_urls/urls")
    for name, option, same, other in TABLE:
        config = HS.with_config(audience=option)
        for code, values in ((None, same), (MISMATCH, other)):
            for i, value in enumerate(values):
                label = f"{name}-{'same' if code is None else 'other'}-{i}"
                suite.add(label, f"audience {option!r}, aud {value!r}", HS.token(claims(aud=value)), config, code)
    mcp = HS.with_config(audience=["urn:x", "https://api.example/mcp"])
    for name, aud, code in [("array", ["a", "HTTPS://API.example/mcp"], None), ("array-first", ["https://API.EXAMPLE/mcp", "a"], None),
                            ("array-none", ["https://API.EXAMPLE/Mcp", "URN:X"], MISMATCH), ("urn", "urn:x", None), ("empty", "", MISMATCH)]:
        suite.add(f"list-{name}", "one of a list", HS.token(claims(aud=aud)), mcp, code)
    for name, text, code in [("escaped", '"HTTPS:\\/\\/API.example\\/mcp"', None), ("escaped-letters", '"\\u0048ttps://\\u0041pi.example/mcp"', None),
                             ("escaped-path", '"https://api.example/\\u004dcp"', MISMATCH), ("escaped-longer", '"https:\\/\\/api.example\\/mcpx"', MISMATCH),
                             ("escaped-shorter", '"https:\\/\\/API.example\\/mc"', MISMATCH), ("escaped-array", '["x","https:\\/\\/API.example\\/mcp"]', None)]:
        suite.add(name, f"aud written {text}", HS.token(dump(claims(aud=ABSENT))[:-1] + f',"aud":{text}}}'), mcp, code)
    token = HS.token(claims(aud="HTTPS://api.example/mcp"))
    suite.steps("cached", "a cached token", mcp, [(token, None), (token, None), (HS.token(claims(aud="https://api.example/Mcp")), MISMATCH), (token, None)])
    return suite


SUITES = [urls]
