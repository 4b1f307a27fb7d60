"""A TCP relay that can be slow or cut; knows nothing of what passes through it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class Relay:
    """Listens on ``port`` of 127.0.0.1 and passes every connection on to ``target``."""

    def __init__(self, target: int) -> None:
        self.latency = 0.0
        """Seconds that every chunk waits, in both directions."""
        self._target = target
        self._cut = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection and every new one."""
        with self._lock:
            self._cut = True
            victims, self._open = self._open, set()
        for each in victims:
            _end(each)

    def mend(self) -> None:
        with self._lock:
            self._cut = False

    def close(self) -> None:
        self.cut()
        _end(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target), 2)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            cut = self._cut
            if not cut:
                self._open |= {near, far}
        if cut:
            near.close()
            far.close()
            return
        threading.Thread(target=self._pass, args=(far, near), daemon=True).start()
        self._pass(near, far)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65_536):
                if self.latency:
                    time.sleep(self.latency)
                sink.sendall(chunk)
        _end(source)
        _end(sink)
        with self._lock:
            self._open -= {source, sink}


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
