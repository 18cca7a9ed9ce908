"""Every network says all that its kind asks, and nobody guesses what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from test_wrapped import FILES

from ganapps import networks
from ganapps.networks import contracts
from ganapps.networks.contracts import (
    Colouriser,
    DamageFinder,
    Denoiser,
    FaceGenerator,
    FaceRestorer,
    Inpainter,
    Network,
    NoisyUpscaler,
    PicturePrior,
    StyleGenerator,
    TextDenoiser,
    Translator,
    TwinUpscaler,
    Upscaler,
)
from ganapps.networks.upscale import interpolated
from tests import spandrel_files, upscaler_files

PACKAGE = Path(contracts.__file__).parents[1]
KINDS: dict[str, tuple[type[Network], ...]] = {
    "faces": (FaceGenerator,),
    "translate": (Translator,),
    "upscale": (Upscaler,),
    "repair": (Inpainter, PicturePrior, DamageFinder, FaceRestorer, Colouriser, Upscaler),
    "diffusion": (Denoiser, TextDenoiser, NoisyUpscaler),
}
# Rooms that meet networks as whatever they say they are, or know only the names of rows.
GUESSLESS = ("tasks", "ui", "race", "engine", "models/runtime.py")


def facts(network: Network) -> Iterator[str]:
    """The names of all that the contracts of a network's class ask of it."""
    for kind in type(network).__mro__:
        if kind.__module__ == contracts.__name__:
            yield from kind.__annotations__


@cache
def built(name: str) -> Network:
    """The network of one of the files."""
    network_name, file = FILES[name]
    return networks.build(network_name, *file())


@pytest.mark.parametrize("name", FILES)
def test_a_network_says_all_that_its_kind_asks(name: str) -> None:
    network_name, network = FILES[name][0], built(name)
    room = next(room for room, names in networks.ROOMS.items() if network_name in names)
    assert isinstance(network, KINDS[room])
    silent = [fact for fact in facts(network) if not hasattr(network, fact)]
    assert not silent, f"{name} does not say {silent}"
    if isinstance(network, FaceGenerator):
        assert isinstance(network, StyleGenerator) == (network.num_ws > 0)


def test_what_can_be_set_on_a_network_is_there_to_set() -> None:
    for name, (network_name, _) in FILES.items():
        controls = networks.CONTROLS.get(network_name, ())
        network = built(name)
        assert ("denoise" in controls) == isinstance(network, TwinUpscaler), name
        styles = isinstance(network, Translator) and network.styles > 0
        assert ("style" in controls) == styles, name
        face = isinstance(network, Translator) and network.label_dim > 0 and not styles
        assert ("face" in controls) == face, name
    assert issubclass(interpolated.Interpolated, TwinUpscaler)
    assert networks.CONTROLS["interpolated"] == ("denoise",)


def test_twins_say_what_both_say() -> None:
    one = upscaler_files.Compact().state_dict()
    tensors = {f"{side}.{name}": tensor for side in ("a", "b") for name, tensor in one.items()}
    twins = networks.build("interpolated", tensors, {"denoising": "a", "faithful": "b"})
    alone = networks.build("upscalers", one, {})
    assert {fact: getattr(twins, fact) for fact in facts(twins)} == {
        fact: getattr(alone, fact) for fact in facts(alone)
    }


def test_there_is_one_source_of_what_span_says() -> None:
    spandrels = networks.build("upscalers", spandrel_files.module("SPAN").state_dict(), {})
    ours = networks.build("span", upscaler_files.SPAN().state_dict(), {})
    for fact in ("reach", "tile", "memory", "multiple", "minimum", "step", "draws"):
        assert getattr(spandrels, fact) == getattr(ours, fact), fact


def guesses(source: str) -> Iterator[int]:
    """The lines that ask a network by hasattr or getattr, or compare the name of one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            asked = ast.unparse(node.args[0]) if node.args else ""
            if node.func.id in ("hasattr", "getattr") and "network" in asked:
                yield node.lineno
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            named = any(ast.unparse(side).rpartition(".")[2] == "network" for side in sides)
            told = any(
                isinstance(part, ast.Constant) and type(part.value) is str
                for side in sides
                for part in ast.walk(side)
            )
            if named and told:
                yield node.lineno


def test_nobody_guesses_what_a_network_is() -> None:
    found = []
    for place in GUESSLESS:
        files = [PACKAGE / place] if place.endswith(".py") else (PACKAGE / place).rglob("*.py")
        for file in files:
            lines = guesses(file.read_text(encoding="utf-8"))
            found += [f"{file.relative_to(PACKAGE)}:{line}" for line in lines]
    assert not found, f"these guess: {found}"


@pytest.mark.parametrize(
    "line",
    [
        'hasattr(network, "read")',
        'getattr(ready.network, "precisions", ())',
        'row.network == "stargan"',
        'network in ("stargan", "styles26")',
    ],
)
def test_a_guess_is_seen(line: str) -> None:
    assert list(guesses(line)) == [1]
