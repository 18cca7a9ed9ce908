"""A trained game as tensors that a file can keep, and back into a game to go on with."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganapps.learning.game import Game
from ganapps.learning.players import PictureCritic, PictureGenerator
from ganapps.networks.faces.lab import CRITIC, LabGenerator, published

BATCHES, BATCH = 8, 64  # of noise, from which the kept network's norms are taken
SETTLING = 15  # looks at a spectral norm until it knows its weight
SEED = 0


def kept(game: Game) -> dict[str, Tensor]:
    """The averaged generator's tensors as `networks/faces/lab.py` reads them, and the critic's in
    16 bits.

    The generator's norms are counted anew: those of training belong to the weights before they were
    averaged.
    """
    network = copy.deepcopy(game.average)
    chance = torch.Generator().manual_seed(SEED)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean of all batches
    with torch.no_grad():
        for _ in range(BATCHES):
            network(torch.randn(BATCH, network.noise, generator=chance))
    critic = {CRITIC + name: value.half() for name, value in _plain(game.critic).items()}
    return _plain(network) | critic


def going_on(network: LabGenerator) -> PictureGenerator:
    """A generator that learns on from what a file kept."""
    colours, width, attention = _sizes(network)
    generator = PictureGenerator(network.z_dim, network.resolution, colours, width, attention)
    _fill(generator, published(network))
    return generator


def critic_going_on(
    network: LabGenerator, spectral: bool, batch_layer: str
) -> PictureCritic | None:
    """The critic that learns on from the same file; None where it keeps none of this batch layer.
    Spectral norm is free: a file keeps the weights that it left.
    """
    colours, width, attention = _sizes(network)
    critic = PictureCritic(
        network.resolution, colours, width, spectral, batch_layer, attention=attention
    )
    if _shapes(_plain(critic)) != _shapes(network.critic):
        return None
    _fill(critic, network.critic)
    return critic


def _sizes(network: LabGenerator) -> tuple[int, int, bool]:
    """Colours, width, and whether it has attention."""
    colours, finest = network.colours.weight.shape[:2]
    return colours, 2 * finest, any(stage.attention is not None for stage in network.stages)


def _plain(network: nn.Module) -> dict[str, Tensor]:
    """A network's tensors, each weight as its spectral norm leaves it."""
    network = copy.deepcopy(network).eval()
    state = published(network)
    plain = {name: value for name, value in state.items() if ".parametrizations." not in name}
    for place, layer in network.named_modules():
        if parametrize.is_parametrized(layer):
            plain[f"{place}.weight"] = layer.weight.detach().float().contiguous()
    return plain


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _fill(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy a state into a network; its spectral norms learn their new weights."""
    with torch.no_grad():
        for name, value in state.items():
            place, _, leaf = name.rpartition(".")
            layer = network.get_submodule(place)
            if not parametrize.is_parametrized(layer, leaf):
                getattr(layer, leaf).copy_(value)
                continue
            layer.get_parameter(f"parametrizations.{leaf}.original").copy_(value)
            for _ in range(SETTLING):
                getattr(layer, leaf)
