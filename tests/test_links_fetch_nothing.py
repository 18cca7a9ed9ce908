"""Following a link fetches no model: the page says how large it is, and waits for a click."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from ganapps import engine as engines
from ganapps.engine import Engine
from ganapps.models import hub, runtime
from ganapps.recipe import Recipe
from ganapps.ui.tabs.compare import CompareTab
from ganapps.ui.tabs.faces import FacesTab
from ganapps.ui.tabs.translate import TranslateTab
from ganapps.ui.tabs.upscale import UpscaleTab
from tests.local_hub import FILE, WEIGHTS, cache, finish, hurry, server

__all__ = ["cache", "hurry", "server"]  # fixtures

PLACE = f"ann/faces:{FILE}"


@pytest.fixture
def here(server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine that may ask the local Hub; the shipped models are where they were."""
    from ganapps.models.catalog import WEIGHTS as shipped
    from ganapps.models.hub import disk

    monkeypatch.setattr(disk, "WEIGHTS", shipped)
    server.publish("ann/faces", {FILE: os.urandom(300_000)})
    yield engines.start("cpu")


def visit(recipe: Recipe | None) -> SimpleNamespace:
    query = dict(pair.split("=", 1) for pair in recipe.to_link()[1:].split("&")) if recipe else {}
    return SimpleNamespace(
        headers={},
        session_hash="x",
        query_params={k: v.replace("%2F", "/").replace("%3A", ":") for k, v in query.items()},
    )


def opened(tab: FacesTab, recipe: Recipe | None) -> list[dict]:
    """What a page that follows a link gets: at once, and then."""
    request = visit(recipe)
    updates = [tab.opened(request), *tab.drawn(request)]
    return [update for update in updates if update != {tab.line: gr.skip()}]


def bodies(server) -> list[str]:
    """What was asked for but heads."""
    return [r.path for r in server.requests if r.method == "GET" and r.path != "/"]


@pytest.mark.parametrize("revision", [None, "main", "f" * 40])
def test_a_stranger_s_model_waits_for_a_click(revision: str | None, here: Engine, server) -> None:
    with gr.Blocks():
        tab = FacesTab(here)
    shown = opened(tab, Recipe("faces", PLACE, {"seed": 7}, revision=revision))
    lines = [update[tab.line] for update in shown if tab.line in update]
    assert bodies(server) == []
    assert f"{PLACE} is not on this machine: press Generate to fetch 300 kB and draw." in lines[-1]
    assert not any(tab.wall.gallery in update for update in shown) and shown[0][tab.place] == PLACE


def test_a_row_that_is_not_here_waits_too(here: Engine, server) -> None:
    row = next(c for c in here.models.rows("faces") if not here.models.here(c))
    with gr.Blocks():
        tab = FacesTab(here)
    lines = [
        u[tab.line] for u in opened(tab, Recipe("faces", row.id, {"seed": 7})) if tab.line in u
    ]
    assert bodies(server) == [] and "press Generate to fetch" in lines[-1]


def test_what_is_here_is_drawn_at_once(here: Engine, server) -> None:
    with gr.Blocks():
        tab = FacesTab(here)
    for recipe in (None, Recipe("faces", "heads-64", {"seed": 7, "count": 1})):
        assert any(tab.wall.gallery in update for update in opened(tab, recipe))
    assert server.requests == []


@pytest.mark.parametrize("place", ["heads-64", PLACE])
def test_a_page_asks_for_both_at_once_and_may_be_answered_in_any_order(
    place: str, here: Engine, server
) -> None:
    """A busy machine comes to what still has to be drawn before it comes to what opens the page."""
    with gr.Blocks():
        tab = FacesTab(here)
    request = visit(Recipe("faces", place, {"seed": 7, "count": 1}))
    updates = [*tab.drawn(request), tab.opened(request)]
    assert any(tab.wall.gallery in update for update in updates) == (place == "heads-64")
    assert bodies(server) == []


def test_a_branch_may_have_moved_and_a_commit_has_not(here: Engine, server) -> None:
    typed = runtime.stranger(hub.parse(PLACE), "faces")
    assert here.fetches(Recipe("faces", PLACE))
    located = finish(hub.fetch(typed))[0]
    assert here.fetches(Recipe("faces", PLACE)) and here.fetches(Recipe("faces", f"{PLACE}@main"))
    assert not here.fetches(Recipe("faces", f"{PLACE}@{located.revision}"))
    assert not here.fetches(Recipe("faces", PLACE, revision=located.revision))
    assert not here.fetches(Recipe("faces", "sha256:" + "0" * 64)) and not here.fetches(
        Recipe("faces", "heads-64")
    )


@pytest.mark.parametrize(
    ("tab", "task"), [(UpscaleTab, "upscale"), (TranslateTab, "translate"), (CompareTab, "compare")]
)
def test_the_other_tabs_only_fill_their_widgets(tab: type, task: str, here: Engine, server) -> None:
    with gr.Blocks():
        made = tab(here)
    made.opened(visit(Recipe(task, PLACE, {})))
    assert bodies(server) == [] and Path(hub.disk.home(True)).exists() is False and WEIGHTS
