"""The Flask application that test_wsgi_servers.py runs under gunicorn."""

import time

from flask import Flask, Response, request

from apps.wsgi_verifier import OPTIONS, VERIFIER
from fastbearer.wsgi import BearerAuthMiddleware, get_access_token, require_scopes

app = Flask(__name__)


@app.get("/who")
def who():
    token = get_access_token()
    same = token is request.environ["fastbearer.access_token"]
    return {"subject": token.subject, "scopes": token.scopes, "same": same}


@app.get("/health")
def health():
    return {"token": get_access_token() is not None}


@app.post("/reports")
@require_scopes("reports:write", "reports:read")
def write_report():
    return {"written": True}


@app.get("/stream")
def stream():
    def lines():
        for number in range(3):
            time.sleep(0.05)
            yield f"{number};{get_access_token().subject}\n"

    return Response(lines(), mimetype="text/plain")


@app.post("/mcp")
def mcp():
    token = get_access_token()
    return {"subject": token and token.subject, "method": request.get_json()["method"], "size": len(request.data)}


app.wsgi_app = BearerAuthMiddleware(app.wsgi_app, verifier=VERIFIER, **OPTIONS)
