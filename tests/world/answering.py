"""The HTTP of the fake API server: a call comes in, and its answer, its fault or its watch goes out."""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.world.faults import Call, Fault, disturb
from tests.world.history import Change
from tests.world.kinds import Json
from tests.world.problems import Problem


class Severed(Exception):
    """The caller gets no answer: the connection is closed."""


class Api(Protocol):
    """What answers."""

    def note(self, call: Call) -> Fault | None:
        """Keep a call, and take the fault that it meets."""

    def answer(self, call: Call, fault: Fault | None) -> Json:
        """Return the body of a success; raise Problem for everything else, Severed for no answer."""

    def watch(self, call: Call) -> Iterator[Change]:
        """Yield the events of a watch; raise Problem for a bad one."""

    def count(self, length: int) -> None:
        """Count the bytes of a body that is sent."""

    def wait_until_closing(self, seconds: float) -> None:
        """Wait, but not longer than the server lives."""

    def date(self) -> float:
        """Return the time in the server's Date header, in Unix time."""


class Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True

    def __init__(self, api: Api) -> None:
        super().__init__(("127.0.0.1", 0), _handler(api))

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is not an error
            super().handle_error(request, client_address)


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        def __init__(self, *arguments: Any) -> None:
            self.api = api
            super().__init__(*arguments)

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 3_600
    """Longer than any pause of a test: a connection that is closed for its idleness may meet the next call."""
    disable_nagle_algorithm = True
    wbufsize = -1
    api: Api

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {key.lower(): value for key, value in self.headers.items()}
        call = Call(self.command, url.path, dict(parse_qsl(url.query)), body, headers)
        try:
            fault = self.api.note(call)
            if fault is None or not self._misbehave(fault):
                self._answer(call, fault)
        except Problem as problem:
            self._send(problem.code, json.dumps(problem.body()).encode())
        except Severed:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def _answer(self, call: Call, fault: Fault | None) -> None:
        if call.verb == "watch":
            self._watch(fault, self.api.watch(call))
            return
        answer = self.api.answer(call, fault)
        if fault is not None and fault.kind == "unanswered":
            raise Severed
        self._send(201 if self.command == "POST" else 200, json.dumps(answer).encode())

    def _send(self, code: int, body: bytes, promised: int | None = None, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(promised or len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.api.count(len(body))
        self.wfile.write(body)
        self.wfile.flush()

    def _misbehave(self, fault: Fault) -> bool:
        """Report whether that was all the answer."""
        match fault.kind:
            case "status":
                status = Problem(fault.code, "Fault", fault.message, fault.meta).body()
                self._send(fault.code, json.dumps(status).encode(), headers=fault.headers)
                return True
            case "slow":
                self.api.wait_until_closing(fault.seconds)
                return False
            case "close":
                self.close_connection = True
            case "hang":
                self.close_connection = True
                self.api.wait_until_closing(30)
            case "garbage":
                self._send_last(b'{"items": [')
            case "not an object":
                self._send_last(b"[]")
            case "truncate":
                self._send_last(b'{"items": []', promised=4096)
            case _:
                return False
        return True

    def _send_last(self, body: bytes, promised: int | None = None) -> None:
        self.close_connection = True
        self._send(200, body, promised)

    def _watch(self, fault: Fault | None, changes: Iterator[Change]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        try:
            for change in disturb(fault, changes):
                self._send_chunk(json.dumps({"type": change.type, "object": change.object}).encode() + b"\n")
            self._send_chunk(b"")
        except OSError:
            return  # the watcher went away

    def _send_chunk(self, data: bytes) -> None:
        """Send a piece that its reader gets at once; an empty one is the end."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(timestamp or self.api.date())

    def log_message(self, format: str, *args: object) -> None:
        pass
