"""A TCP proxy that tests put before a server, to cut connections, swallow bytes, or change them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65536
Rewrite = Callable[[bytes], bytes]


@dataclass
class Proxy:
    """Forwards to `target` until it is cut (connections reset, new ones refused) or frozen (bytes vanish, nothing closes)."""

    target: tuple[str, int]
    listener: socket.socket
    rewrite: Rewrite = bytes
    """Applied to every chunk that the server sends."""
    _is_cut: threading.Event = field(default_factory=threading.Event)
    _is_frozen: threading.Event = field(default_factory=threading.Event)
    _sockets: set[socket.socket] = field(default_factory=set)

    @classmethod
    @contextmanager
    def before(cls, url: str, rewrite: Rewrite = bytes) -> Iterator["Proxy"]:
        """Yield a proxy on a free port of 127.0.0.1 before the server that a URL names."""
        parts = urlsplit(url)
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            proxy = cls((parts.hostname or "127.0.0.1", parts.port or 5432), listener, rewrite)
            threading.Thread(target=proxy._accept, daemon=True).start()
            try:
                yield proxy
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                proxy.cut()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def url_of(self, url: str) -> str:
        """Return the same URL through this proxy."""
        parts = urlsplit(url)
        credentials = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{self.port}"))

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `restore`."""
        self._is_cut.set()
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()

    def freeze(self) -> None:
        """Let every byte vanish from now on, both ways, as a dead network or a stopped server does."""
        self._is_frozen.set()

    def restore(self) -> None:
        """Forward again: new connections after a cut, new bytes after a freeze."""
        self._is_cut.clear()
        self._is_frozen.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self._is_cut.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(self.target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._sockets |= {client, server}
            ends = threading.Semaphore(1)
            for source, sink, change in ((client, server, bytes), (server, client, self.rewrite)):
                threading.Thread(target=self._pump, args=(source, sink, change, ends), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, change: Rewrite, ends: threading.Semaphore) -> None:
        """Forward one direction until it ends. The direction that ends last closes both sockets."""
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                if not self._is_frozen.is_set():
                    sink.sendall(change(chunk))
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        if not ends.acquire(blocking=False):
            for each in (source, sink):
                each.close()
            self._sockets -= {source, sink}
