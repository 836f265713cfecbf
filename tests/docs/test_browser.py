"""The built site in a real browser: no error on any page, no page wider than a phone, a search that finds, light and
dark."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from blocks import ROOT

SITE = ROOT / "build-docs/html"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: What a page loads besides pictures.
LOADED = "[...document.querySelectorAll('script[src], link[rel=stylesheet]')].map((e) => e.src || e.href)"
#: Red, green and blue of the background.
BACKGROUND = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"

if BROWSER is None:
    pytest.skip("no Chromium", allow_module_level=True)
if not (SITE / "index.html").is_file():
    pytest.skip("the site is not built (make docs)", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


def test_every_page_is_without_errors_and_fits_a_phone(address: str, browser: Any) -> None:
    wrong: list[str] = []

    def failed(request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # that belongs to the page before; what is missing has a status
            wrong.append(f"{request.url}: {request.failure}")

    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.on("console", lambda message: wrong.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("requestfailed", failed)
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    pages = sorted(path.relative_to(SITE) for path in SITE.rglob("*.html"))
    assert len(pages) > 50
    for path in pages:
        page.goto(f"{address}/{path}")
        if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
            wrong.append(f"{path} is {width} wide")
        if foreign := [url for url in page.evaluate(LOADED) if not url.startswith(address)]:
            wrong.append(f"{path} loads {foreign}")
    context.close()
    assert wrong == []


def test_the_search_finds(address: str, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{address}/search.html?q=audience_mismatch")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    assert "Reasons" in page.inner_text("#search-results")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(address: str, browser: Any, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    red, green, blue = page.evaluate(BACKGROUND)
    assert (red + green + blue > 600) == (scheme == "light")
    context.close()
