"""The clients: good requests of many kinds, all of which must be served, and hostile ones, none of which may be."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from .proofs import HOSTILE, proof
from .servers import Response, Server, ask, receive, send
from .tokens import AUDIENCE, Tokens

if TYPE_CHECKING:
    from tests.idp import SigningKey

HOSTILE_SHARE = 0.5  # of all requests
BOUND_SHARE = 0.3  # of the requests to a server that accepts proofs
RECONNECT = 0.02  # of all requests: so that each worker gets some of each client
#: Seconds for which a request is repeated while the option allows it to be refused.
PATIENCE = 20.0
#: How a server may refuse: too long for its HTTP parser, too.
REFUSED = (400, 401, 403, 431, 503)


class Site:
    """What all clients share."""

    def __init__(self, issuer: str, keys: dict[str, SigningKey]) -> None:
        self.issuer, self.keys = issuer, keys
        self.over = threading.Event()
        self.withdrawn: deque[SigningKey] = deque(maxlen=8)
        #: Tokens that no server of the fleet may accept any more, and what revoked them.
        self.revoked: deque[tuple[str, str]] = deque(maxlen=500)
        #: Subjects whose tokens of before were revoked, and who have come back.
        self.returned: deque[str] = deque(maxlen=50)
        #: Tokens and proofs that one of the fleet accepted, and which of its processes.
        self.used: deque[tuple[str, str, int]] = deque(maxlen=200)
        #: (begin, end): while Redis was away, with the time that it takes to be back everywhere.
        self.outages: list[tuple[float, float]] = []
        self.across = 0  # used proofs that another process than the first has refused

    def excuses(self, begin: float, end: float) -> bool:
        """Whether Redis was away at some time between."""
        return any(start <= end and begin <= stop for start, stop in list(self.outages))


class Client:
    """One thread's requests to one server."""

    def __init__(self, site: Site, server: Server, number: int) -> None:
        self.site, self.server = site, server
        seed = f"{server.name} {number}"  # no two have tokens of one jti
        self.random = random.Random(seed)
        self.tokens = Tokens(site.issuer, site.keys, seed)
        self.connection = server.connect()

    def run(self) -> None:
        while not self.site.over.is_set():
            if self.random.random() < RECONNECT:
                self.connection.close()
            hostile = self.random.random() < HOSTILE_SHARE
            bound = self.server.kind.proofs and self.random.random() < BOUND_SHARE
            try:
                if hostile:
                    self.try_hostile_bound() if bound else self.try_hostile()
                else:
                    self.try_bound() if bound else self.try_good()
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                # Node ends the connection when a header is too long for it, maybe before all of it has been sent.
                refused = hostile and isinstance(error, (ConnectionError, http.client.RemoteDisconnected))
                if refused:
                    self.count_hostile("a connection that was closed", 401)
                elif not self.site.over.is_set():
                    self.count_wrong(f"{'hostile' if hostile else 'good'}: {type(error).__name__}")

    # ---- counting

    def count_wrong(self, what: str) -> None:
        with self.server.lock:
            self.server.wrong[what] += 1

    def count_hostile(self, kind: str, status: int) -> None:
        with self.server.lock:
            self.server.hostile[kind] += 1
            if status not in REFUSED:
                self.server.wrong[f"hostile, {kind}: status {status}"] += 1

    def count_good(self, kind: str, response: Response, subject: str, took: float) -> None:
        with self.server.lock:
            self.server.good[kind] += 1
            self.server.latencies.append(took)
            if response.status != 200 or subject.encode() not in response.body:
                self.server.wrong[f"good, {kind}: status {response.status} {response.challenge}"] += 1

    # ---- good

    def try_good(self) -> None:
        if self.site.returned and self.random.random() < 0.05:
            subject, kind = self.random.choice(list(self.site.returned)), "issued after a revocation"
            token = self.tokens.key().token(self.tokens.claims(sub=subject))
        else:
            token, subject, kind = self.tokens.good()
        started = time.perf_counter()
        response = ask(self.connection, token)
        self.count_good(kind, response, subject, time.perf_counter() - started)

    def try_bound(self) -> None:
        """While Redis is away, 503 is what is promised: then the client comes again with a new proof."""
        give_up = time.monotonic() + PATIENCE
        while True:
            begin, started = time.monotonic(), time.perf_counter()
            token, subject = self.tokens.bound()
            made = proof(self.tokens.client, AUDIENCE, token)
            response = ask(self.connection, token, made, "DPoP")
            if response.status != 503 or time.monotonic() > give_up:
                break
            if not self.site.excuses(begin, time.monotonic()):
                break
            with self.server.lock:
                self.server.retried += 1
            if self.site.over.wait(0.1):
                return
        if response.status == 200:
            self.site.used.append((token, made, response.worker))
        self.count_good("bound by DPoP", response, subject, time.perf_counter() - started)

    # ---- hostile

    def try_hostile(self) -> None:
        if self.site.revoked and self.random.random() < 0.2:
            token, kind = self.random.choice(list(self.site.revoked))
        else:
            withdrawn = list(self.site.withdrawn)
            token, kind = self.tokens.hostile(self.random.choice(withdrawn) if withdrawn else None)
        self.count_hostile(kind, ask(self.connection, token).status)

    def try_hostile_bound(self) -> None:
        choice = self.random.random()
        if choice < 0.3:
            self.race()
        elif choice < 0.6 and self.site.used:
            token, made, first = self.random.choice(list(self.site.used))
            response = ask(self.connection, token, made, "DPoP")
            self.site.across += response.status in REFUSED and response.worker != first
            self.count_hostile("bound, a used proof", response.status)
        else:
            kind = self.random.choice(list(HOSTILE))
            token, _ = self.tokens.bound()
            bad = HOSTILE[kind](self.tokens.client, self.tokens.attacker, AUDIENCE, token)
            scheme = "Bearer" if bad is None and self.random.random() < 0.5 else "DPoP"
            self.count_hostile(kind, ask(self.connection, token, bad, scheme).status)

    def race(self) -> None:
        """One proof on two connections at once: one of them may be served, no more."""
        token, _ = self.tokens.bound()
        made = proof(self.tokens.client, AUDIENCE, token)
        other = self.server.connect()
        try:
            send(self.connection, token, made, "DPoP")
            send(other, token, made, "DPoP")
            responses = [receive(self.connection), receive(other)]
        finally:
            other.close()
        served = [response for response in responses if response.status == 200]
        if len(served) == 1:
            self.site.used.append((token, made, served[0].worker))
            self.site.across += responses[0].worker != responses[1].worker
        self.count_hostile("bound, one proof twice at once", max(response.status for response in responses))
