"""The proxies that the environment names: for the Hub they count, for this machine's own addresses
they don't.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from ganapps.errors import UserError

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
SCHEMES = ("http", "https", "socks5", "socks5h")
OWN = ("localhost", "127.0.0.1", "::1")


def settle(offline: bool) -> None:
    """Make this process's environment fit: its own addresses are reached without a proxy, and
    offline nothing goes through one. Raises UserError for a proxy that no client here can use.
    """
    for name in list(_set()):
        if offline:
            del os.environ[name]
        elif not _usable(os.environ[name]):
            raise UserError(
                "{name} names a proxy that can't be used: write http://, https:// or socks5:// and "
                "an address, or unset it.",
                name=name,
            )
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in spared.split(",") if name.strip()]
    if "*" not in names:
        names += [name for name in OWN if name not in names]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(names)


def _set() -> Iterator[str]:
    for name in NAMES:
        for spelled in (name, name.lower()):
            if os.environ.get(spelled):
                yield spelled


def _usable(proxy: str) -> bool:
    """Is this an address that the clients take? One without a scheme is http."""
    try:
        address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return address.scheme in SCHEMES and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        return False
