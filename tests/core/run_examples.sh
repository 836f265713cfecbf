#!/usr/bin/env bash
# Runs the example programs as a user would: run_examples.sh FOLDER_OF_PROGRAMS
set -euo pipefail
bin=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() { # expect TEXT COMMAND...: the output holds TEXT
    local wanted=$1 output
    shift
    output=$("$@" 2>&1) || true
    case $output in
    *"$wanted"*) echo "ok: $(basename "$1"): $wanted" ;;
    *)
        echo "$1: expected '$wanted', got: $output" >&2
        exit 1
        ;;
    esac
}
exit_status() { # exit_status COMMAND...: how it ended
    local ended=0
    "$@" >/dev/null 2>&1 || ended=$?
    echo "exits with $ended"
}

other=$("$bin/mint" "$work" https://other.example)
expect 'expected https://api.example; the token has https://other.example' \
    "$bin/verify_pem" "$work/public.pem" "$other"
token=$("$bin/mint" "$work")
expect '"team":"blue"' "$bin/verify_pem" "$work/public.pem" "$token"
expect 'signature_invalid: ' "$bin/verify_pem" "$work/public.pem" "${token%????}AAAA"
expect 'token_malformed: ' "$bin/verify_pem" "$work/public.pem" "${token}="
expect 'exits with 0' exit_status "$bin/verify_pem" "$work/public.pem" "$token"
expect 'exits with 1' exit_status "$bin/verify_pem" "$work/public.pem" "${token}="
expect 'exits with 1' exit_status "$bin/verify_pem" "$work/jwks.json" "$token"
expect '200 ok' "$bin/verify_jwks" "$work/jwks.json" "$token"
expect '401 token_malformed' "$bin/verify_jwks" "$work/jwks.json" "x$token."
expect 'public_key' "$bin/verify_pem" "$work/jwks.json" "$token"
expect '200' "$bin/guard" "$work/public.pem" "bearer $token"
expect 'Bearer error="invalid_token"' "$bin/guard" "$work/public.pem" "Bearer nonsense"
expect 'error="invalid_request"' "$bin/guard" "$work/public.pem" "Basic YTpi"
expect 'WWW-Authenticate: Bearer' "$bin/guard" "$work/public.pem"

# A client and a server with DPoP: a request is the client's two headers.
request() { # request URL [NONCE]
    echo "GET ${1#https://api.example} HTTP/1.1"
    "$bin/dpop_client" "$work" GET "$1" "$bound" "${@:2}"
    echo
}
serve() { # serve REQUEST...: what one server says to these requests
    printf '%s\n\n' "$@" | "$bin/dpop_server" "$work/public.pem" https://api.example
}
bound=$("$bin/mint" "$work" https://api.example "$("$bin/dpop_client" "$work")")
here=https://api.example/mcp
first=$(request "$here")
expect 'error="use_dpop_nonce"' serve "$first"
nonce=$(serve "$first" 2>&1 | sed -n 's/^DPoP-Nonce: //p')
good=$(request "$here?a=b" "$nonce")
expect $'200\nDPoP-Nonce: ' serve "$good"
expect 'refused: proof_replayed' serve "$good" "$good"
expect 'error="invalid_dpop_proof"' serve "$(request https://other.example/mcp "$nonce")"
expect 'refused: proof_mismatch' serve "${good/GET/POST}"
expect 'refused: proof_missing' serve "${good/DPoP/Bearer}"
expect 'refused: token_missing' serve "GET /mcp HTTP/1.1"
