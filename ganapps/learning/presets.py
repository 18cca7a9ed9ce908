"""What the Lab shows with one click: a failure and what is said to cure it, each as settings of the
task `learn`, and the number by which five seeds were judged.

`measured.json` beside this file says what they gave (`benchmarks/lab.py` writes it): whatever a
page says of a preset stands there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Settings = Mapping[str, Any]
MEASURED = Path(__file__).with_name("measured.json")
PICTURES = ("digits", "heads", "own")  # the data that are pictures


@dataclass(frozen=True)
class Variant:
    """One run of a preset: `change` is what it has otherwise than the preset's first run."""

    name: str
    change: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class Judge:
    """When a run counts as well: its last `number` is at least `low` and at most `high`."""

    number: str
    low: float = -1e30
    high: float = 1e30

    def well(self, value: float | None) -> bool:
        """A run that left all bounds has no value, and is not well."""
        return value is not None and self.low <= value <= self.high


@dataclass(frozen=True)
class Preset:
    """`sentence` is what the article says, `settings` are the first run's, `others` stand beside
    it; up to three of them in one recipe, `at_first` of them when it is clicked. `also` are numbers
    that are measured besides the judged one.
    """

    name: str
    title: str
    sentence: str
    settings: Settings
    first: str
    others: tuple[Variant, ...]
    judge: Judge
    at_first: int = 1
    also: tuple[str, ...] = ()

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All runs, the first one too."""
        return (Variant(self.first), *self.others)

    def recipe(self, *names: str) -> dict[str, Any]:
        """The settings of `learn` that play the first run and, beside it, the others of these
        names.
        """
        changes = {other.name: dict(other.change) for other in self.others}
        return {**self.settings, "against": [changes[name] for name in names] or None}

    def alone(self, variant: Variant) -> dict[str, Any]:
        """The settings of one run by itself."""
        return {**self.settings, **variant.change}


SPECTRAL = Variant("spectral norm", {"spectral": True})
R1 = Variant("R1", {"r1": 1.0})
PENALTY = Variant("WGAN-GP", {"objective": "wasserstein", "gradient_penalty": 1.0})
NON_SATURATING = Variant("non-saturating loss", {"objective": "non-saturating"})
LEAST_SQUARES = Variant("least squares", {"objective": "least-squares"})
ALL_EIGHT = Judge("modes", low=8)
ALIVE = Judge("gradient at G", low=1e-2)

PRESETS = (
    Preset(
        "works",
        "The game of 2014 works",
        "Generator and discriminator play a minimax game until what is made can't be told from "
        "what is real.",
        {"data": "ring", "objective": "minimax", "steps": 5_000},
        "minimax of 2014",
        (),
        ALL_EIGHT,
    ),
    Preset(
        "dies-frozen",
        "D too good: the gradient dies",
        "A discriminator that is too good leaves the generator nothing to learn from.",
        {"data": "ring", "objective": "minimax", "frozen": True, "depth": 3, "steps": 1_000},
        "minimax of 2014, G held still",
        (NON_SATURATING, SPECTRAL, R1, PENALTY),
        ALIVE,
    ),
    Preset(
        "dies-live",
        "D too good, while both learn",
        "Where the discriminator learns much faster, the generator of 2014 stands still.",
        {
            "data": "ring",
            "objective": "minimax",
            "critic_steps": 20,
            "rate_discriminator": 2e-3,
            "rate_generator": 1e-4,
            "steps": 150,
        },
        "minimax of 2014",
        (NON_SATURATING, SPECTRAL, R1, PENALTY),
        ALIVE,
    ),
    Preset(
        "hopping",
        "One hopping mode",
        "A generator that is faster than the discriminator runs from one mode to the next.",
        {"data": "ring", "rate_generator": 1e-3, "rate_discriminator": 1e-4, "steps": 2_000},
        "D ten times slower",
        (
            Variant("D as quick as G", {"rate_discriminator": 1e-3}),
            R1,
            PENALTY,
            LEAST_SQUARES,
            Variant("feature matching", {"feature_matching": True}),
        ),
        Judge("modes", low=4),
    ),
    Preset(
        "dropped",
        "Modes dropped at equal rates",
        "The generator leaves out part of what is real: mode collapse.",
        {"data": "ring", "steps": 5_000},
        "non-saturating loss",
        (
            R1,
            Variant("R1, a tenth of it", {"r1": 0.1}),
            PENALTY,
            Variant("minimax of 2014", {"objective": "minimax"}),
            LEAST_SQUARES,
        ),
        ALL_EIGHT,
    ),
    Preset(
        "dirac",
        "Never settles: the Dirac GAN",
        "Two numbers that play against each other circle around their rest for ever.",
        {
            "data": "dirac",
            "objective": "minimax",
            "rate_generator": 0.05,
            "rate_discriminator": 0.05,
            "steps": 2_000,
        },
        "minimax of 2014",
        (NON_SATURATING, R1),
        Judge("from rest", high=1e-2),
    ),
    Preset(
        "lost-again",
        "25 modes: least squares find the most, none finds all",
        "Least squares are steadier than the logarithm, and still no promise.",
        {"data": "grid", "objective": "least-squares", "noise": 2, "width": 128, "steps": 2_000},
        "least squares",
        (
            Variant("least squares with R1", {"r1": 1.0}),
            NON_SATURATING,
            Variant("R3GAN", {"objective": "relativistic", "r1": 0.1, "r2": 0.1}),
        ),
        Judge("modes", low=25),
    ),
    Preset(
        "techniques",
        "Improved Techniques, one by one",
        "Feature matching, minibatch discrimination, label smoothing and virtual batch norm steady "
        "the training.",
        {"data": "ring", "batch": 64, "steps": 2_000},
        "none of them",
        (
            Variant("feature matching", {"feature_matching": True}),
            Variant("minibatch discrimination", {"batch_layer": "discrimination"}),
            Variant("batch deviation", {"batch_layer": "deviation"}),
            Variant("label smoothing", {"smoothing": 0.1}),
            Variant("virtual batch norm", {"norm": "virtual"}),
            Variant("batch norm", {"norm": "batch"}),
            Variant("packing by four", {"pack": 4}),
            Variant("instance noise", {"instance_noise": 0.1}),
        ),
        ALL_EIGHT,
    ),
    Preset(
        "rivals",
        "The rivals on the same points",
        "Models that learn by likelihood train calmly, against no opponent.",
        {"data": "ring", "steps": 3_000},
        "GAN",
        (
            Variant("a VAE", {"learner": "vae", "rate_generator": 1e-3}),
            Variant("a diffusion model", {"learner": "diffusion", "rate_generator": 1e-3}),
        ),
        Judge("covered", low=8),
        at_first=2,
        also=("good", "upward", "calls a sample"),
    ),
    Preset(
        "sixty",
        "60 pictures only",
        "With little data the discriminator learns its pictures by heart.",
        {
            "data": "digits",
            "examples": 60,
            "objective": "non-saturating",
            "spectral": False,
            "r1": 0.05,
            "steps": 600,
        },
        "60 digits",
        (
            Variant("differentiable augmentation", {"augment": "always"}),
            Variant("adaptive augmentation", {"augment": "adaptive"}),
            Variant("pretrained on other digits", {"pretrain": 300, "steps": 900}),
            Variant(
                "pretrained, D's layers held still",
                {"pretrain": 300, "steps": 900, "frozen_layers": 2},
            ),
            Variant("all digits", {"examples": 0}),
        ),
        Judge("gap", high=0.5),
    ),
    Preset(
        "attention",
        "Attention sees far",
        "A convolution sees its neighbours; self-attention sees the whole picture.",
        {"data": "heads", "attention": True, "steps": 200},
        "with self-attention",
        (Variant("without attention", {"attention": False}),),
        Judge("far", low=0.2),
    ),
)
BY_NAME = {preset.name: preset for preset in PRESETS}


@cache
def measured() -> Mapping[str, Any]:
    """What five seeds gave: by preset and variant the last values of the judged number, a seed
    each, and how many runs were well.
    """
    return json.loads(MEASURED.read_text())
