"""The named labels that a person can set on a model: boxes to tick, and what each reveals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from ganapps.recipe import Recipe
from ganapps.ui.parts import common
from ganapps.ui.words import t


class Labels:
    """Those of one model. Ticking a label reveals its slider, list or colour; what is not ticked is
    left to the seed.
    """

    def __init__(self, model: str, labels: tuple[Mapping[str, Any], ...], visible: bool) -> None:
        """`labels` as tasks/labels.py describes them, of the catalogue's row `model`."""
        self.model = model
        with gr.Group(visible=visible, elem_classes="describe") as self.group:
            self.ticks = gr.CheckboxGroup(
                [(label["title"], label["id"]) for label in labels],
                label=t("Describe the face"),
                info=t("What you leave out, the seed decides."),
                elem_id=f"faces-ticks-{model}",
            )
            self.by_id = {label["id"]: _control(label) for label in labels}
        self.ticks.change(self._ticked, self.ticks, list(self.by_id.values()), **common.QUIET)

    def _ticked(self, ticked: list[str]) -> Any:
        updates = [gr.update(visible=name in ticked) for name in self.by_id]
        return updates if len(updates) > 1 else updates[0]

    @property
    def asked(self) -> list[Component]:
        """What a run reads."""
        return [self.ticks, *self.by_id.values()]

    def chosen(self, values: Mapping) -> dict[str, Any]:
        """The labels a person set."""
        return {name: values[self.by_id[name]] for name in values[self.ticks]}

    def restored(self, recipe: Recipe) -> dict:
        """Updates that show a recipe's labels; none are ticked where it is of another model."""
        chosen: Mapping[str, Any] = {}
        if recipe.checkpoint == self.model:
            chosen = recipe.settings.get("labels") or {}
        updates: dict = {self.ticks: list(chosen)}
        for name, control in self.by_id.items():
            if name in chosen:
                updates[control] = gr.update(value=chosen[name], visible=True)
            else:
                updates[control] = gr.update(visible=False)
        return updates


def _control(label: Mapping[str, Any]) -> Component:
    title = t(label["title"])
    if label["kind"] == "choice":
        options = list(label["options"])
        return gr.Dropdown(
            [(option, option) for option in options],
            value=options[0],
            label=title,
            visible=False,
            filterable=len(options) > 12,
        )
    if label["kind"] == "colour":
        return gr.ColorPicker("#7799cc", label=title, visible=False)
    middle = (label["min"] + label["max"]) / 2
    step = label.get("step", 1)
    return gr.Slider(
        label["min"],
        label["max"],
        round(middle / step) * step,
        step=step,
        label=title,
        visible=False,
    )
