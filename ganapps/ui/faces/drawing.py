"""What is drawn on the face in Edit: points to pull, and where something may move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ganapps.engine import on_files
from ganapps.ui.faces import strokes
from ganapps.ui.parts import common
from ganapps.ui.parts.painter import painter, replaces
from ganapps.ui.words import say, t

NAME = "faces-edit"  # the ids of its elements begin with it
DRAWS = (("points to pull", "points"), ("where something may move", "free"))


class Drawing:
    """A switch says which of the two the pointer draws; both can be typed, too. What may move is
    painted on a copy of the face, which stands in its place meanwhile.
    """

    def __init__(self, painted: gr.HTML) -> None:
        """Lays itself out where the layout stands; `painted` stands where the face does."""
        self.painted = painted
        self.draws = gr.Radio(
            list(DRAWS),
            value="points",
            label=t("Draw on the face"),
            interactive=True,
            elem_id=f"{NAME}-draws",
        )
        self.mask = gr.Textbox("", visible="hidden", elem_id=f"{NAME}-mask")
        self.pull = gr.Button(t("Pull"), elem_id=f"{NAME}-pull")
        with gr.Group(elem_id=f"{NAME}-numbers"):
            self.points = gr.Textbox(
                "",
                label=t("Pull points"),
                info=t(
                    "Draw a stroke on the face, from a point to where it shall go, "
                    "or type x, y, to x, to y."
                ),
                placeholder="52, 92, 46, 88; 76, 92, 82, 88",
                max_lines=1,
                max_length=400,
                elem_id=f"{NAME}-points",
            )
            self.free = gr.Textbox(
                "",
                label=t("What may move"),
                info=t(
                    "Paint it on the face, or type rectangles: x, y, width, height. Nothing of "
                    "either: everything may."
                ),
                placeholder="30, 70, 70, 40",
                max_lines=1,
                max_length=400,
                elem_id=f"{NAME}-free",
            )

    @property
    def reads(self) -> set:
        """What `settings` reads."""
        return {self.points, self.free, self.mask}

    def listen(self, file: gr.State) -> None:
        """Its events; `file` holds the path of the face that is seen."""
        for field in (self.points, self.free):
            field.change(None, None, None, js=strokes.CAME)
        self.mask.change(None, self.mask, None, js=replaces(NAME))
        gr.on(
            [self.draws.input, file.change],
            self._staged,
            [self.draws, file],
            self.painted,
            **common.QUIET,
        )

    def settings(self, values: Mapping, file: str | None) -> dict[str, Any]:
        """What the task `drag` is asked of it. Raises UserError for numbers that are none."""
        settings: dict[str, Any] = {"points": strokes.points(values[self.points])}
        rectangles = strokes.rectangles(values[self.free])
        if file and (rectangles or values[self.mask]):
            settings["may_move"] = on_files.united(values[self.mask], rectangles, file)
        return settings

    def _staged(self, draws: str, file: str | None, request: gr.Request) -> Any:
        """The face as it is now, to be painted on; the mark stays."""
        if draws != "free" or not file:
            return gr.skip()
        lang = common.language(request)
        label = say(
            lang,
            "Paint where something may move with the pointer, or move with the arrow keys and "
            "paint with the space bar",
        )
        return painter(common.served(file), on_files.size(file), lang, label=label)
