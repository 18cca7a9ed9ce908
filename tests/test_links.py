"""Whatever a link says, the page opens: it shows what was asked, or one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import gradio as gr
import pytest

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.tasks import maker
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import common
from ganapps.ui.tabs.faces import FacesTab
from ganapps.ui.tabs.table import TABS

WRONG = [
    "null",
    "true",
    "5",
    "-1",
    "1e999",
    "1" + "0" * 400,
    "x",
    "",
    "[]",
    '["beard"]',
    "{}",
    '{"beard": 1}',
    '{"a": {"b": [1]}}',
    '"text"',
    "💥" * 100,
]
MODELS = {
    "faces": "heads-64",
    "denoise": "heads-ddpm-64",
    "upscale": "spanx4",
    "translate": "styles-26",
    "text": "sd-turbo",
    "learn": "new",
    "repair": "filler-ours",
    "scratches": "scratches-ours",
}
LONGEST = 600  # characters of a sentence


@pytest.fixture(scope="module")
def tabs(engine: Engine) -> Mapping[str, Any]:
    """The tabs of a window that nobody serves."""
    with gr.Blocks():
        return {tab.name: tab(engine) for tab in TABS}


def links() -> Iterator[dict[str, str]]:
    """Every setting of every task with every wrong value, and the parts of a link that are no
    settings.
    """
    for task, told in TASKS.items():
        names = [*told.settings, "checkpoint", "precision", "revision", "unknown"]
        for name in names:
            for value in WRONG:
                yield {"task": task, "checkpoint": MODELS[told.models]} | {name: value}
    for value in WRONG:
        yield {"task": value, "checkpoint": "heads-64"}
        yield {
            "race": value,
            "gan": f"task=faces&checkpoint=heads-64&labels={quote(value)}",
            "diffusion": f"task=denoise&checkpoint=heads-ddpm-64&steps={quote(value)}",
        }
        yield {
            "race": "pictures",
            "gan": f"task=faces&checkpoint={quote(value)}&psi={quote(value)}",
            "diffusion": value,
        }


def shown(tab: Any, query: dict[str, str]) -> Iterator[tuple[Any, Any]]:
    """What the page would get: each component and its value, as Gradio would send it."""
    request = SimpleNamespace(query_params=query, headers={}, session_hash="x")
    answers = tab.opened(request)
    for update in answers if isinstance(answers, Iterator) else [answers]:
        for component, value in update.items():
            if isinstance(value, dict) and value.get("__type__") == "update":
                value = value.get("value")
            if value is not None and not isinstance(component, gr.State):
                yield component, component.postprocess(value)


def faults(tab: Any, query: dict[str, str]) -> list[str]:
    """What a visitor would trip over."""
    try:
        said = [
            value
            for component, value in shown(tab, query)
            if isinstance(component, gr.HTML) and "refusal" in str(value)
        ]
    except Exception as e:
        return [f"{json.dumps(query)[:200]}: {type(e).__name__}: {e}"]
    return [
        f"{json.dumps(query)[:200]}: a sentence of {len(s)} characters"
        for s in said
        if len(s) > LONGEST
    ]


@pytest.mark.parametrize("name", [tab.name for tab in TABS])
def test_every_link_opens(
    tabs: Mapping[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # drawing is for other tests
    monkeypatch.setattr(FacesTab, "_shown", lambda self, recipe, lang, weights=None: iter(()))
    tab = tabs[name]
    others = set(TASKS) - {*tab.shows, *tab.also}
    for query in links():
        if query.get("task") in others:  # the tab opens as it does without a link
            assert tab.linked(query) is None, query
        else:
            assert faults(tab, query) == []


@pytest.mark.parametrize(
    "query",
    ["labels=5", 'labels=["beard"]', "mix_from=x", 'labels={"smile": "x"}', 'labels={"nose": 1}'],
)
def test_a_wrong_setting_of_a_link_is_told(
    tabs: Mapping[str, Any], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FacesTab, "_shown", lambda self, recipe, lang, weights=None: iter(()))
    name, value = query.split("=", 1)
    told = dict(shown(tabs["faces"], {"task": "faces", "checkpoint": "heads-64", name: value}))
    assert "refusal" in told[tabs["faces"].line]


TRACKERS = {
    "fbclid": "IwAR0",
    "utm_source": "news",
    "utm_medium": "mail",
    "gclid": "x",
    "ref": "hn",
}


@pytest.mark.parametrize(
    ("task", "query"),
    [
        ("faces", {"task": "faces", "checkpoint": "heads-64", "seed": "77", "count": "3"}),
        ("upscale", {"task": "upscale", "checkpoint": "spanx4", "scale": "2"}),
        ("translate", {"task": "translate", "checkpoint": "styles-26"}),
        (
            "compare",
            {
                "race": "pictures",
                "gan": "task=faces&checkpoint=heads-64&seed=77",
                "diffusion": "task=denoise&checkpoint=heads-ddpm-64&seed=77",
            },
        ),
    ],
)
def test_what_trackers_add_to_a_link_changes_nothing(
    tabs: Mapping[str, Any], task: str, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # a step a face and no tick between them, however busy the machine is
    monkeypatch.setattr(maker, "GLANCE", 0.0)
    monkeypatch.setattr(common.signals, "heard", iter)
    plain = [str(value) for _, value in shown(tabs[task], query)]
    tracked = [str(value) for _, value in shown(tabs[task], query | TRACKERS)]
    assert not any("refusal" in value for value in tracked)
    if task != "faces":  # whose answers hold drawn faces, in folders of their own
        assert tracked == plain
    else:
        assert "77" in tracked and len(tracked) == len(plain)


def test_in_a_recipe_it_stays_an_error(engine: Engine) -> None:
    asked = Recipe("faces", "heads-64", {"seed": 7, "fbclid": "IwAR0"})
    with pytest.raises(UserError, match="fbclid"):
        engine.checked(asked)


@pytest.mark.parametrize("seed", ["85,265,297", "0-5", " 1, 2 "])
def test_a_list_of_seeds_is_told_to_be_a_word(engine: Engine, seed: str) -> None:
    for told in (seed, "7", "Ada-5", "-5"):
        *_, last = engine.run(Recipe("faces", "heads-64", {"seed": told, "count": 1}))
        words = [c for c in last.report.changes if "one word here" in c[0]]
        assert bool(words) == (told == seed)
