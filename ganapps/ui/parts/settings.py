"""The widgets of a task's settings: made from what is declared of them, read, and filled from a
recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from ganapps.settings import Declared
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import NumberBox, SliderBox
from ganapps.ui.words import t

LONGEST = 200  # characters of a seed


class Widgets:
    """The widgets of one tab's task, by the names of the settings."""

    def __init__(self, task: str, starts: Mapping[str, Any] | None = None) -> None:
        """`task` is also what the ids of the tab's elements begin with. `starts` holds values in
        place of the declared defaults: a row's own.
        """
        self.tab, self.declared, self.starts = task, TASKS[task].settings, starts or {}
        self.by_name: dict[str, Component] = {}

    def make(self, name: str, **otherwise: Any) -> Any:
        """The widget of that setting, where the layout stands; `otherwise` is what differs here."""
        if name in self.starts:
            otherwise = {"value": self.starts[name], **otherwise}
        self.by_name[name] = made(self.declared[name], self.tab, **otherwise)
        return self.by_name[name]

    def make_usual(self, elsewhere: Collection[str] = ()) -> None:
        """Those that most people turn and that are not there yet, but for what has its place
        `elsewhere`.
        """
        self._make_rest(False, elsewhere)

    def make_seldom(self) -> None:
        """Those that few people turn and that are not there yet."""
        self._make_rest(True, ())

    def _make_rest(self, seldom: bool, elsewhere: Collection[str]) -> None:
        for row in self._rows(seldom, elsewhere):
            if len(row) == 1:
                self.make(row[0])
                continue
            with gr.Row(elem_classes="pair"):
                for name in row:
                    self.make(name)

    def _rows(self, seldom: bool, elsewhere: Collection[str]) -> list[list[str]]:
        """The names of the settings that the window shows, those in one list that stand in one
        row.
        """
        rows: list[list[str]] = []
        for name, declared in self.declared.items():
            there = name in self.by_name or name in elsewhere
            if there or not declared.said.label or declared.said.seldom != seldom:
                continue
            if declared.said.beside and rows:
                rows[-1].append(name)
            else:
                rows.append([name])
        return rows

    def __iter__(self) -> Iterator[Component]:
        return iter(self.by_name.values())

    def asked(self, values: Mapping, takes: Callable[[str], bool]) -> dict[str, Any]:
        """The settings that the widgets ask for, of those that `takes` lets through; what stands
        empty is left to the model.
        """
        return {
            name: asked(self.declared[name], values[widget])
            for name, widget in self.by_name.items()
            if takes(name) and values[widget] is not None
        }

    def restored(self, settings: Mapping[str, Any]) -> dict[Any, Any]:
        """Updates that show a recipe's settings."""
        return restored(self.by_name, self.declared, settings)


def asked(declared: Declared, value: Any) -> Any:
    """What a recipe says where the window or a program has this value."""
    plain = value.strip() if isinstance(value, str) else value
    if plain in (None, declared.said.unset) or plain == {}:
        return None
    return common.seed(value) if declared.is_seed else value


def shown(declared: Declared, value: Any) -> Any:
    """And what the window shows of a recipe's value; None: nothing that it could show."""
    if value is None:
        value = declared.said.unset
    if declared.is_seed:
        return "0" if value is None else str(value)
    return value


def restored(
    widgets: Mapping[str, Component], declared: Mapping[str, Declared], settings: Mapping[str, Any]
) -> dict[Any, Any]:
    """Updates of widgets, by the names of settings, that show those of a recipe; what it leaves to
    the model stays as it is.
    """
    updates = {}
    for name, widget in widgets.items():
        value = shown(declared[name], settings[name]) if name in settings else None
        if value is not None:
            updates[widget] = value
    return updates


def made(declared: Declared, tab: str, **otherwise: Any) -> Any:
    """The widget of a setting as it is declared, with its default; `otherwise` holds the arguments
    that differ here.
    """
    known: dict[str, Any] = {
        "value": shown(declared, declared.default),
        "label": t(declared.said.label),
        "elem_id": f"{tab}-{declared.name.replace('_', '-')}",
    }
    kind, more = _kind(declared)
    return kind(**{**known, **more, **otherwise})


def _kind(declared: Declared) -> tuple[Callable[..., Component], dict[str, Any]]:
    """The component for a setting's type, and its arguments."""
    said = declared.said
    if declared.words or said.choices:
        choices = said.choices or declared.words
        return gr.Dropdown, {"choices": list(choices), "filterable": False}
    if str in declared.types:
        return gr.Textbox, {"max_lines": 1, "max_length": said.longest or LONGEST}
    if bool in declared.types:
        return gr.Checkbox, {}
    if said.slider:
        low, high = said.slider
        return SliderBox, {"minimum": low, "maximum": high, "step": said.step}
    assert said.low is not None, f"{declared.name} has bounds"
    low = said.low if said.unset is None else min(said.low, float(said.unset))
    bounds = {"minimum": low, "maximum": said.high, "step": said.step}
    return NumberBox, bounds | ({} if float in declared.types else {"precision": 0})
