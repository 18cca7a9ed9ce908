"""The door: the same recipe gives the same picture whichever way it is asked, and a run stops,
waits its turn, and says what it cost.
"""

from __future__ import annotations

import itertools
import json
import pickle
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganapps import __main__
from ganapps.engine import Engine
from ganapps.errors import Message, UserError
from ganapps.models.hub import Progress
from ganapps.pictures import images, inside
from ganapps.recipe import Recipe
from ganapps.tasks import maker
from tests.apart import apart
from tests.small_generator import Plain, Small, SmallRuntime, pixels, said, small_engine

HEADS = Recipe("faces", "heads-64", {"seed": 7, "count": 3})
SMALL = Recipe("faces", "small", {"seed": 7, "count": 3})


def last(results):
    *_, result = results
    return result


# One recipe, one picture


def test_the_same_recipe_makes_the_same_bytes(engine: Engine) -> None:
    one, other = pixels(engine.run(HEADS)), pixels(engine.run(HEADS))
    assert len(one) == 3 and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], one[1])


def test_the_command_line_makes_the_same_bytes(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(HEADS.to_json())
    assert (
        __main__.main(
            [
                "run",
                str(tmp_path / "recipe.json"),
                "--out",
                str(tmp_path / "out"),
                "--device",
                "cpu",
                "--offline",
            ]
        )
        == 0
    )
    made = [
        images.Image.open(tmp_path / "out" / name)
        for name in json.loads((tmp_path / "out" / "report.json").read_text())["files"]
    ]
    assert all(
        np.array_equal(a, np.asarray(b))
        for a, b in zip(pixels(engine.run(HEADS)), made, strict=True)
    )


def test_a_picture_does_not_depend_on_how_many_are_asked_for(engine: Engine) -> None:
    many = pixels(engine.run(HEADS.with_settings(seed=3, count=11)))
    alone = [pixels(engine.run(HEADS.with_settings(seed=3 + i, count=1)))[0] for i in (0, 4, 10)]
    assert all(np.array_equal(many[i], one) for i, one in zip((0, 4, 10), alone, strict=True))


@pytest.mark.parametrize(
    "asked",
    [
        HEADS,
        HEADS.with_settings(
            seed="Ann", psi=0.4, cutoff=4, mix=12, mix_from=3, mix_to=6, noise="random"
        ),
        Recipe("strip", "heads-64", {"seed": 5, "count": 4}),
        Recipe("strip", "heads-64", {"seed": 5, "count": 2, "noise": "none"}),
    ],
)
def test_a_picture_s_own_recipe_makes_it_again(
    engine: Engine, asked: Recipe, tmp_path: Path
) -> None:
    for kept in [kept for result in engine.run(asked) for kept in result.made]:
        path = images.keep(kept, tmp_path, 0)
        again = pixels(engine.run(inside.from_file(path)))
        assert len(again) == 1 and np.array_equal(again[0], np.asarray(kept.picture)), kept.caption


def test_a_film_s_own_recipe_makes_it_again(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    film = last(engine.run(Recipe("loop", "small", {"seed": "Ann", "count": 2, "frames": 3}))).made[
        0
    ]
    again = last(engine.run(inside.from_file(images.keep(film, tmp_path, 0)))).made[0]
    assert len(film.frames) == 6 and [f.tobytes() for f in film.frames] == [
        f.tobytes() for f in again.frames
    ]


def test_the_recipe_of_a_result_says_what_made_it(engine: Engine) -> None:
    result = last(engine.run(HEADS))
    assert (
        result.recipe.settings["psi"] == 0.7
        and result.recipe.sha256 == result.report.sha256
        and len(result.recipe.sha256) == 64
    )
    assert (
        result.report.source == "heads-64.safetensors"
        and result.report.device == "CPU"
        and result.report.pictures == 3
    )
    assert json.loads(json.dumps(result.report.as_dict()))["changes"] == []


# What crosses the door is plain


def test_what_goes_in_and_comes_out_crosses_to_another_process(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    for result in engine.run(SMALL):
        there = pickle.loads(pickle.dumps(result))
        assert (
            there.report == result.report
            and there.made[0].picture.tobytes() == result.made[0].picture.tobytes()
        )


def test_nothing_of_a_run_stays_in_the_thread_or_in_the_global_random_state(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for _ in engine.run(SMALL.with_settings(count=20, noise="random")):
        assert (
            not torch.is_inference_mode_enabled()
            and torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
        )
        assert not engine.worker.device.busy
    assert (
        torch.equal(before[0], torch.get_rng_state())
        and (before[1] == np.random.get_state()[1]).all()
    )


# Stop, turns, memory, price


def test_closing_a_run_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "GLANCE", -1)  # a step for every batch
    network = Small()
    engine = small_engine(network, tmp_path)
    run = engine.run(SMALL.with_settings(count=64))
    first = next(run)
    run.close()
    assert len(network.calls) == 1 and len(first.made) < 64
    assert not engine.worker.device.busy and engine.price(SMALL).seconds is None


def test_closing_a_run_stops_its_download(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    engine.runtime.steps = (Progress(1, 10, Message("Fetching {title}", title="Small")),) * 2
    run = engine.run(SMALL)
    waiting = next(run)
    assert (
        not waiting.made
        and (waiting.done, waiting.total) == (1, 10)
        and said((waiting.waiting,)) == ["Fetching Small"]
    )
    run.close()
    assert engine.runtime.stopped and not engine.runtime.small.calls


def test_two_runs_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "GLANCE", -1)
    order: list[int] = []
    inside = threading.Semaphore(1)

    class Shared(Small):
        def synthesis(self, ws, noise="const", generators=None):
            assert inside.acquire(blocking=False), "two at once on one device"
            time.sleep(0.1)  # what is over within its first portion is not cut up
            x = super().synthesis(ws)
            inside.release()
            return x

    engine = small_engine(Shared(resolution=512), tmp_path)  # one picture a step
    start = threading.Barrier(2)

    def run(number: int) -> None:
        start.wait()
        for _ in engine.run(SMALL.with_settings(count=16)):
            order.append(number)

    threads = [threading.Thread(target=run, args=(n,)) for n in (1, 2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(order) == 32 and sum(a != b for a, b in itertools.pairwise(order)) >= 8, order


@apart
def test_sixteen_pictures_do_not_need_sixteen_times_the_memory_of_one(tmp_path: Path) -> None:
    engine = small_engine(Small(resolution=256, touch=30_000_000), tmp_path)  # 120 MB a picture
    one = last(engine.run(SMALL.with_settings(count=1))).report.peak_memory
    many = last(engine.run(SMALL.with_settings(count=16))).report
    assert many.pictures == 16 and 80e6 < one < 200e6 and many.peak_memory < 4 * one


def test_the_price_is_learnt(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    assert engine.price(SMALL).seconds is None
    report = last(engine.run(SMALL)).report
    assert engine.price(SMALL).seconds == pytest.approx(report.seconds)
    assert engine.price(SMALL.with_settings(count=6)).seconds == pytest.approx(2 * report.seconds)
    assert engine.price(replace(SMALL, precision="bfloat16")).seconds is None


def test_the_price_of_a_model_that_is_here_has_no_download(engine: Engine) -> None:
    assert engine.price(HEADS).download == 0
    assert engine.price(replace(HEADS, checkpoint="stylegan2-ffhq-512")).download != 0


# What is told


def test_what_a_source_had_to_say_is_in_the_report(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    engine.runtime.changes = (Message("{source} did not serve.", source="A"),)
    assert said(last(engine.run(SMALL)).report.changes) == ["A did not serve."]


def test_another_file_than_the_recipe_s_is_told(tmp_path: Path) -> None:
    engine = small_engine(Small(), tmp_path)
    sentence = "The model's file is not the one this recipe was made with."
    assert said(last(engine.run(replace(SMALL, sha256="6" * 64))).report.changes) == [sentence]
    assert said(last(engine.run(replace(SMALL, sha256="5" * 64))).report.changes) == []


def test_what_every_batch_has_to_say_is_said_once(tmp_path: Path) -> None:
    engine = small_engine(Small(overflows=True), tmp_path)
    report = last(engine.run(replace(SMALL.with_settings(count=20), precision="bfloat16"))).report
    assert report.precision == "bfloat16" and report.network_calls == 40
    assert said(report.changes) == ["Not finite in bfloat16: made again in float32."]


REFUSED = {
    "task": (
        Recipe("dance", "small"),
        "The task dance is unknown: accepted are faces, strip, loop",
    ),
    "model": (
        Recipe("faces", "nobody"),
        "The model nobody is not in the catalogue: choose one of the list, or type "
        "owner/repo:file@revision.",
    ),
    "model for something else": (
        Recipe("faces", "enlarger"),
        "The model Enlarger is for upscale, not for faces: choose another one.",
    ),
    "setting": (SMALL.with_settings(sede=3), "The setting sede is unknown: accepted are "),
    "value": (SMALL.with_settings(count=0), "The setting count is 0: from 1 to 64 is accepted."),
    "precision": (
        replace(SMALL, precision="int4"),
        "The precision int4 is unknown: accepted are auto, float32, bfloat16, float16.",
    ),
    "labels": (
        SMALL.with_settings(labels={"age": 3}),
        "This model has no labels: leave them out, or choose a model that has.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    asked, sentence = REFUSED[name]
    with pytest.raises(UserError) as error:
        list(small_engine(Small(), tmp_path).run(asked))
    assert str(error.value).startswith(sentence)


def test_a_recipe_that_no_file_could_hold_is_refused(tmp_path: Path) -> None:
    """What is made could not be made again: its recipe would not be read."""
    with pytest.raises(
        UserError,
        match="^This recipe is too large: 100[0-9]{3} characters, at most 65536 are accepted.$",
    ):
        list(small_engine(Small(), tmp_path).run(SMALL.with_settings(seed="x" * 100_000)))


def test_pictures_for_a_task_that_takes_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^The task faces takes 0 pictures, 1 came.$"):
        list(small_engine(Small(), tmp_path).run(SMALL, ["holiday.png"]))


def test_labels_by_name(engine: Engine) -> None:
    control = next(
        c for c in engine.models.controls(engine.models.row("heads-64")) if c["kind"] == "number"
    )
    low, high = (
        pixels(engine.run(HEADS.with_settings(count=1, labels={control["id"]: control[end]})))[0]
        for end in ("min", "max")
    )
    assert not np.array_equal(low, high)
    with pytest.raises(UserError, match="^The label wings is unknown to this model: accepted are "):
        list(engine.run(HEADS.with_settings(labels={"wings": 2})))


def test_a_bug_is_not_dressed_as_a_refusal(tmp_path: Path) -> None:
    class Broken(Small):
        def synthesis(self, ws, noise="const", generators=None):
            raise RuntimeError("shapes do not fit")

    engine = small_engine(Broken(), tmp_path)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(engine.run(SMALL))
    assert not engine.worker.device.busy


def test_a_type_of_the_person_s_own_is_recognised_or_refused(tmp_path: Path) -> None:
    runtime = SmallRuntime(Plain())
    assert runtime.checkpoint("me/mine:model.pkl@v1", "faces").network == ""
    with pytest.raises(UserError, match="is not a place on the Hub"):
        runtime.checkpoint("../etc:passwd", "faces")
