"""The words of the window in its languages; the English sentence is the key."""

from __future__ import annotations

import html

import gradio as gr

from ganapps.errors import UserError
from ganapps.ui.words.chinese import CHINESE as WINDOW
from ganapps.ui.words.chinese_doors import DOORS
from ganapps.ui.words.chinese_lab import LAB
from ganapps.ui.words.chinese_models import MODELS
from ganapps.ui.words.chinese_race import RACE

CHINESE = WINDOW | RACE | MODELS | DOORS | LAB


def say(lang: str, template: str, **values: object) -> str:
    """A sentence in the visitor's language, its fields filled. English where no translation is
    known.
    """
    if lang == "zh":
        template = CHINESE.get(template, template)
    return template.format(**{name: _value(lang, value) for name, value in values.items()})


def escaped(lang: str, template: str, **values: object) -> str:
    """`say`, for the inside of HTML."""
    return html.escape(say(lang, template, **values))


def _value(lang: str, value: object) -> object:
    if isinstance(value, UserError):  # a refusal that names another one as its reason
        return say(lang, value.template, **value.values)
    return CHINESE.get(value, value) if lang == "zh" and isinstance(value, str) else value


def t(english: str) -> gr.i18n.I18nData:
    """A label that the browser shows in the visitor's language."""
    return I18N(english)


I18N = gr.I18n(en={k: k for k in CHINESE}, zh=CHINESE, **{"zh-CN": CHINESE})
