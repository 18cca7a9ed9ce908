"""What every request passes before Gradio sees it: known hosts, own origins, no foreign addresses,
bounded bodies, right arguments, patience with wrong passwords, and a page that is compressed.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware import Middleware

from ganapps.ui.doors.callers import Callers, Cookies, known_hosts
from ganapps.ui.doors.calls import Bodies
from ganapps.ui.doors.pages import Pages
from ganapps.ui.doors.passwords import Passwords
from ganapps.ui.doors.turns import Listening

__all__ = ["known_hosts", "middleware"]


def middleware(hosts: Collection[str]) -> list[Middleware]:
    """For FastAPI, the outermost first."""
    return [
        Middleware(Callers, hosts=tuple(hosts)),
        Middleware(Cookies),
        Middleware(Passwords),
        Middleware(Bodies),
        Middleware(Listening),
        Middleware(Pages),
    ]
