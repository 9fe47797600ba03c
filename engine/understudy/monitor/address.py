"""Where the monitor is found, and the secrets of it: kept between starts, so that an open page finds it again."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Address", "open_address", "proof"]

_LOGGER = logging.getLogger(__name__)
_FILE = "monitor.json"
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Address:
    """Where one user's monitor listens.

    Attributes:
        port: On 127.0.0.1.
        prefix: First part of every path. Browsers send a cookie to every port of a machine; one that is bound to a path
            that nobody else serves stays here.
        key: Secret that the page is opened with, and by which page and monitor know each other after a new start.
    """

    port: int
    prefix: str
    key: str

    @property
    def url(self) -> str:
        """What the user opens."""
        return f"http://127.0.0.1:{self.port}/{self.prefix}/?token={self.key}"


def open_address(port: int, folder: Path) -> tuple[Address, socket.socket]:
    """An address and the socket that listens there.

    The port and secrets of the last start are taken again when that port is free: open pages go on. When it is taken,
    whoever sits there may have seen requests, so that nothing of the old address is used again.

    Args:
        port: To listen on; 0 for the last one, else any.
        folder: Private folder that remembers the address.

    Raises:
        OSError: The port is taken.
    """
    known = _remembered(folder / _FILE)
    if known is not None and port in (0, known.port):
        try:
            return known, _listening(known.port)
        except OSError:
            _LOGGER.info("Port %d of the last monitor is taken; the monitor moves.", known.port)
    listening = _listening(port)
    address = Address(listening.getsockname()[1], secrets.token_hex(8), secrets.token_urlsafe(32))
    _remember(folder / _FILE, address)
    return address, listening


def proof(key: str, side: str, *nonces: str) -> str:
    """What shows that a side ("engine" or "page") knows the key, without saying it."""
    return hmac.new(key.encode(), ":".join((side, *nonces)).encode(), hashlib.sha256).hexdigest()


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows the option would let others listen on the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(64)
    except OSError:
        listening.close()
        raise
    return listening


def _remembered(path: Path) -> Address | None:
    """The last address; None when there is none, or others could have read or written it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o077):
                return None
            values = json.loads(file.read(_MOST_BYTES))
        address = Address(int(values["port"]), str(values["prefix"]), str(values["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    sound = 0 < address.port < 65536 and len(address.prefix) == 16 and len(address.key) >= 43
    return address if sound else None


def _remember(path: Path, address: Address) -> None:
    """Writes the address for its owner only; a folder that cannot be written costs the memory and nothing else."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o600), "w", encoding="ascii") as file:
            json.dump(asdict(address), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        _LOGGER.warning("The monitor's address is not kept for the next start: %s", error)
