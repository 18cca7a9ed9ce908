"""Who asks, read from a request as it comes in (an ASGI scope): address, language, one header."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Any


def header(scope: Mapping[str, Any], name: str) -> str:
    """The first value of a header, "" where there is none; of a list with commas the whole list."""
    for key, value in scope["headers"]:
        if key == name.encode():
            return value.decode("latin-1").strip()
    return ""


def in_a_space() -> bool:
    """Are we a Hugging Face Space, whose proxy is the only one that talks to us?"""
    return bool(os.environ.get("SPACE_ID") or os.environ.get("SPACE_HOST"))


def address(scope: Mapping[str, Any]) -> str:
    """A visitor's address; of IPv6 the /64 that one visitor has.

    uvicorn has looked at X-Forwarded-For already where a proxy on this machine (or one named in
    FORWARDED_ALLOW_IPS) has told it. A Space's proxy has a changing private address, so there
    the last public address of that list counts.
    """
    found = (scope.get("client") or ("",))[0]
    if in_a_space():
        forwarded = header(scope, "x-forwarded-for").split(",")
        found = next((a.strip() for a in reversed(forwarded) if _public(a.strip())), found)
    try:
        parsed = ipaddress.ip_address(found)
    except ValueError:
        return found[:64]
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return found


def _public(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def language(scope: Mapping[str, Any]) -> str:
    """The visitor's language, of those the window has: "zh" or "en"."""
    return "zh" if header(scope, "accept-language").lower().startswith("zh") else "en"
