"""A GAN learns before one's eyes: a run of steps that yields its numbers while it goes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.learning import packed
from ganapps.learning.theory import EQUILIBRIUM, EXTENT
from ganapps.networks.contracts import Network
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Picture, check, settings_of
from ganapps.tasks import careful, learn_data, learn_picture, learn_views
from ganapps.tasks import learn_settings as may
from ganapps.tasks.labels import Labels
from ganapps.tasks.learn_lanes import Lane, anew_sentence, idle_sentence, lane
from ganapps.tasks.maker import number
from ganapps.tasks.shared import Seed
from ganapps.tasks.task import Task

SAME = ("seed", "data", "points", "every", "seconds", "against")  # of all runs beside each other
MOST = 4  # runs beside each other
SLICE = 0.4  # seconds of computing between two looks: two to three a second
TURN = 0.05  # seconds that one run plays before the next
LOOKS = 10  # a look at pictures may take a tenth of the time: the slice is so many times as long
LONGEST = 0.48  # seconds of a slice all the same: what is stopped stops
WHOLE = 100  # what Step.total says of a run by the clock; else it says its steps


def learn(
    network: Network,
    device: Device,
    labels_of_model: Labels | None = None,
    *own: Annotated[Upload, Picture(learn_data.SAYS, several=True)],
    seed: Seed = 0,
    data: may.Data = "ring",
    points: may.Points | None = None,
    examples: may.Examples = 0,
    learner: may.Learner = "gan",
    objective: may.Objective | None = None,
    optimiser: may.Optimiser = "adam",
    rate_generator: may.GeneratorRate | None = None,
    rate_discriminator: may.DiscriminatorRate | None = None,
    momentum: may.Momentum | None = None,
    critic_steps: may.CriticSteps = 1,
    batch: may.Batch | None = None,
    noise: may.Noise = 64,
    width: may.Width | None = None,
    depth: may.Depth = 2,
    frozen: may.Frozen = False,
    spectral: may.Spectral | None = None,
    r1: may.R1 = 0.0,
    r2: may.R2 = 0.0,
    gradient_penalty: may.GradientPenalty = 0.0,
    clip: may.Clip = 0.0,
    instance_noise: may.InstanceNoise = 0.0,
    smoothing: may.Smoothing = 0.0,
    feature_matching: may.FeatureMatching = False,
    batch_layer: may.BatchLayer = "none",
    pack: may.Pack = 1,
    norm: may.Norm = "none",
    attention: may.Attention = False,
    augment: may.Augment = "none",
    steps: may.Steps | None = None,
    every: may.Every | None = None,
    seconds: may.Seconds = 20.0,
    against: may.Against | None = None,
    pretrain: may.Pretrain = 0,
    frozen_layers: may.FrozenLayers = 0,
) -> Iterator[Step]:
    """A generator and a critic learn from `data`: `points` that were drawn, pictures of which
    `examples` (0: all) are seen, or a visitor's own.

    What is None is what suits the data. The run ends after `steps`, or where none are given after
    `seconds` of computing; then what it made names the steps, so that its recipe makes the same
    run again on any machine. `against` lists up to three tables of settings that other runs have
    otherwise: all play in turn, with one seed, from one source, an equal share of the time.

    Each Step's numbers: {"runs": [a table a run], "real": points}, with "extent" and "side" of the
    grids. Numbers of points stand in text, as `learning/packed.py` says. The last Step has the
    picture, of pictures the first run's generator as a file, too. Raises UserError for choices that
    do not go together, and where all runs' numbers leave all bounds.
    """
    given, declared = locals(), settings_of(learn)
    choices = {name: given[name] for name in declared}
    choices["seed"] = number(seed)
    careful.load_optimisers()
    lanes = [lane(one, own, network, declared) for one in _each(choices)]
    said = (*_where(device), *anew_sentence(lanes), *idle_sentence(lanes, declared))
    seeing = Seeing(lanes)
    told = seeing.numbers(of_all=True)
    whole = lanes[0].choices["steps"] or WHOLE
    yield Step(0, whole, changes=said, preview=seeing.previews(), numbers=told)
    while True:
        calls = _played(lanes, seeing.slice, every or lanes[0].looked_at_after)
        _insist_on_bounds(lanes)
        share = min(one.share for one in lanes)
        if share == 1:
            break
        told = seeing.numbers()
        done = min(whole - 1, int(whole * share))
        yield Step(done, whole, (), calls, preview=seeing.previews(), numbers=told)
    yield _last(lanes, seeing, calls, whole)


def named_seconds(settings: Mapping[str, Any]) -> float | None:
    """Seconds of computing that a checked request itself names; None where it names steps."""
    return None if settings["steps"] else settings["seconds"]


def units(settings: Mapping[str, Any]) -> float:
    """How much work a checked request is, in seconds of one core of 2020, roughly: what one step
    takes grows with the batch, with wide layers, with steps of the critic, and with penalties.
    """
    if not settings["steps"]:
        return settings["seconds"]
    return sum(one["steps"] * _step(one) for one in _each(settings))


def _step(one: Mapping[str, Any]) -> float:
    """Seconds of one step of a run, by what was measured of several kinds."""
    if one["data"] == "dirac":
        return 2.5e-6
    if one["learner"] != "gan":
        return 0.7e-3
    each = {"digits": 0.7e-3, "heads": 2.8e-3, "own": 2.8e-3}.get(one["data"])  # a picture
    if each:
        step = each * (one["batch"] or 32) * (one["width"] or 32) / 32
        step *= 2.0 if one["attention"] else 1.0
    else:
        layer = 0.2e-3 + 0.175e-3 * ((one["batch"] or 128) / 128) * ((one["width"] or 64) / 64) ** 2
        step = 0.6e-3 + one["depth"] * layer
        step *= 1.7 if one["spectral"] else 1.0
        step *= 5.0 if one["batch_layer"] == "discrimination" else 1.0
    penalised = 1.5 if one["r1"] or one["r2"] or one["gradient_penalty"] else 1.0
    return step * (1 + penalised * one["critic_steps"]) / 2


def _each(choices: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The choices of every run. Raises UserError that names what can't differ, or is none."""
    others = choices["against"] or []
    if len(others) >= MOST:
        raise UserError("Up to {most} runs play beside each other.", most=MOST)
    alone = {**choices, "against": None}
    yield alone
    for other in others:
        if not isinstance(other, dict):
            raise UserError(
                "The setting {name} is a list of tables of settings.",
                name=settings_of(learn)["against"].title,
            )
        for name in other:
            if name in SAME:
                raise UserError(
                    "The setting {name} is one for all runs: take it out of against.",
                    name=settings_of(learn)[name].title,
                )
        yield check(learn, {**alone, **other})


def _checked(settings: Mapping[str, Any]) -> None:
    """Raises UserError for points that are none, and for runs that can't play beside each other."""
    for one in _each(settings):
        if one["points"] is not None:
            learn_data.drawn(one["points"])


def _where(device: Device) -> tuple[Message, ...]:
    if device.name == "cpu":
        return ()
    return (Message("The Lab learns on the processor: its networks are too small for a GPU."),)


def _played(lanes: Sequence[Lane], seconds: float, every: int) -> int:
    """Whoever is furthest behind plays, in short turns, for so many seconds of computing in all, or
    until each has made `every` steps; how often a network was called. Between two turns the run may
    be stopped, and others may compute.
    """
    before = [one.trainer.steps for one in lanes]
    played = sum(one.seconds for one in lanes)
    while sum(one.seconds for one in lanes) - played < seconds:
        left = {}
        for one, steps in zip(lanes, before, strict=True):
            if one.share < 1 and one.trainer.steps - steps < every:
                left[one.share] = one, every - (one.trainer.steps - steps)
        if not left:
            break
        behind, most = left[min(left)]
        behind.play(min(TURN, seconds), most)
        careful.look_between(math.ceil(seconds / TURN))
    calls = 0
    for one, steps in zip(lanes, before, strict=True):
        calls += (one.trainer.steps - steps) * one.calls_a_step
    return calls


def _insist_on_bounds(lanes: Sequence[Lane]) -> None:
    """Raises UserError where nothing is left to look at."""
    if all(one.ended is not None for one in lanes):
        raise UserError(
            "The numbers left all bounds at step {step}: lower the rates, or choose another "
            "objective.",
            step=lanes[0].ended,
        )


class Seeing:
    """Looks at runs, as often as a tenth of the time allows."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self.slice = SLICE
        self._told: list[dict[str, Any]] = [{} for _ in lanes]
        self._turn = 0

    def numbers(self, of_all: bool = False) -> dict[str, Any]:
        """What there is to see of all runs. Of pictures one run is looked at in a turn, and what is
        told of the others is what it was, unless a look at all is asked for.
        """
        began = time.perf_counter()
        quick = not isinstance(self.lanes[0].view, learn_views.WallView)
        for place, one in enumerate(self.lanes):
            if quick or of_all or place == self._turn % len(self.lanes):
                self._told[place] = self._look(one)
        self._turn += 1
        took = time.perf_counter() - began
        self.slice = min(LONGEST, max(SLICE, LOOKS * took))
        return self._whole()

    def _look(self, one: Lane) -> dict[str, Any]:
        told: dict[str, Any] = {"step": one.trainer.steps, "seconds": round(one.seconds, 3)}
        if one.ended is not None:
            return told | {"left all bounds": one.ended}
        return told | one.view.numbers(len(self.lanes))

    def _whole(self) -> dict[str, Any]:
        whole: dict[str, Any] = {"runs": list(self._told)}
        view = self.lanes[0].view
        if isinstance(view, learn_views.PlaneView | learn_views.RivalView):
            chance = torch.Generator().manual_seed(1)
            real = view.real.sample(learn_views.SHOWN, chance)
            whole |= {"real": packed.points(real), "extent": EXTENT, "equilibrium": EQUILIBRIUM}
        return whole

    def previews(self) -> tuple:
        """Walls of pictures, to be shown and forgotten; points are drawn from numbers."""
        return tuple(
            one.view.picture() for one in self.lanes if isinstance(one.view, learn_views.WallView)
        )


def _last(lanes: Sequence[Lane], seeing: Seeing, calls: int, whole: int) -> Step:
    """The end of all runs: the picture of how they look, with the recipe that makes them again."""
    numbers = seeing.numbers(of_all=True)
    for one, told in zip(lanes, numbers["runs"], strict=True):
        if one.ended is None:
            told |= one.view.at_the_end()
    views = [one.view.picture() for one in lanes]
    beside = {}
    for place, one in enumerate(lanes, 1):
        if isinstance(one.view, learn_views.WallView) and one.ended is None:
            beside["nearest" if place == 1 else f"nearest {place}"] = one.view.nearest()
    made = Made(
        learn_picture.beside(views),
        f"{lanes[0].choices['data']}, step {lanes[0].trainer.steps}",
        _again(lanes),
        beside=beside,
    )
    kept = None if lanes[0].ended is not None else lanes[0].view.weights()
    return Step(
        whole,
        whole,
        (made,),
        calls,
        _left(lanes),
        preview=seeing.previews(),  # the last look, as all before it
        numbers=numbers,
        weights=kept,
    )


def _left(lanes: Sequence[Lane]) -> tuple[Message, ...]:
    """What to say of runs that ended before the others."""
    said = []
    for place, one in enumerate(lanes, 1):
        if one.ended is not None:
            said.append(
                Message(
                    "The numbers of run {run} left all bounds at step {step}.",
                    run=place,
                    step=one.ended,
                )
            )
    return tuple(said)


def _again(lanes: Sequence[Lane]) -> dict[str, Any]:
    """The settings that make just these runs again, whatever the machine: all choices, by steps."""
    first = {**lanes[0].choices, "steps": lanes[0].trainer.steps}
    others = []
    for one in lanes[1:]:
        other = {**one.choices, "steps": one.trainer.steps}
        others.append({name: other[name] for name in other if other[name] != first[name]})
    return {**first, "against": others or None}


LEARN = Task(
    "learn",
    learn,
    models="learn",
    work=units,
    says="Watch a GAN learn: a stream of numbers from which curves and drawings are made.",
    opened=learn_data.opened,
    seconds=named_seconds,
    holds=_checked,
    on_processor=True,
)
