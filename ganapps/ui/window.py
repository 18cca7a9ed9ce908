"""The window: header, tabs, and how it is launched."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine
from ganapps.models.catalog import NEW
from ganapps.tasks.table import TASKS
from ganapps.ui import api, doors
from ganapps.ui.doors import incoming, turns
from ganapps.ui.parts import choices, coming_back, common, sending
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.parts.tab import Tab
from ganapps.ui.tabs.table import TABS
from ganapps.ui.theme import theme
from ganapps.ui.words import escaped, say, t, translations
from ganapps.workers.runs import Runs

HERE = Path(__file__).parent
STYLES = ("window.css", "compare.css", "lab.css")
SCRIPTS = (
    "window.js",
    "face.js",
    "lab_curves.js",
    "lab.js",
    "painter.js",
    "found_faces.js",
)  # a function each, called when the page opens


def build(
    engine: Engine, time_limit: float | None = None, tabs: Sequence[type[Tab]] = TABS
) -> gr.Blocks:
    """The window over an engine. `time_limit`: seconds that a run may take; None: any. `tabs`: what
    it shows, in that order.
    """
    gr.set_static_paths([HERE / "examples"])
    with incoming.Window(
        title="ganapps", analytics_enabled=False, delete_cache=(600, 3600)
    ) as window:
        key = gr.Textbox(visible="hidden", elem_id="page-key")
        head = gr.HTML(_head(engine, "en", None))
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as row:
            there = []
            for kind in tabs:
                with gr.Tab(t(kind.title), id=kind.name):
                    there.append(kind(engine, sending.receivers(tabs, kind)))
        sending.connect(row, there)

        def header(request: gr.Request) -> str:
            return _head(engine, common.language(request), engine.models.hub_answers())

        def left(request: gr.Request) -> None:
            for tab in there:
                tab.left(request.session_hash)

        def opened(request: gr.Request) -> dict:
            return sending.opened(tabs, request)

        window.unload(left)
        window.load(header, None, head, **common.QUIET)
        boxes = [box for tab in there for box in tab.offered_words]

        def worded(request: gr.Request) -> dict:
            return choices.said(boxes, common.language(request))

        window.load(opened, None, row, **common.QUIET)
        window.load(worded, None, boxes, **common.QUIET)
        for tab in there:
            if isinstance(tab, ModelTab):
                window.load(tab.offers, None, tab.hub, **common.QUIET)
            window.load(tab.opened, None, tab.opening_outputs, **common.QUIET)
            if tab.drawing_outputs:
                window.load(tab.drawn, None, tab.drawing_outputs, **common.BUSY)
        api.publish(engine)
        registry = Runs()
        coming_back.ComingBack(window, row, key, registry)
        _statuses_on(window, key)
    at_start = [prepare for tab in there for prepare in tab.at_start]
    return turns.take_turns(window, registry, time_limit, at_start)


def _statuses_on(window: gr.Blocks, place: gr.Textbox) -> None:
    """Gradio's page keeps a status for each component that an event fills, and looks all of them up
    at every message, spinners or none: of events that show none, only the one of `place` is kept,
    which is found at once where it stands first in the window.
    """
    for function in window.fns.values():
        if function.show_progress == "hidden":
            function.show_progress_on = [place]


def launch_settings(hosts: Collection[str] = (), locked: bool = False) -> dict[str, Any]:
    """Keyword arguments of `launch` that belong to the window itself: looks, languages, what it
    keeps to itself, and its doors. `hosts`: the names it may be called by, as `known_hosts` gives
    them; none: this machine's own. `locked`: there is a password, so the door without one stays
    shut: Gradio asks programs that speak MCP for none.
    """
    return {
        "theme": theme(),
        "css_paths": [HERE / name for name in STYLES],
        "js": _scripts(),
        "i18n": translations(),
        "footer_links": ["api", "settings"],
        "show_error": False,
        "enable_monitoring": False,
        "run_history": False,
        "max_file_size": "512mb",
        # the API's endpoints as tools, where Gradio has what it needs for that
        "mcp_server": not locked and importlib.util.find_spec("mcp") is not None,
        "state_session_capacity": turns.MOST_SESSIONS,
        "app_kwargs": {
            "routes": incoming.routes(),
            "middleware": doors.middleware(hosts or doors.known_hosts(None, (), False)),
        },
    }


def _scripts() -> str:
    """The one function that Gradio calls when the page opens."""
    calls = [f"({(HERE / name).read_text(encoding='utf-8')})();" for name in SCRIPTS]
    return "() => {\n" + "\n".join(calls) + "\n}"


def _head(engine: Engine, lang: str, hub: bool | None) -> str:
    kinds = {task.models for task in TASKS.values()} - {NEW.task}
    here = sum(engine.models.here(row) for kind in kinds for row in engine.models.rows(kind))
    facts = [
        engine.device_title,
        say(lang, "{count:model|models} here", count=here),
    ]
    if hub is not None:
        facts.append(say(lang, "Hub reachable") if hub else say(lang, "Hub offline"))
    return (
        '<header id="head"><div><h1>ganapps</h1><span class="about">'
        f"{escaped(lang, 'See, use, compare and understand GANs')}</span></div>"
        f'<span class="pill"><i class="{"" if hub else "off"}"></i>'
        f"{html.escape(' · '.join(facts))}</span></header>"
    )
