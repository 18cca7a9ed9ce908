"""Where a file keeps a network: the words that programs put before the names of its tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

Value = TypeVar("Value")

OWN = "model"  # with it the names of CycleGAN, pix2pix and ESRGAN themselves begin
WRAPPERS = ("module", "_orig_mod")
DEEPEST = 5  # words before a name: state_dict.netG._orig_mod.module.
MOST_PLACES = 40  # that are looked at, the best first
AVERAGES = {"ema", "avg", "average", "averaged", "running", "smooth"}
GENERATORS = {"g", "gen", "generator", "netg"}
HOLDERS = {
    "state",
    "dict",
    "params",
    "param",
    "weights",
    "model",
    "net",
    "network",
    "module",
    "orig",
    "mod",
    "gan",
}
JUDGES = {"d", "disc", "discriminator", "critic", "netd", "loss", "losses", "criterion"}
TRAINERS = {
    "optimizer",
    "optimizers",
    "optim",
    "opt",
    "scheduler",
    "schedulers",
    "scaler",
    "callbacks",
    "loops",
    "rng",
}
# of two directions the one that is named first in papers
FORTH = {
    "a",
    "ab",
    "a2b",
    "x",
    "xy",
    "x2y",
}
BACK = {"b", "ba", "b2a", "y", "yx", "y2x"}
TOKEN = re.compile(r"[A-Za-z]2[A-Za-z]|[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|[^_-]")


def _tokens(word: str) -> set[str]:
    return {token.lower() for token in TOKEN.findall(word[:64])}


@lru_cache(maxsize=4096)
def rank(word: str) -> tuple[int, int, int] | None:
    """How good a place a file's part of this name is for a network that makes pictures, the smaller
    the better; None where a program keeps other things there.

    A running average is better than the last step of training, a generator better than what doesn't
    say.
    """
    tokens = _tokens(word)
    said = tokens - FORTH - BACK
    if not said or not said <= AVERAGES | GENERATORS | HOLDERS:
        return None
    direction = 2 if tokens & BACK else 1 if tokens & FORTH else 0
    return (not tokens & AVERAGES, not tokens & GENERATORS, direction)


@lru_cache(maxsize=4096)
def is_trainers(word: str) -> bool:
    """Is this what a training program keeps beside its generator: a discriminator, an optimizer and
    the like?
    """
    tokens = _tokens(word)
    other = tokens - FORTH - BACK - HOLDERS - GENERATORS - {"lr", "grad", "states"}
    return bool(other) and other <= JUDGES | TRAINERS


def unwrapped(name: str) -> str:
    """A tensor's name without what DataParallel and torch.compile put into it."""
    words = name.split(".", DEEPEST + 1)
    outer = next((n for n, word in enumerate(words[:-1]) if rank(word) is None), len(words) - 1)
    return ".".join([word for word in words[:outer] if word not in WRAPPERS] + words[outer:])


def places(names: Iterable[str], member: str | None = None) -> list[str]:
    """The prefixes before a network's own names that a file may have, the best first, "" last.

    With `member`, the name of one network of several, only those under that word.
    """
    found: dict[tuple[str, ...], None] = {(): None}
    for name in names:
        words: tuple[str, ...] = ()
        for word in name.split(".", DEEPEST + 1)[:-1][:DEEPEST]:
            if rank(word) is None and word != member:
                break
            words = (*words, word)
            found[words] = None
    chosen = sorted((words for words in found if member is None or member in words), key=_key)
    return ["".join(f"{word}." for word in words) for words in chosen[:MOST_PLACES]]


def _key(words: tuple[str, ...]) -> tuple:
    """What stands further inside comes first, for it says more; but not where that may be a
    network's own word.
    """
    return (*((2 if word == OWN else 0, *(rank(word) or ())) for word in words), (1,))


def inside(prefix: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values whose names begin with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in values.items() if name.startswith(prefix)}


def under(prefix: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values whose names begin with `prefix`, without it, and without what only training
    needs.
    """
    return {
        name: value
        for name, value in inside(prefix, values).items()
        if not ("." in name and is_trainers(name.split(".")[0]))
    }
