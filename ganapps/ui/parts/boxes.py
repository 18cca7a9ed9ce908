"""Boxes whose value is the path of the file as it came, or a list of paths; `incoming.Window` has
looked at them. Boxes to check whose names change. And numbers, whatever they are.

Gradio's own open a picture before our code sees it, or leave an empty file behind. Ours are
classes, for Gradio builds a visitor's box anew after an update: what one box was told is lost.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta

Paths = str | list[str] | None
COMMAS = str.maketrans("，、；", ",,;")


class _WithoutStub(ComponentMeta):
    """Gradio's own writes a `.pyi` beside the file of every class."""

    def __new__(cls, name: str, bases: tuple, attributes: dict) -> Any:
        return ABCMeta.__new__(cls, name, bases, attributes)


def _paths(payload: Any) -> Paths:
    if payload is None:
        return None
    several = hasattr(payload, "root")
    return [file.path for file in payload.root] if several else payload.path


def with_commas(text: str) -> str:
    """A text of numbers whose Chinese commas and semicolons are the ones that we read."""
    return text.translate(COMMAS)


class PictureBox(gr.Image, metaclass=_WithoutStub):
    """A picture."""

    is_template = True  # on the page it is a gr.Image

    def preprocess(self, payload: Any) -> Paths:  # type: ignore[override]  # a path alone
        return _paths(payload)


class FileBox(gr.File, metaclass=_WithoutStub):
    """A file, or several."""

    is_template = True  # on the page it is a gr.File

    def preprocess(self, payload: Any) -> Paths:
        return _paths(payload)


class FileButton(gr.UploadButton, metaclass=_WithoutStub):
    """A button that takes a file."""

    is_template = True  # on the page it is a gr.UploadButton

    def preprocess(self, payload: Any) -> Paths:
        return _paths(payload)


class ChangingChoices(gr.CheckboxGroup, metaclass=_WithoutStub):
    """Names to check, others whenever other widgets change. What is checked may then come before
    Gradio knows of the new names; its own refuses them. Who asks looks for those that mean
    something.
    """

    is_template = True  # on the page it is a gr.CheckboxGroup

    def preprocess(self, payload: Any) -> list:
        return list(payload or ())


class NumberBox(gr.Number, metaclass=_WithoutStub):
    """A number, from `minimum` to `maximum` as the page has it. Of any other Gradio's own says an
    English word in a corner of the page; here whoever checks the setting says it.
    """

    is_template = True  # on the page it is a gr.Number

    def preprocess(self, payload: float | None) -> float | None:
        return payload


class SliderBox(gr.Slider, metaclass=_WithoutStub):
    """The same with a slider."""

    is_template = True  # on the page it is a gr.Slider

    def preprocess(self, payload: float) -> float:
        return payload
