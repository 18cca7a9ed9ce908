"""The words of the window in its languages; the English sentence is the key."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import gradio as gr

from ganapps.errors import Labelled, Message, filled


@cache
def chinese() -> Mapping[str, str]:
    """English sentence -> Chinese sentence with the same fields, as `zh.json` has them."""
    return json.loads(Path(__file__).with_name("zh.json").read_text("utf-8"))


def say(lang: str, said: str | Message, /, **values: object) -> str:
    """A message, or a template and its values, in the visitor's language; English where no
    translation is known.
    """
    template, given = said if isinstance(said, Message) else (said, values)
    if lang == "zh":
        template = chinese().get(template, template)
    return filled(template, {name: _said(lang, value) for name, value in given.items()})


def escaped(lang: str, said: str | Message, /, **values: object) -> str:
    """`say`, for the inside of HTML."""
    return html.escape(say(lang, said, **values))


def named(lang: str, name: str) -> str:
    """A name, of a model perhaps, in the visitor's language; as it is where it has no other."""
    return chinese().get(name, name) if lang == "zh" else name


def _said(lang: str, value: object) -> object:
    if isinstance(value, Message):  # a refusal that names another one as its reason
        return say(lang, value)
    if isinstance(value, Labelled):
        return f"“{named(lang, value.label)}”"
    return named(lang, value) if isinstance(value, str) else value


@cache
def translations() -> gr.I18n:
    """What the browser looks labels up in."""
    there = dict(chinese())
    return gr.I18n(en={english: english for english in there}, zh=there, **{"zh-CN": there})


def t(english: str) -> gr.i18n.I18nData:
    """A label that the browser shows in the visitor's language."""
    return translations()(english)
