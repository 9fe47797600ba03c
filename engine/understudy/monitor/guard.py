"""Who may ask the monitor: nobody without the token, no page of another site, no name but this machine's own."""

from __future__ import annotations

import hmac
import secrets
import threading
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from understudy.monitor.address import Address, proof

__all__ = ["Guard"]

_COOKIE = "understudy_monitor"
_NAMES = ("127.0.0.1", "localhost")
_NONCE_SECONDS = 10.0
_MOST_NONCES = 64
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Guard:
    """Stands before the pages and lets only the owner's requests through.

    The page is opened once with the token in its address and gets a cookie that is good until the engine ends. An open
    page gets the cookie of the next engine by `renew`: each side shows that it knows the key without saying it, so that
    another program that sits on a dead engine's port learns nothing that would be of use later.

    Args:
        pages: What is guarded; sees only allowed requests.
        address: Path and key.
    """

    def __init__(self, pages: ASGIApp, address: Address) -> None:
        self._pages = pages
        self._address = address
        self._session = secrets.token_urlsafe(32)
        self._nonces: dict[str, float] = {}
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or hands it on to the pages."""
        if scope["type"] == "lifespan":
            await self._pages(scope, receive, send)
        if scope["type"] != "http":
            return
        request = Request(scope)
        refusal = self._refusal(request)
        renewal = self._renewal(request) if refusal is None and self._place(request) == "renew" else None
        is_opened = refusal is None and "token" in request.query_params
        cookie = self._cookie() if is_opened or (renewal is not None and renewal.status_code == 204) else None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if cookie is not None:
                    headers.append("set-cookie", cookie)
            await send(message)

        await (refusal or renewal or self._pages)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """What is said to a request that may not pass; None for one that may."""
        place, headers = self._place(request), request.headers
        if _host_name(headers.get("host", "")) not in _NAMES or place is None:
            return _refused()
        if request.method not in ("GET", "POST"):
            return PlainTextResponse("The monitor answers GET and POST.", 405)
        opens = place == "" and request.method == "GET"
        if not opens and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _refused()
        if request.method == "POST" and headers.get("origin") != f"http://{headers['host']}":
            return _refused()
        if "token" in request.query_params:
            return None if opens and _same(request.query_params["token"], self._address.key) else _refused()
        if place == "renew" or _same(request.cookies.get(_COOKIE, ""), self._session):
            return None
        return _refused()

    def _place(self, request: Request) -> str | None:
        """What is asked for, below the monitor's own path; None when it lies elsewhere."""
        path, root = str(request.scope["path"]), f"/{self._address.prefix}/"
        return path.removeprefix(root) if path.startswith(root) else None

    def _renewal(self, request: Request) -> Response:
        """First the engine shows that it knows the key, then the page does, and gets this engine's cookie."""
        now, asked = time.monotonic(), request.query_params.get("nonce", "")
        if request.method == "GET":
            if not 16 <= len(asked) <= 64:
                return _refused()
            own = secrets.token_hex(16)
            with self._lock:
                self._nonces = {nonce: until for nonce, until in self._nonces.items() if until > now}
                while len(self._nonces) >= _MOST_NONCES:
                    self._nonces.pop(next(iter(self._nonces)))
                self._nonces[own] = now + _NONCE_SECONDS
            return JSONResponse({"nonce": own, "proof": proof(self._address.key, "engine", asked, own)})
        with self._lock:
            until = self._nonces.pop(asked, 0.0)
        if until <= now or not _same(request.query_params.get("proof", ""), proof(self._address.key, "page", asked)):
            return _refused()
        return Response(status_code=204)

    def _cookie(self) -> str:
        carrier = Response()
        carrier.set_cookie(_COOKIE, self._session, path=f"/{self._address.prefix}/", httponly=True, samesite="strict")
        return carrier.headers["set-cookie"]


def _refused() -> Response:
    return PlainTextResponse("Open the address that `understudy serve --monitor` printed.", 403)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
