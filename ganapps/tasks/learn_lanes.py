"""One run of the Lab: who plays by which choices, and how far it is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch

from ganapps.errors import Message, UserError
from ganapps.learning import kept, points, rivals
from ganapps.learning.dirac import OBJECTIVES, Dirac, begun
from ganapps.learning.game import Exploded, Game, Rules
from ganapps.learning.players import PictureCritic, PictureGenerator, PointCritic, PointGenerator
from ganapps.learning.points import Points
from ganapps.learning.presets import PICTURES
from ganapps.learning.sets import Pictures
from ganapps.networks.contracts import Network
from ganapps.networks.faces.lab import LabGenerator
from ganapps.pictures.uploads import Upload
from ganapps.settings import Declared, titles
from ganapps.tasks import learn_data, learn_views
from ganapps.tasks.learn_settings import MOST_STEPS

# What suits the data where nothing is chosen. Rates of pictures are 2.5 times those usual beside a
# spectral norm (2e-4, 4e-4): heads looked the same after about half as many steps (one seed each).
SUITS: Mapping[str, Mapping[str, Any]] = {
    "points": {
        "objective": "non-saturating",
        "rate_generator": 1e-3,
        "rate_discriminator": 1e-3,
        "momentum": 0.5,
        "batch": 128,
        "width": 64,
        "spectral": False,
    },
    "pictures": {
        "objective": "hinge",
        "rate_generator": 5e-4,
        "rate_discriminator": 1e-3,
        "momentum": 0.0,
        "batch": 32,
        "width": 32,
        "spectral": True,
    },
}
# Choices that mean something for one kind of data only, and what leaves them out.
ONLY: Mapping[str, Mapping[str, Any]] = {
    "points": {"depth": 2, "pack": 1, "norm": "none"},
    "pictures": {
        "examples": 0,
        "attention": False,
        "augment": "none",
        "pretrain": 0,
        "frozen_layers": 0,
    },
}
LARGEST = {"batch": 128, "width": 64}  # for pictures: a step of more takes seconds
ALONE = 100  # steps of a new critic before a trained generator goes on
CIRCLE_LOOKS = 50  # at a run of two numbers
SPREAD = 0.05  # of the rivals' own noise
_drawing = threading.Lock()  # torch draws first weights from one state for all


@dataclass
class Lane:
    """A run: `choices` are all of its settings, `view` is what there is to see. `seconds` of
    computing it has had; `ended` is the step at which its numbers left all bounds.
    """

    choices: Mapping[str, Any]
    trainer: Game | rivals.Lesson | Dirac
    view: learn_views.View
    calls_a_step: int
    parameters: int
    idle: tuple[str, ...]
    seconds: float = 0.0
    ended: int | None = None

    @property
    def share(self) -> float:
        """How much of its steps, or of its seconds where no steps are given, it has had: 0 to
        1.
        """
        if self.ended is not None:
            return 1.0
        played = self.trainer.steps / (self.choices["steps"] or MOST_STEPS)
        if self.choices["steps"]:
            return min(1.0, played)
        return min(1.0, max(played, self.seconds / self.choices["seconds"]))

    @property
    def looked_at_after(self) -> int:
        """Steps after which there is something new to see, however quickly they were made: two
        numbers are through before the clock is looked at.
        """
        if isinstance(self.trainer, Dirac):
            return max(1, (self.choices["steps"] or MOST_STEPS) // CIRCLE_LOOKS)
        return MOST_STEPS

    def play(self, seconds: float, most: int) -> None:
        """Steps for about so long, at least one, at most so many, none beyond its end."""
        began = time.perf_counter()
        spent, before = 0.0, self.seconds
        until = self.trainer.steps + most
        try:
            while spent < seconds and self.trainer.steps < until and self.share < 1:
                self.trainer.step()
                spent = time.perf_counter() - began
                self.seconds = before + spent
        except Exploded as left:
            self.ended = left.step


def lane(
    choices: Mapping[str, Any],
    own: Sequence[Upload],
    network: Network,
    declared: Mapping[str, Declared],
) -> Lane:
    """A run of its first step yet to come; `declared` is what is said of its settings. Raises
    UserError where choices do not go together.
    """
    kind = "pictures" if choices["data"] in PICTURES else "points"
    chosen = dict(choices)
    for name, value in SUITS[kind].items():
        if chosen[name] is None:
            chosen[name] = value
    idle = []
    for other, names in ONLY.items():
        for name, without in names.items():
            if other != kind and chosen[name] != without:
                idle.append(name)
                chosen[name] = without
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(chosen["seed"])
        if chosen["data"] == "dirac":
            return _dirac(chosen, network, tuple(idle))
        if kind == "pictures":
            _insist_on_small(chosen, declared)
            return _pictures(chosen, own, network, tuple(idle))
        _insist_on_packs(chosen, declared)
        return _points(chosen, network, tuple(idle))


def _points(chosen: dict[str, Any], network: Network, idle: tuple) -> Lane:
    _insist_on_new(network)
    real: Points
    if chosen["data"] == "drawn":
        real = learn_data.drawn(chosen["points"])
    else:
        real = points.DATA[chosen["data"]]()
    if chosen["learner"] != "gan":
        return _rival(chosen, real, idle)
    width, depth = chosen["width"], chosen["depth"]
    generator = PointGenerator(chosen["noise"], width, depth, chosen["norm"])
    critic = PointCritic(width, depth, chosen["spectral"], chosen["batch_layer"], chosen["pack"])
    game = Game(_rules(chosen), generator, critic, real.sample, chosen["seed"])
    return _lane(chosen, game, learn_views.PlaneView(game, real), idle)


def _pictures(chosen: dict[str, Any], own: Sequence[Upload], network: Network, idle: tuple) -> Lane:
    if chosen["learner"] != "gan":
        raise UserError("The rivals learn from points only: choose other data, or the GAN.")
    real = learn_data.pictures(chosen["data"], own, chosen["examples"], chosen["seed"])
    colours, side = real.shape
    generator = _generator(chosen, real, network)
    spectral, batch_layer = chosen["spectral"], chosen["batch_layer"]
    critic, alone = None, 0
    if isinstance(network, LabGenerator):
        critic = kept.critic_going_on(network, spectral, batch_layer)
        alone = 0 if critic else ALONE
    if critic is None:
        width, attention = chosen["width"], chosen["attention"]
        critic = PictureCritic(side, colours, width, spectral, batch_layer, attention)
    if chosen["pretrain"] and (real.rest is None or not len(real.rest)):
        raise UserError(
            "Pretraining is on the pictures that are left over, and none are: choose how many are "
            "learned from."
        )
    rules = _rules(chosen, alone)
    others = real.others if chosen["pretrain"] else None
    game = Game(rules, generator, critic, real.sample, chosen["seed"], others)
    return _lane(chosen, game, learn_views.WallView(game, real), idle)


def _generator(chosen: dict[str, Any], real: Pictures, network: Network) -> PictureGenerator:
    """A new one, or the one of a file; then noise, width and attention are the file's."""
    colours, side = real.shape
    if not isinstance(network, LabGenerator):
        _insist_on_new(network)
        return PictureGenerator(
            chosen["noise"], side, colours, chosen["width"], chosen["attention"]
        )
    generator = kept.going_on(network)
    if (generator.channels, generator.side) != (colours, side):
        raise UserError(
            "This generator makes pictures of {its} px in {its_colours} colours, the data has "
            "{side} px in {colours}: choose the data it learned from.",
            its=generator.side,
            its_colours=generator.channels,
            side=side,
            colours=colours,
        )
    return generator


def _insist_on_small(chosen: Mapping[str, Any], declared: Mapping[str, Declared]) -> None:
    for name, most in LARGEST.items():
        if chosen[name] > most:
            raise UserError(
                "The setting {name} is {value}: for pictures up to {most} is accepted.",
                name=declared[name].title,
                value=chosen[name],
                most=most,
            )


def _insist_on_packs(chosen: Mapping[str, Any], declared: Mapping[str, Declared]) -> None:
    if chosen["learner"] == "gan" and chosen["batch"] % chosen["pack"]:
        raise UserError(
            "The batch {batch} is no multiple of {name}, {pack}: choose one that is.",
            batch=chosen["batch"],
            name=declared["pack"].title,
            pack=chosen["pack"],
        )


def _insist_on_new(network: Network) -> None:
    """Only pictures can be gone on with, and only by a generator that the Lab kept."""
    if next(network.parameters(), None) is not None:
        raise UserError(
            "This file can't be gone on with here: give a generator that the Lab kept, and "
            "pictures as data."
        )


def _rival(chosen: dict[str, Any], real: Points, idle: tuple) -> Lane:
    width, depth = chosen["width"], chosen["depth"]
    model: rivals.Autoencoder | rivals.Diffusion
    if chosen["learner"] == "vae":
        model = rivals.Autoencoder(width, depth, spread=SPREAD)
    else:
        model = rivals.Diffusion(width, depth)
    lesson = rivals.Lesson(
        model, real.sample, chosen["rate_generator"], chosen["batch"], chosen["seed"]
    )
    return Lane(chosen, lesson, learn_views.RivalView(lesson, real), 1, _count(model), idle)


def _dirac(chosen: dict[str, Any], network: Network, idle: tuple) -> Lane:
    _insist_on_new(network)
    if chosen["objective"] not in OBJECTIVES or chosen["learner"] != "gan":
        raise UserError(
            "Two numbers play by {known} only: choose one of them, or other data.",
            known=", ".join(OBJECTIVES),
        )
    dirac = begun(chosen["objective"], chosen["rate_generator"], chosen["r1"], chosen["seed"])
    return Lane(chosen, dirac, learn_views.CircleView(dirac), 0, 2, idle)


def _lane(chosen: dict[str, Any], game: Game, view: learn_views.View, idle: tuple) -> Lane:
    rules = game.rules
    # both players look at a batch for the critic, the critic at two; then each at one
    calls = rules.critic_steps * (
        3 + bool(rules.r1) + bool(rules.r2) + bool(rules.gradient_penalty)
    )
    parameters = _count(game.generator) + _count(game.critic)
    return Lane(chosen, game, view, calls + 2, parameters, idle)


def _rules(chosen: Mapping[str, Any], alone: int = 0) -> Rules:
    names = {field.name for field in fields(Rules)}
    return Rules(**{name: chosen[name] for name in names & set(chosen)}, alone=alone)


def _count(network: torch.nn.Module) -> int:
    return sum(math.prod(weight.shape) for weight in network.parameters())


def anew_sentence(lanes: Sequence[Lane]) -> tuple[Message, ...]:
    """What to say where a generator goes on against a discriminator that begins anew."""
    if not any(isinstance(one.trainer, Game) and one.trainer.rules.alone for one in lanes):
        return ()
    return (
        Message(
            "The file keeps no discriminator that fits: a new one learns alone for {steps} steps "
            "first.",
            steps=ALONE,
        ),
    )


def idle_sentence(lanes: Sequence[Lane], declared: Mapping[str, Declared]) -> tuple[Message, ...]:
    """What to say of choices that mean nothing for this data."""
    names: list[str] = []
    for one in lanes:
        names += [name for name in one.idle if name not in names]
    if not names:
        return ()
    data, settings = lanes[0].choices["data"], titles(declared, names)
    return (Message("For {data} this has no effect: {settings}.", data=data, settings=settings),)
