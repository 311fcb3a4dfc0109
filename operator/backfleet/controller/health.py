"""Serves probes and metrics over plain HTTP: liveness shows that the loop turns, readiness that it works."""

import json
import logging
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from backfleet.controller.loop import LoopHealth

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


def answer(path: str, health: LoopHealth, stale_seconds: float) -> HttpAnswer:
    """Answer a request for a path. The operator is not ready while Postgres is away.

    It is not alive if the loop has not turned, or the listener has not listened, for `stale_seconds`. A watched
    namespace that is left out is shown, but does not end readiness: the others are served.
    """
    now = time.monotonic()
    age, silence = now - health.last_turn_at, now - health.last_listened_at
    facts = {
        "lastTurnSecondsAgo": round(age, 1),
        "lastListenedSecondsAgo": round(silence, 1),
        "holdsFence": health.is_holder,
        "problem": health.problem,
        "namespacesLeftOut": dict(health.refused),
        "failingBatches": dict(health.failing),
        "clockSkewSeconds": health.skew_seconds,
    }
    match path.partition("?")[0]:
        case "/healthz":
            return HttpAnswer(200 if max(age, silence) < stale_seconds else 500, json.dumps(facts).encode())
        case "/readyz":
            is_ready = health.is_holder and health.problem is None
            return HttpAnswer(200 if is_ready else 503, json.dumps(facts).encode())
        case "/metrics":
            return HttpAnswer(200, generate_latest(), CONTENT_TYPE_LATEST)
        case _:
            return HttpAnswer(404, b'{"problem": "try /healthz, /readyz or /metrics"}')


def serve(health: LoopHealth, port: int, stale_seconds: float) -> ThreadingHTTPServer:
    """Serve on a port until `shutdown`, in a daemon thread, which does not keep the process alive."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            reply = answer(self.path, health, stale_seconds)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            logger.debug(format, *args)

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
