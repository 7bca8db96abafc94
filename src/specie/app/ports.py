"""Listening sockets: open one, say who holds a port that is taken, find the next free one."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from specie.kernel.errors import Refused

TRIES = 50


class PortInUse(Refused):
    """Another process listens there."""

    code = "config.port_in_use"
    status = 409


def open_listener(host: str, port: int) -> socket.socket:
    """A bound socket (not yet listening); port 0 lets the system choose. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # claims the port now; the server listens again with its own backlog
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUse(_sentence(port, error.errno), port=port) from error
        raise
    listener.setblocking(False)
    return listener


def next_free_port(host: str, port: int) -> int:
    """``port`` itself if it is free, else the first free one above it. Raises PortInUse after 50 tries."""
    for candidate in range(port, port + TRIES):
        with contextlib.suppress(PortInUse):
            open_listener(host, candidate).close()
            return candidate
    raise PortInUse(f"ports {port} to {port + TRIES - 1} are all in use", port=port)


def _sentence(port: int, number: int) -> str:
    if number == errno.EACCES:
        return f"port {port} needs rights that this process does not have; ports above 1023 do not"
    holder = port_holder(port)
    return f"port {port} is in use" + (f" by {holder}" if holder else "")


def port_holder(port: int) -> str | None:
    """Name and process id of whoever listens on a TCP port, if the system tells (Linux)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None
