"""Strict JSON in header, payload and key-set documents (RFC 8259, RFC 7515 section 4; DESIGN: row "JSON")."""

from __future__ import annotations

from typing import Any

from . import keys
from .base import ES, HS, Suite, as_bytes, claims, dump

Text = Any  # bytes or str

# Every text is one object's members, to be put behind others. Those of REFUSED are no strict JSON.
ACCEPTED: list[tuple[str, str, Text]] = [
    ("empty-string", "an empty string", '"x":""'),
    ("empty-name", "an empty name", '"":1'),
    ("empty-array", "an empty array", '"x":[]'),
    ("empty-object", "an empty object", '"x":{}'),
    ("literals", "the three literals", '"x":[true,false,null]'),
    ("escapes", "every short escape", r'"x":"\"\\\/\b\f\n\r\t"'),
    ("unicode-escape", "an escape of four digits, both cases", r'"x":"\u00e4\u00E4"'),
    ("surrogate-pair", "a pair of surrogate escapes", r'"x":"\ud834\udd1e"'),
    ("surrogate-pair-first", "the first pair", r'"x":"\ud800\udc00"'),
    ("surrogate-pair-last", "the last pair", r'"x":"\udbff\udfff"'),
    ("noncharacter", "a noncharacter, escaped", r'"x":"\uffff"'),
    ("utf8-2", "two bytes of UTF-8", '"x":"\u00e4\u0080\u07ff"'),
    ("utf8-3", "three bytes of UTF-8", '"x":"\u0800\u20ac\ud7ff\ue000\uffff"'),
    ("utf8-4", "four bytes of UTF-8", '"x":"\U00010000\U0001f600\U0010ffff"'),
    ("utf8-name", "a name of UTF-8", '"\u00e4":1'),
    ("del", "DEL is no control character of JSON", '"x":"\x7f"'),
    ("separators", "U+2028 and U+2029", '"x":"\u2028\u2029"'),
    ("bom-inside", "U+FEFF within a string", '"x":"\ufeff"'),
    ("escaped-control", "an escaped control character", r'"x":"\u0001\u001f"'),
    ("solidus", "a solidus need not be escaped", '"x":"a/b"'),
    ("numbers", "numbers of every form", '"x":[0,-0,1,-1,10,1.5,-1.5,1e5,1E5,1e+5,1e-5,0.1,0e0,-0.0,1.0e-2]'),
    ("underflow", "a real that underflows to zero", '"x":1e-999'),
    ("real-largest", "the largest double", '"x":[1.7976931348623157e308,-1.7976931348623157e308]'),
    ("integer-64", "integers of 64 bits", '"x":[9223372036854775807,-9223372036854775808,18446744073709551615]'),
    ("integer-huge", "an integer of a hundred digits", '"x":' + "9" * 100),
    ("number-256", "a number of 256 characters", '"x":' + "1" * 256),
    ("real-256", "a real of 256 characters", '"x":0.' + "1" * 254),
    ("same-name-elsewhere", "one name in several objects", '"x":{"a":1},"y":{"a":2},"a":3'),
    ("same-name-case", "names that differ in case", '"x":1,"X":2'),
    ("same-name-normal-form", "names that differ in Unicode normal form", '"\u00e9":1,"e\u0301":2'),
    ("same-value", "one value twice", '"x":1,"y":1'),
    ("array-of-equals", "equal objects in an array", '"x":[{"a":1},{"a":1}]'),
    ("depth-32", "32 levels", '"x":' + "[" * 31 + "]" * 31),
    ("depth-32-objects", "32 levels of objects", '"x":' + '{"a":' * 30 + "{}" + "}" * 30),
    ("depth-not-breadth", "a hundred arrays side by side", '"x":[' + ",".join(["[[]]"] * 100) + "]"),
    ("white-space", "all white space of JSON", '"x" \t\r\n: \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n'),
    ("brackets-in-string", "structure within a string", r'"x":"}]\"{[,:"'),
    ("backslash-end", "a string that ends with a backslash", r'"x":"\\"'),
    ("proto", "names that mean something to JavaScript", '"__proto__":{"admin":true},"constructor":1,"toString":2,"hasOwnProperty":3'),
    ("long-string", "a string of 3000 characters", '"x":"' + "a" * 3000 + '"'),
]

REFUSED: list[tuple[str, str, Text]] = [
    ("nul-escape", "an escaped NUL", r'"x":"\u0000"'),
    ("nul-escape-inner", "an escaped NUL within a string", r'"x":"admin\u0000x"'),
    ("nul-escape-name", "an escaped NUL in a name", r'"x\u0000y":1'),
    ("nul-raw", "a raw NUL in a string", '"x":"a\0b"'),
    ("nul-between", "a raw NUL between tokens", '"x":\0 1'),
    ("control-raw", "a raw control character", '"x":"a\x01b"'),
    ("newline-raw", "a raw line feed in a string", '"x":"a\nb"'),
    ("tab-raw", "a raw tab in a string", '"x":"a\tb"'),
    ("us-raw", "U+001F raw", '"x":"\x1f"'),
    ("control-name", "a raw control character in a name", '"a\tb":1'),
    ("escape-unknown", "an unknown escape", r'"x":"\a"'),
    ("escape-x", "a hexadecimal escape of other languages", r'"x":"\x41"'),
    ("escape-apostrophe", "an escaped apostrophe", '"x":"\\\'"'),
    ("escape-octal", "an octal escape", r'"x":"\012"'),
    ("escape-upper", "U upper case", r'"x":"\U0041"'),
    ("escape-short", "three digits", r'"x":"\u041"'),
    ("escape-not-hex", "no hexadecimal digits", r'"x":"\u00g0"'),
    ("escape-sign", "a sign among the digits", r'"x":"\u+041"'),
    ("escape-brace", "braces around the digits", r'"x":"\u{41}"'),
    ("escape-end", "a backslash before the end of the text", '"x":"\\'),
    ("surrogate-high", "a high surrogate alone", r'"x":"\ud800"'),
    ("surrogate-high-more", "a high surrogate and a letter", r'"x":"\ud800a"'),
    ("surrogate-high-escape", "a high surrogate and another escape", r'"x":"\ud800\n"'),
    ("surrogate-high-bmp", "a high surrogate and an escape that is none", r'"x":"\ud800\u0041"'),
    ("surrogate-low", "a low surrogate alone", r'"x":"\udc00"'),
    ("surrogate-swapped", "low before high", r'"x":"\udc00\ud800"'),
    ("surrogate-two-high", "two high surrogates", r'"x":"\ud800\ud800"'),
    ("surrogate-name", "a surrogate alone in a name", r'"\udfff":1'),
    ("utf8-surrogate", "a surrogate in UTF-8", b'"x":"\xed\xa0\x80"'),
    ("utf8-surrogate-pair", "CESU-8", b'"x":"\xed\xa0\xb4\xed\xb4\x9e"'),
    ("utf8-overlong-2", "two bytes for a solidus", b'"x":"\xc0\xaf"'),
    ("utf8-overlong-c1", "C1 never begins a character", b'"x":"\xc1\xbf"'),
    ("utf8-overlong-3", "three bytes for a solidus", b'"x":"\xe0\x80\xaf"'),
    ("utf8-overlong-3-edge", "the last overlong form of three bytes", b'"x":"\xe0\x9f\xbf"'),
    ("utf8-overlong-4", "four bytes for a solidus", b'"x":"\xf0\x80\x80\xaf"'),
    ("utf8-overlong-4-edge", "the last overlong form of four bytes", b'"x":"\xf0\x8f\xbf\xbf"'),
    ("utf8-overlong-nul", "modified UTF-8's NUL", b'"x":"\xc0\x80"'),
    ("utf8-beyond", "beyond U+10FFFF", b'"x":"\xf4\x90\x80\x80"'),
    ("utf8-f5", "F5 never begins a character", b'"x":"\xf5\x80\x80\x80"'),
    ("utf8-five", "five bytes", b'"x":"\xf8\x88\x80\x80\x80"'),
    ("utf8-ff", "FF", b'"x":"\xff"'),
    ("utf8-continuation", "a continuation byte alone", b'"x":"\x80"'),
    ("utf8-short-2", "two bytes cut", b'"x":"\xc3"'),
    ("utf8-short-3", "three bytes cut", b'"x":"\xe2\x82"'),
    ("utf8-short-4", "four bytes cut", b'"x":"\xf0\x9f\x98"'),
    ("utf8-quote-inside", "a quotation mark where a continuation byte belongs", b'"x":"\xe2"'),
    ("utf8-latin1", "ISO 8859-1", b'"x":"\xe4"'),
    ("utf8-outside", "a character outside of strings", '"x":\u00a01'),
    ("duplicate", "a name twice", '"x":1,"x":2'),
    ("duplicate-same", "a name twice with the same value", '"x":1,"x":1'),
    ("duplicate-escaped", "a name twice, once with an escape", r'"x":1,"\u0078":2'),
    ("duplicate-escapes", "a name twice in two spellings", r'"\/":1,"\u002f":2'),
    ("duplicate-pair", "a name twice, once as a surrogate pair", '"\U0001d11e":1,"\\ud834\\udd1e":2'),
    ("duplicate-empty", "the empty name twice", '"":1,"":2'),
    ("duplicate-nested", "a name twice, one level down", '"x":{"a":1,"a":2}'),
    ("duplicate-in-array", "a name twice in an array's object", '"x":[1,{"a":1,"b":2,"a":3}]'),
    ("duplicate-deep", "a name twice, 30 levels down", '"x":' + "[" * 29 + '{"a":1,"a":1}' + "]" * 29),
    ("duplicate-far", "a name twice, two hundred names between", '"x":0,' + ",".join(f'"n{i}":{i}' for i in range(200)) + ',"x":1'),
    ("duplicate-after-object", "a name twice around an object", '"x":1,"y":{"x":1},"x":2'),
    ("nan", "NaN", '"x":NaN'),
    ("infinity", "Infinity", '"x":Infinity'),
    ("minus-infinity", "-Infinity", '"x":-Infinity'),
    ("overflow", "a real that overflows a double", '"x":1e309'),
    ("overflow-negative", "a negative real that overflows", '"x":-1.8e308'),
    ("overflow-exponent", "an exponent of 200 digits", '"x":1e' + "9" * 200),
    ("number-257", "a number of 257 characters", '"x":' + "1" * 257),
    ("real-257", "a real of 257 characters", '"x":0.' + "1" * 255),
    ("number-leading-zero", "a leading zero", '"x":01'),
    ("number-minus-zero", "a leading zero behind a sign", '"x":-01'),
    ("number-plus", "a plus sign", '"x":+1'),
    ("number-point-first", "no digit before the point", '"x":.5'),
    ("number-point-last", "no digit behind the point", '"x":1.'),
    ("number-point-exponent", "no digit between point and exponent", '"x":1.e5'),
    ("number-exponent", "an exponent without digits", '"x":1e'),
    ("number-exponent-sign", "an exponent with a sign alone", '"x":1e+'),
    ("number-minus", "a sign alone", '"x":-'),
    ("number-two-signs", "two signs", '"x":--1'),
    ("number-hex", "hexadecimal", '"x":0x10'),
    ("number-underscore", "an underscore", '"x":1_000'),
    ("number-suffix", "a letter behind", '"x":1n'),
    ("number-two-points", "two points", '"x":1.2.3'),
    ("literal-case", "True", '"x":True'),
    ("literal-cut", "a literal cut", '"x":tru'),
    ("literal-more", "a literal with more", '"x":nullx'),
    ("undefined", "undefined", '"x":undefined'),
    ("bare-word", "a word without quotes", '"x":abc'),
    ("bare-name", "a name without quotes", "x:1"),
    ("apostrophes", "apostrophes for quotes", "'x':1"),
    ("trailing-comma", "a comma before the end", '"x":1,'),
    ("trailing-comma-array", "a comma before the end of an array", '"x":[1,]'),
    ("two-commas", "two commas", '"x":1,,"y":2'),
    ("no-comma", "no comma", '"x":1 "y":2'),
    ("no-colon", "no colon", '"x" 1'),
    ("two-colons", "two colons", '"x"::1'),
    ("no-value", "no value", '"x":'),
    ("no-name", "no name", ":1"),
    ("number-name", "a number for a name", "1:1"),
    ("array-colon", "a colon in an array", '"x":["a":1]'),
    ("object-no-colon", "an object of values", '"x":{"a"}'),
    ("mismatched", "an array closed as an object", '"x":[1}'),
    ("mismatched-2", "an object closed as an array", '"x":{"a":1]'),
    ("open-string", "a string without an end", '"x":"abc'),
    ("open-array", "an array without an end", '"x":[1'),
    ("comment-c", "a comment", '"x":/* */1'),
    ("comment-line", "a line comment", '"x":1 // x\n'),
    ("comment-hash", "a hash comment", '"x":1 # x\n'),
    ("form-feed", "a form feed for white space", '"x":\f1'),
    ("vertical-tab", "a vertical tab for white space", '"x":\v1'),
    ("nbsp", "U+00A0 for white space", '"x":\u00a01'),
    ("bom-between", "U+FEFF between tokens", '"x":\ufeff1'),
    ("depth-33", "33 levels", '"x":' + "[" * 32 + "]" * 32),
    ("depth-33-objects", "33 levels of objects", '"x":' + '{"a":' * 31 + "{}" + "}" * 31),
    ("depth-1000", "a thousand levels", '"x":' + "[" * 1000 + "]" * 1000),
    ("depth-open", "five thousand open brackets", '"x":' + "[" * 5000),
]

# Whole texts: around MEMBERS, which alone would be fine.
WHOLE_REFUSED: list[tuple[str, str, bytes, bytes]] = [
    ("bom", "a byte order mark before the object", b"\xef\xbb\xbf{", b"}"),
    ("bom-utf16", "UTF-16 with a byte order mark", b"\xff\xfe{\x00", b"}\x00"),
    ("trailing-brace", "a brace too many", b"{", b"}}"),
    ("trailing-object", "a second object", b"{", b"}{}"),
    ("trailing-comma", "a comma behind", b"{", b"},"),
    ("trailing-nul", "a NUL behind", b"{", b"}\x00"),
    ("trailing-text", "text behind", b"{", b"} x"),
    ("leading-text", "text before", b"x{", b"}"),
    ("leading-nul", "a NUL before", b"\x00{", b"}"),
    ("leading-comma", "a comma first", b"{,", b"}"),
    ("in-array", "an object in an array", b"[{", b"}]"),
    ("guarded", "the guard of old web APIs", b")]}',\n{", b"}"),
    ("open", "no brace at the end", b"{", b""),
    ("no-open", "no brace at the beginning", b"", b"}"),
]
WHOLE_OTHER: list[tuple[str, bytes]] = [
    ("array", b"[]"), ("array-of-members", b'["alg","HS256"]'), ("string", b'"x"'), ("number", b"1"), ("null", b"null"),
    ("true", b"true"), ("space", b" "), ("brace", b"{"), ("quote", b'"'), ("not-json", b"abc"), ("nul", b"\0"),
    ("binary", bytes(range(128, 160))), ("url-encoded", b"alg=HS256&exp=1"), ("xml", b"<a/>"), ("base64", b"e30"),
]


def document(members: bytes, more: Text) -> bytes:
    return b"{" + members + b"," + as_bytes(more) + b"}"


def payload() -> Suite:
    suite = Suite("json/payload")
    base = dump(claims()).encode()[1:-1]
    for name, description, text in ACCEPTED:
        raw = document(base, text)
        suite.add(name, description, HS.token(raw), HS.config, claims=keys_of(raw))
    for name, description, text in REFUSED:
        suite.add(name, description, HS.token(document(base, text)), HS.config, "payload_invalid")
    for name, description, before, behind in WHOLE_REFUSED:
        suite.add(f"whole-{name}", description, HS.token(before + base + behind), HS.config, "payload_invalid")
    for name, raw in WHOLE_OTHER:
        suite.add(f"other-{name}", f"{raw!r} is no object", HS.token(raw), HS.config, "payload_invalid")
    lenient = HS.with_config(require_exp=False)
    lenient = {name: value for name, value in lenient.items() if name not in ("issuer", "audience")}
    suite.add("nothing", "an empty object, with nothing required", HS.token(b"{}"), lenient, claims={})
    suite.add("nothing-strict", "an empty object where exp is required", HS.token(b"{}"), HS.config, "exp_missing")
    suite.add("around", "white space around the object", HS.token(b" \t\r\n{" + base + b"} \t\r\n"), HS.config)
    suite.add("reversed", "duplicates are found whichever comes first", HS.token(document(b'"exp":1', base)), HS.config,
              "payload_invalid")
    many = ",".join(f'"member-{i}":{i}' for i in range(1500)).encode()
    wide = HS.with_config(max_token_bytes=65536)
    suite.add("many", "1500 members", HS.token(document(base, many)), wide)
    suite.add("many-duplicate", "1500 members, the last a duplicate of the first", HS.token(document(base, many + b',"iss":1')),
              wide, "payload_invalid")
    suite.add("signature-first", "a payload that is no JSON, and a bad signature: nothing is read before it is verified",
              HS.token(b"x", signer=lambda _: bytes(32)), HS.config, "signature_invalid")
    return suite


def keys_of(raw: bytes) -> Any:
    import json

    return json.loads(raw)


def header() -> Suite:
    suite = Suite("json/header")
    base = b'"alg":"HS256"'
    for name, description, text in ACCEPTED:
        suite.add(name, description, HS.token(header=document(base, text)), HS.config)
    for name, description, text in REFUSED:
        suite.add(name, description, HS.token(header=document(base, text)), HS.config, "header_invalid")
    for name, description, before, behind in WHOLE_REFUSED:
        suite.add(f"whole-{name}", description, HS.token(header=before + base + behind), HS.config, "header_invalid")
    for name, raw in WHOLE_OTHER:
        suite.add(f"other-{name}", f"{raw!r} is no object", HS.token(header=raw), HS.config, "header_invalid")
    for name, text in [("first-good", '"alg":"HS256","alg":"none"'), ("last-good", '"alg":"none","alg":"HS256"'),
                       ("escaped", '"alg":"HS256","\\u0061lg":"none"')]:
        suite.add(f"alg-twice-{name}", "alg twice", HS.token(header="{" + text + "}"), HS.config, "header_invalid")
    suite.add("escaped-name", "alg written with an escape", HS.token(header='{"\\u0061lg":"HS256"}'), HS.config)
    suite.add("escaped-value", "HS256 written with escapes", HS.token(header='{"alg":"\\u0048S25\\u0036"}'), HS.config)
    return suite


def key_set() -> Suite:
    """The key-set document: the same reader, other consequences. Text that is no UTF-8 cannot stand in a case file."""
    suite = Suite("json/jwks")
    token = ES.token(kid="k")
    key = dump(keys.jwk("p256", kid="k"))
    base = f'"keys":[{key}]'

    def config(raw: str) -> dict[str, Any]:
        return {"jwks_raw": raw, "algorithms": ["ES256"]}

    for name, description, text in ACCEPTED:
        if not isinstance(text, bytes):
            suite.add(name, description, token, config(f"{{{base},{text}}}"))
    for name, description, text in REFUSED:
        if not isinstance(text, bytes):
            suite.add(name, description, token, config(f"{{{base},{text}}}"), "configuration_invalid")
    for name, description, before, behind in WHOLE_REFUSED:
        if name != "bom-utf16":
            suite.add(f"whole-{name}", description, token, config(before.decode() + base + behind.decode()),
                      "configuration_invalid")
    for name, raw in WHOLE_OTHER:
        if name != "binary":
            suite.add(f"other-{name}", f"{raw!r} is no key set", token, config(raw.decode()), "configuration_invalid")
    suite.add("in-key-duplicate", "a member of a key twice", token,
              config(f'{{"keys":[{key[:-1]},"kid":"k"}}]}}'), "configuration_invalid")
    suite.add("in-key-unknown", "an unknown member of a key", token, config(f'{{"keys":[{key[:-1]},"more":[1,{{"y":null}}]}}]}}'))
    suite.add("in-key-escapes", "members of a key written with escapes", token,
              config('{"\\u006beys":[' + key.replace('"kty"', '"\\u006bty"').replace('"P-256"', '"P\\u002d256"') + "]}"))
    suite.add("keys-twice", "keys twice", token, config(f'{{"keys":[],{base}}}'), "configuration_invalid")
    return suite


SUITES = [payload, header, key_set]
