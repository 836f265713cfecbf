"""The two diagrams of the Design pages, as SVG that can be read on white and on black."""

from __future__ import annotations

from html import escape

LINE, TEXT, ACCENT = "#868e96", "#7d8590", "#d9480f"
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" '
    'role="img" aria-label="{label}"><defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    f'markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="{LINE}"/></marker></defs>'
)

#: What is done with a token, in order, and what each step may answer.
STEPS: tuple[tuple[str, str, str], ...] = (
    (
        "Request",
        "one credential, in one header",
        "token_missing request_malformed request_too_large request_unsupported",
    ),
    ("Form", "size, three segments, base64url", "token_too_large token_malformed introspection_needed"),
    (
        "Header",
        "strict JSON; typ, alg, crit, kid",
        "header_invalid critical_header_unsupported header_unsupported token_type_not_allowed algorithm_not_allowed",
    ),
    ("Issuer", "with several: iss alone, to choose", "issuer_mismatch iss_missing iss_invalid issuer_needed"),
    (
        "Key",
        "of this issuer, by kid; fetched if needed",
        "key_not_found key_ambiguous key_unsuitable keys_unavailable keys_needed",
    ),
    ("Signature", "tables or OpenSSL", "signature_invalid"),
    ("Payload", "strict JSON", "payload_invalid"),
    (
        "Times",
        "exp, nbf, iat",
        "exp_missing exp_invalid token_expired nbf_invalid token_not_yet_valid iat_invalid token_issued_in_future",
    ),
    (
        "Parties",
        "iss again, aud, sub, client id, jti",
        "aud_missing aud_invalid audience_mismatch sub_invalid client_id_invalid jti_invalid",
    ),
    (
        "Claims, scopes",
        "required claims, granted scopes",
        "claim_missing claim_mismatch scope_invalid insufficient_scope",
    ),
    (
        "Proof",
        "DPoP or certificate, if cnf demands one",
        """confirmation_invalid proof_missing proof_invalid proof_expired proof_mismatch proof_replayed
        proof_nonce_required""",
    ),
    ("Status", "revoked, introspected: if configured", "token_revoked token_inactive status_unavailable"),
)
#: What any step may answer, and what no token causes.
ANYWHERE = ("configuration_invalid", "out_of_memory", "internal_error")


def text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = TEXT, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, title: str, *lines: str, colour: str = LINE) -> str:
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="none" stroke="{colour}"/>',
        text(x + width / 2, y + 18, title, anchor="middle", bold=True, colour=TEXT if colour == LINE else colour),
    ]
    parts += [text(x + width / 2, y + 36 + 16 * i, line, anchor="middle") for i, line in enumerate(lines)]
    return "".join(parts)


def arrow(path: str, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="{LINE}"{dash} marker-end="url(#arrow)"/>'


def rows_of(codes: str, room: int = 64) -> list[str]:
    """The codes in lines that fit beside a step."""
    lines = [""]
    for code in codes.split():
        if lines[-1] and len(lines[-1]) + len(code) + 2 > room:
            lines.append("")
        lines[-1] += (", " if lines[-1] else "") + code
    return lines


def token() -> str:
    """The path of a token."""
    parts, y = [], 40.0
    parts.append(text(20, 22, "from request to access token", colour=TEXT))
    parts.append(text(330, 22, "reasons", bold=True))
    for title, about, codes in STEPS:
        lines = rows_of(codes)
        height = max(46, 14 + 17 * len(lines))
        parts.append(box(20, y, 270, height, title, about, colour=ACCENT if title == "Signature" else LINE))
        parts.append(arrow(f"M290 {y + height / 2}H322", dashed=True))
        first = y + height / 2 - 17 * (len(lines) - 1) / 2 + 4
        parts += [text(330, first + 17 * i, line) for i, line in enumerate(lines)]
        parts.append(arrow(f"M155 {y + height}v20"))
        y += height + 22
    parts.append(box(20, y, 270, 46, "AccessToken", "claims, scopes, client id; cached", colour=ACCENT))
    parts.append(text(330, y + 20, f"anywhere: {', '.join(ANYWHERE)}"))
    return HEAD.format(width=800, height=y + 60, label="The path of a token") + "".join(parts) + "</svg>"


def key_set() -> str:
    """The states of one issuer's key set."""
    parts = [
        box(20, 30, 190, 62, "No keys", "tokens wait for the fetch"),
        box(300, 30, 210, 62, "Fresh", "tokens are verified at once", colour=ACCENT),
        box(300, 190, 210, 62, "Refresh is due", "fetched in the background"),
        box(300, 350, 210, 78, "Past freshness", "a fetch has failed;", "keys stay in use"),
        box(20, 358, 150, 62, "Too old", "503 with Retry-After"),
        arrow("M210 61H298"),
        text(254, 52, "fetched", anchor="middle"),
        arrow("M370 92V188"),
        text(362, 132, "before freshness", anchor="end"),
        text(362, 148, "ends", anchor="end"),
        arrow("M440 190V94"),
        text(448, 146, "fetched: replaced"),
        text(448, 162, "or unchanged"),
        arrow("M405 252V348"),
        text(413, 296, "freshness ends,"),
        text(413, 312, "fetches fail"),
        arrow("M510 389H650V61H512"),
        text(658, 226, "fetched"),
        arrow("M300 389H172"),
        text(236, 380, "stale_if_error", anchor="middle"),
        text(236, 406, "seconds later", anchor="middle"),
        arrow("M80 358V200C80 130 220 130 298 84"),
        text(20, 262, "fetched", anchor="start"),
        arrow("M510 45H590V12H405V28"),
        text(600, 24, "unknown kid: one fetch; then at most one"),
        text(600, 40, "that succeeds in refresh_interval"),
        text(
            20,
            460,
            "A fetch that fails is tried again after 1 s, doubling up to 60 s. One fetch is in flight at a time,",
        ),
        text(20, 478, "however many requests wait. While usable keys are held nobody waits longer than 2 s."),
    ]
    return HEAD.format(width=880, height=490, label="The states of a key set") + "".join(parts) + "</svg>"


def drawings() -> dict[str, str]:
    """Both, by their path below docs/."""
    return {"design/token.svg": token(), "design/keysets.svg": key_set()}
