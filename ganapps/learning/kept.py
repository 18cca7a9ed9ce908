"""A trained generator as tensors that a file can keep, and back into a game to go on with."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganapps.learning.game import Game
from ganapps.learning.players import PictureGenerator
from ganapps.networks.faces.lab import LabGenerator, published

BATCHES, BATCH = 8, 64  # of noise, from which the kept network's norms are taken
SEED = 0


def kept(game: Game) -> dict[str, Tensor]:
    """The averaged generator's tensors as `networks/faces/lab.py` reads them.

    Its norms are counted anew: those of training belong to the weights before they were averaged.
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
    for layer in list(network.modules()):
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight")
    return published(network)


def going_on(network: LabGenerator) -> PictureGenerator:
    """A generator that learns on from what a file kept."""
    attention = any(stage.attention is not None for stage in network.stages)
    colours, finest = network.colours.weight.shape[:2]
    generator = PictureGenerator(network.z_dim, network.resolution, colours, 2 * finest, attention)
    state = published(network)
    with torch.no_grad():
        for name, value in state.items():
            place, _, leaf = name.rpartition(".")
            layer = generator.get_submodule(place)
            if parametrize.is_parametrized(layer, leaf):
                setattr(layer, leaf, value)
            else:
                getattr(layer, leaf).copy_(value)
    return generator
