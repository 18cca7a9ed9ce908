"""The window: header, tabs, and how it is launched."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Collection
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine
from ganapps.ui import api, doors
from ganapps.ui.doors import incoming, turns
from ganapps.ui.parts import common, sending
from ganapps.ui.tabs.compare import CompareTab
from ganapps.ui.tabs.faces import FacesTab
from ganapps.ui.tabs.translate import TranslateTab
from ganapps.ui.tabs.upscale import UpscaleTab
from ganapps.ui.theme import theme
from ganapps.ui.words import escaped, say, t, translations

HERE = Path(__file__).parent


def build(engine: Engine) -> gr.Blocks:
    """The whole window over an engine."""
    gr.set_static_paths([HERE / "examples"])
    with incoming.Window(
        title="ganapps", analytics_enabled=False, delete_cache=(600, 3600)
    ) as window:
        head = gr.HTML(_head(engine, "en", None))
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(t("Faces"), id="faces"):
                faces = FacesTab(engine)
            with gr.Tab(t("Upscale"), id="upscale"):
                upscale = UpscaleTab(engine)
            with gr.Tab(t("Translate"), id="translate"):
                translate = TranslateTab(engine)
            with gr.Tab(t("Compare"), id="compare"):
                compare = CompareTab(engine)

        sending.connect(tabs, faces, {"upscale": upscale, "translate": translate})

        def header(request: gr.Request) -> str:
            return _head(engine, common.language(request), engine.hub_answers())

        def left(request: gr.Request) -> None:
            for tab in (upscale, translate, compare):
                tab.left(request.session_hash)

        window.unload(left)
        window.load(header, None, head, **common.QUIET)
        window.load(sending.opened, None, tabs, **common.QUIET)
        window.load(
            faces.opened,
            None,
            faces.opening_outputs,
            show_progress="hidden",
            api_visibility="private",
            **common.DEVICE,
        )
        window.load(upscale.opened, None, upscale.opening_outputs, **common.QUIET)
        window.load(translate.opened, None, translate.opening_outputs, **common.QUIET)
        window.load(compare.opened, None, compare.opening_outputs, **common.QUIET)
        api.publish(engine)
    return turns.take_turns(window, engine.time_limit)


def launch_settings(hosts: Collection[str] = ()) -> dict[str, Any]:
    """Keyword arguments of `launch` that belong to the window itself: looks, languages, what it
    keeps to itself, and its doors. `hosts`: the names it may be called by, as `known_hosts` gives
    them; none: this machine's own.
    """
    return {
        "theme": theme(),
        "css_paths": [HERE / "window.css", HERE / "compare.css"],
        "js": (HERE / "window.js").read_text(encoding="utf-8"),
        "i18n": translations(),
        "footer_links": ["api", "settings"],
        "show_error": False,
        "enable_monitoring": False,
        "run_history": False,
        "max_file_size": "512mb",
        # the API's endpoints as tools, where Gradio has what it needs for that
        "mcp_server": importlib.util.find_spec("mcp") is not None,
        "state_session_capacity": turns.MOST_SESSIONS,
        "app_kwargs": {
            "routes": incoming.routes(),
            "middleware": doors.middleware(hosts or doors.known_hosts(None, (), False)),
        },
    }


def _head(engine: Engine, lang: str, hub: bool | None) -> str:
    here = sum(
        engine.here(c)
        for models in ("faces", "upscale", "translate", "denoise")
        for c in engine.rows(models)
    )
    facts = [
        engine.device_title,
        say(lang, "{count:model|models} here", count=here),
    ]
    if hub is not None:
        facts.append(say(lang, "Hub reachable") if hub else say(lang, "Hub offline"))
    return (
        '<header id="head"><div><h1>ganapps</h1><span class="about">'
        f"{escaped(lang, 'Faces, upscaling, translation, and GAN against diffusion')}</span></div>"
        f'<span class="pill"><i class="{"" if hub else "off"}"></i>'
        f"{html.escape(' · '.join(facts))}</span></header>"
    )
