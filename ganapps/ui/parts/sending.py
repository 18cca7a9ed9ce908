"""Between the tabs: a result goes on into another tab's upload box, and a link opens the tab it is
for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import gradio as gr

from ganapps.errors import UserError
from ganapps.ui.parts import common
from ganapps.ui.parts.picture_tab import PictureTab
from ganapps.ui.tabs.faces import FacesTab


def connect(tabs: gr.Tabs, faces: FacesTab, others: Mapping[str, PictureTab]) -> None:
    """Wire the buttons that send; `others` are the tabs that take pictures, by their ids."""

    def wire(
        sends: Mapping[str, gr.Button],
        chosen: Callable[[Mapping], str | None],
        given: set,
        line: gr.HTML,
    ) -> None:
        for name, button in sends.items():
            box = others[name].picture
            button.click(
                _sender(chosen, box, tabs, name, line), given, [box, tabs, line], **common.QUIET
            )

    wire(
        faces.sends,
        lambda values: _face(values[faces.files], values[faces.at]),
        {faces.files, faces.at},
        faces.line,
    )
    for tab in others.values():
        wire(tab.sends, partial(_result, tab), {tab.area.file}, tab.area.line)


def _result(tab: PictureTab, values: Mapping) -> str | None:
    return values[tab.area.file]


def opened(request: gr.Request) -> dict:
    """The tab of the link that was followed."""
    task = "compare" if "race" in request.query_params else request.query_params.get("task")
    return gr.update(selected=task) if task in ("upscale", "translate", "compare") else gr.skip()


def _sender(
    chosen: Callable[[Mapping], str | None], box: gr.Image, tabs: gr.Tabs, name: str, line: gr.HTML
) -> Callable:
    def send(values: Mapping, request: gr.Request) -> dict:
        path = chosen(values)
        if path is None:
            return {
                line: common.refusal(
                    UserError("There is nothing to send yet: make a picture first."),
                    common.language(request),
                )
            }
        return {box: path, tabs: gr.update(selected=name)}

    return send


def _face(files: list[str], at: int | None) -> str | None:
    """The face that was clicked, else the last one."""
    return None if not files else files[at] if at is not None and at < len(files) else files[-1]
