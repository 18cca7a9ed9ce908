"""The line under a result while a run goes on, and how often a page hears of one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from ganapps.engine import Engine, Result
from ganapps.errors import Message
from ganapps.recipe import Recipe
from ganapps.report import Report
from ganapps.ui.parts import common, progress
from ganapps.ui.parts.progress import Pace
from ganapps.ui.tabs.compare import CompareTab
from ganapps.workers import zerogpu
from ganapps.workers.signals import Tick

RECIPE = Recipe("faces", "heads-64")
STOP = "Stop is heard when the GPU next answers"
REPORT = Report("heads-64", "CPU", "float32", "here", seconds=0.31, pictures=12, network_calls=12)


def text(line: str) -> str:
    return re.sub(r"<[^>]*>", "", line)


def test_what_a_run_cost_is_short_and_the_rest_is_folded() -> None:
    line = progress.done(REPORT, "en")
    short, rest = line.split("<details>")
    assert text(short) == "12 pictures in 0.31 s · just as asked"
    assert all(words in rest for words in ("heads-64", "CPU float32", "12 network calls"))
    assert text(progress.plain(line, "stopped")) == f"{text(short)} · stopped"
    changed = Report(**{**vars(REPORT), "changes": (Message("It was <smaller>."),) * 2})
    line = progress.done(changed, "en")
    assert line.count("It was &lt;smaller&gt;.") == 1 and "just as asked" not in line


def test_who_waits_reads_how_many_are_before_and_for_how_long() -> None:
    assert "2 runs before you, about 20 s" in progress.ticked(
        None, Tick(0.0, 2, 20.0), Pace(), "en"
    )
    soon = text(progress.ticked(None, Tick(0.0, 1, 0.2), Pace(), "en"))
    assert soon == "1 run before you"
    assert "1 run before you" in progress.ticked(None, Tick(0.0, 1, None), Pace(), "en")
    assert "约 20 s" in progress.ticked(None, Tick(0.0, 2, 20.0), Pace(), "zh")


def test_the_bar_moves_before_the_first_step_is_done() -> None:
    pace = Pace(expected=40.0)
    line = progress.ticked(None, Tick(0.1, 0, 0.0), pace, "en")
    assert "about 40 s left" in line and "width:0%" in line
    pace.began = time.monotonic() - 10
    line = progress.ticked(None, Tick(0.4, 0, 0.0), pace, "en")
    assert "about 30 s left" in line and "width:25%" in line
    pace.began = time.monotonic() - 100
    assert "width:95%" in progress.ticked(None, Tick(0.4, 0, 0.0), pace, "en")
    # nobody knows how long: the bar is that of the first step
    assert "width:40%" in progress.ticked(None, Tick(0.4, 0, 0.0), Pace(), "en")


def test_the_rest_takes_as_long_as_what_was_done() -> None:
    pace = Pace(expected=1.0)
    pace.began = time.monotonic() - 10
    line = progress.running(REPORT, 1.0, 4.0, pace, "en")
    assert "about 30 s left" in line and "width:25%" in line
    assert 'class="line"' in line and "said" not in line, "only what is ready is read out"
    assert "said" in progress.done(REPORT, "en")


def under_way(recipe: Recipe, lang: str, result: Result) -> str:
    """What a run shows that has come to this result."""
    return text(next(common.show(iter([result]), recipe, lang)).line)


def test_where_a_gpu_is_lent_a_run_says_when_stop_is_heard(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    half, lab = Result(RECIPE, REPORT, 1, 2), Recipe("learn", "new")
    fetching = replace(half, waiting=Message("Fetching."))
    ticked = progress.ticked(None, Tick(0.0, 0), Pace(lent=True), "en")
    assert STOP in ticked and STOP in progress.ticked(None, Tick(0.0, 1), Pace(lent=True), "en")
    assert STOP not in progress.ticked(None, Tick(0.0, 0), Pace(), "en")
    assert STOP not in under_way(RECIPE, "en", half), "on a device of one's own it is heard at once"
    monkeypatch.setattr(zerogpu, "given", lambda: True)
    assert STOP in under_way(RECIPE, "en", half)
    assert "才会听到“停止”" in under_way(RECIPE, "zh", half)
    assert STOP not in under_way(lab, "en", half), "the Lab has no GPU"
    assert STOP not in under_way(RECIPE, "en", fetching), "nor has who fetches"
    with gr.Blocks():
        tab = CompareTab(engine)
    values = {widget: widget.value for widget in tab.asked | {tab.measured}}
    updates = list(tab.run(values, SimpleNamespace(headers={}, session_hash="me")))
    said = [text(update[tab.track.sentence]) for update in updates if tab.track.sentence in update]
    assert any(STOP in sentence for sentence in said) and STOP not in said[-1]


def test_a_page_hears_of_a_run_no_more_often_than_it_can_show() -> None:
    def quick() -> Iterator[Result]:
        for step in range(400):
            time.sleep(0.001)
            yield Result(RECIPE, REPORT, step, 400)

    began = time.monotonic()
    lines = [shown.line for shown in common.show(quick(), RECIPE, "en")]
    passed = time.monotonic() - began
    assert 1 <= len(lines) <= 2 + passed / common.LOOK
