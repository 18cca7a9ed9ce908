"""Directions beside the sliders: each keeps how far it was gone, and has the name that a person
gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import SliderBox
from ganapps.ui.words import named, t

FARTHEST = 3.0  # how far each goes
FOUND = tuple(f"{kind}-{number}" for kind in ("pca", "sefa") for number in range(1, 11))
LONGEST_NAME = 40


class Others:
    """A list of directions, how far the one that is chosen goes, and what it is called.

    `moves` holds how far each was gone, `names` by model what a person calls which, `model` whose
    directions are listed.
    """

    def __init__(self) -> None:
        """Lays itself out where the layout stands."""
        with gr.Row(elem_classes="pair"):
            self.list = gr.Dropdown(
                list(FOUND),
                value=FOUND[0],
                label=t("Another direction"),
                elem_id="faces-edit-other",
            )
            self.far = SliderBox(
                -FARTHEST, FARTHEST, 0, step=0.1, label=t("how far"), elem_id="faces-edit-far"
            )
        self.called = gr.Textbox(
            "",
            label=t("Its name"),
            info=t("What was found on the spot has no name: look what it does, and give it one."),
            max_lines=1,
            max_length=LONGEST_NAME,
            elem_id="faces-edit-called",
        )
        self.moves, self.names, self.model = gr.State({}), gr.State({}), gr.State("")

    @property
    def reads(self) -> set:
        """What `edits` and `given` read."""
        return {self.list, self.far, self.called, self.moves, self.names, self.model}

    @property
    def reset(self) -> list:
        """What `set_back` fills."""
        return [self.list, self.far, self.called, self.moves, self.model]

    def listen(self) -> None:
        """Another one is chosen: it stands as far as it was gone, with its name."""
        self.list.input(self._chosen, self.reads, [self.far, self.called], **common.QUIET)

    def edits(self, values: Mapping) -> dict[str, float]:
        """How far each is gone now."""
        return {**values[self.moves], values[self.list]: values[self.far]}

    def given(self, values: Mapping, model: str = "") -> dict[str, str]:
        """What a person calls the directions of a model, else of the one whose are listed."""
        return dict(values[self.names].get(model or values[self.model], {}))

    def renamed(self, values: Mapping) -> dict[str, dict[str, str]]:
        """All names, with the one that stands in the box; an empty one is taken back."""
        names, name = self.given(values), values[self.list]
        title = values[self.called].strip()
        names.pop(name, None)
        if title and name in FOUND:
            names[name] = title
        return {**values[self.names], values[self.model]: names}

    def set_back(
        self,
        model: str,
        titles: Mapping[str, str],
        moves: Mapping[str, float],
        values: Mapping,
        lang: str,
    ) -> dict[Any, Any]:
        """`moves` are gone, or nothing is; `titles` are the directions of that model that have no
        slider.
        """
        names = self.given(values, model)
        listed = choices(titles, names, lang)
        first = next(iter(moves), listed[0][1])
        return {
            self.list: gr.update(choices=listed, value=first),
            self.far: moves.get(first, 0),
            self.called: _box(first, names),
            self.moves: dict(moves),
            self.model: model,
        }

    def _chosen(self, values: Mapping) -> dict[Any, Any]:
        name = values[self.list]
        return {
            self.far: values[self.moves].get(name, 0),
            self.called: _box(name, self.given(values)),
        }


def _box(name: str, names: Mapping[str, str]) -> dict[str, Any]:
    """The box with a direction's name: only what was found on the spot takes one."""
    return gr.update(value=names.get(name, ""), interactive=name in FOUND)


def choices(
    titles: Mapping[str, str], names: Mapping[str, str], lang: str
) -> list[tuple[str, str]]:
    """What the list offers: those with a person's own names first, then the model's, then those
    that are found on the spot.
    """
    own = [(f"{title} ({name})", name) for name, title in names.items()]
    listed = [(said(lang, title), name) for name, title in titles.items()]
    found = [(name, name) for name in FOUND]
    return own + [pair for pair in listed + found if pair[1] not in names]


def said(lang: str, title: str) -> str:
    """What a direction is called: "Hair: long" part by part."""
    return ": ".join(named(lang, part) for part in title.split(": "))
