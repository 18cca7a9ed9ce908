"""The named labels that a person can set on a model: boxes to tick, and what each reveals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from ganapps.recipe import Recipe
from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import SliderBox
from ganapps.ui.words import t

OFTEN = ("age", "gender", "ancestry", "hair", "smile")  # what most people set; the rest is folded


class Labels:
    """Those of one model. Ticking a label reveals its slider, list or colour, which begins with
    what the face has; what is not ticked is left to the seed.
    """

    def __init__(
        self, model: str, labels: tuple[Mapping[str, Any], ...], has: gr.State, visible: bool
    ) -> None:
        """`labels` as tasks/labels.py describes them, of the catalogue's row `model`; `has` holds
        what the face has that is looked at, by their ids.
        """
        self.model, self.has = model, has
        often = [label for label in labels if label["id"] in OFTEN] or list(labels)
        seldom = [label for label in labels if label not in often]
        self.by_id: dict[str, Component] = {}
        self.ticks: dict[gr.CheckboxGroup, list[str]] = {}
        with gr.Group(visible=visible, elem_classes="describe") as self.group:
            self._lay_out(often, f"faces-ticks-{model}", t("What you leave out, the seed decides."))
            if seldom:
                with gr.Accordion(t("More of the face"), open=False, elem_id=f"faces-rest-{model}"):
                    self._lay_out(seldom, f"faces-ticks-rest-{model}", None)

    def _lay_out(self, labels: Sequence[Mapping[str, Any]], elem_id: str, info: Any) -> None:
        """Boxes to tick, and under them what they reveal."""
        names = [label["id"] for label in labels]
        ticks = gr.CheckboxGroup(
            [(label["title"], label["id"]) for label in labels],
            label=t("Describe the face"),
            show_label=info is not None,
            info=info,
            elem_id=elem_id,
        )
        self.ticks[ticks] = names
        self.by_id |= {label["id"]: _control(label) for label in labels}
        before = gr.State([])
        controls = [self.by_id[name] for name in names]
        ticks.change(
            self._reveals(names), [ticks, before, self.has], [before, *controls], **common.QUIET
        )

    def _reveals(self, names: Sequence[str]) -> Callable:
        def ticked(now: list[str], before: list[str], has: Mapping[str, Any]) -> list:
            """What is new begins with what the face has; what a link or a file has set stays."""
            updates: list = [now]
            for name in names:
                update: dict[str, Any] = {"visible": name in now}
                if name in now and name not in before and name in has:
                    update["value"] = has[name]
                updates.append(gr.update(**update))
            return updates

        return ticked

    @property
    def changes(self) -> list:
        """The events of a person who sets a label."""
        return [control.input for control in self.by_id.values()]  # type: ignore[attr-defined]  # all have it

    @property
    def asked(self) -> list[Component]:
        """What a run reads."""
        return [*self.ticks, *self.by_id.values()]

    def chosen(self, values: Mapping) -> dict[str, Any]:
        """The labels a person set."""
        ticked = [name for ticks in self.ticks for name in values[ticks]]
        return {name: values[self.by_id[name]] for name in ticked}

    def restored(self, recipe: Recipe) -> dict:
        """Updates that show a recipe's labels; none are ticked where it is of another model."""
        chosen: Mapping[str, Any] = {}
        if recipe.checkpoint == self.model:
            chosen = recipe.settings.get("labels") or {}
        updates: dict = {
            ticks: [name for name in chosen if name in names] for ticks, names in self.ticks.items()
        }
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
    return SliderBox(
        label["min"],
        label["max"],
        round(middle / step) * step,
        step=step,
        label=title,
        visible=False,
    )
