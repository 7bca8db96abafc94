"""A TCP proxy before PostgreSQL that cuts a connection around a COMMIT, when its outcome is unknown."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Cut = Literal["before", "after"]


class CuttingProxy:
    """Forwards bytes; `cut_next` makes the next COMMIT fail before the server sees it, or after it obeyed."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cuts: list[Cut] = []
        self._lock = threading.Lock()
        self.cuts_done = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_next(self, *cuts: Cut) -> None:
        """Cut at the coming COMMITs, one by one, in these ways."""
        with self._lock:
            self._cuts.extend(cuts)

    def _due(self, cut: Cut) -> bool:
        with self._lock:
            if self._cuts and self._cuts[0] == cut:
                self._cuts.pop(0)
                self.cuts_done += 1
                return True
            return False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                for source, target, word, cut in (
                    (client, server, b"COMMIT\x00", "before"),
                    (server, client, b"COMMIT\x00", "after"),
                ):
                    threading.Thread(target=self._pump, args=(source, target, word, cut), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, word: bytes, cut: Cut) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if word in data and self._due(cut):
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextmanager
def cutting_proxy(target_port: int) -> Iterator[CuttingProxy]:
    """A proxy that is closed at the end."""
    proxy = CuttingProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
