"""Strips against the whole picture: equal but for rounding, whatever is kept where; and bounded."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from test_networks_translate import CASES, animegan, built, made, picture, resnet
from torch import Tensor
from torch.nn import functional as F

from ganapps import networks
from ganapps.networks.translate import shared_statistics, winograd
from ganapps.networks.translate.layer import Layer
from ganapps.networks.translate.layered import Layered
from ganapps.networks.translate.sums import Sums

STRIP = 60_000  # bytes: about ten strips of the small pictures here
CASES_IN_STRIPS = [
    "resnet-9",
    "resnet-old-zero",
    "resnet-batch",
    "cut",
    "cut-down-only",
    "huggan",
    "course",
    "drawing",
    "animegan",
    "animegan-not-aligned",
    "stargan",
    "unet-128-batch",
]


def in_strips(network: Layered, x: Tensor, condition: Tensor | None = None, **more: int) -> Tensor:
    """The result of `in_strips`, run to its end; the count of strips only grows, and ends at the
    announced total.
    """
    work, progress = network.in_strips(x, condition, **{"strip": STRIP} | more), []
    with torch.inference_mode():
        while True:
            try:
                progress.append(next(work))
            except StopIteration as end:
                assert [done for done, _ in progress] == list(range(1, progress[-1][1] + 1))
                return end.value


@pytest.mark.parametrize("room", [1 << 30, 200_000, 0], ids=["in-memory", "partly", "in-files"])
@pytest.mark.parametrize("case", CASES_IN_STRIPS)
def test_strips_equal_the_whole(case: str, room: int) -> None:
    network, condition = built(case), CASES[case][4]
    sides = (204, 60) if network.multiple <= 4 else (3 * network.multiple, network.multiple)
    x = picture(*sides, *network.value_range[:1])
    with torch.inference_mode():
        whole = network(x, condition)
    y = in_strips(network, x, condition, room=room)
    assert y.shape == whole.shape and (y - whole).abs().max() < 1e-4 < 1 / 255


def test_tiles_by_themselves_would_differ() -> None:
    """What all this is for: a network with instance norm gives other colours where it sees a
    part.
    """
    network = built("resnet-9")
    x = picture(64, 64)
    x[:, :, 32:] *= 0.2
    with torch.inference_mode():
        apart = torch.cat([network(x[:, :, :32]), network(x[:, :, 32:])], dim=2)
        assert (apart - network(x)).abs().mean() > 10 / 255
    assert (in_strips(network, x) - network(x)).abs().max() < 1e-4


def test_dropout_and_labels_are_the_same_in_strips() -> None:
    network, x = built("unet-128-batch"), picture(384, 128)
    assert (in_strips(network, x, seed=3) - network(x, seed=3)).abs().max() < 1e-4
    assert (in_strips(network, x, seed=3) - network(x)).abs().max() > 1e-2


def test_stopping_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    work = built("resnet-9").in_strips(picture(64, 64), strip=STRIP, room=0)
    with torch.inference_mode():
        for _ in range(40):
            next(work)
    work.close()
    del work
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        in_strips(built("resnet-9"), picture(64, 64), room=0)


def test_memory_is_bounded_whatever_the_height(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the height, in files: what is held in memory at once stays the same."""
    network = networks.build("cyclegan", made(resnet(8, 2)), {})
    peaks = []
    for height in (400, 800):
        sizes: list[int] = []
        raw = shared_statistics._Run.raw
        monkeypatch.setattr(
            shared_statistics._Run,
            "raw",
            lambda run, *a, raw=raw, sizes=sizes: sizes.append((y := raw(run, *a)).numel()) or y,
        )
        in_strips(network, picture(height, 40), room=0)
        monkeypatch.setattr(shared_statistics._Run, "raw", raw)
        peaks.append(max(sizes))
    assert peaks[1] <= 1.1 * peaks[0]


def test_twelve_megapixels_fit_into_two_gigabytes() -> None:
    """By arithmetic: the room for layers, the picture and its result in float32, and five strips of
    the widest layer.
    """
    network = networks.build("animegan", made(animegan()), {})
    work = shared_statistics._Run(
        network,
        torch.empty(1, 3, 3000, 4000, device="meta"),
        None,
        shared_statistics.ROOM,
        shared_statistics.STRIP,
        None,
    )
    widest = max(
        4 * work.sizes[n][0] * work.sizes[n][2] * (last - first)
        for n in work.steps()
        for first, last in work.strips(n)[:1]
    )
    assert shared_statistics.ROOM + 2 * 4 * 3 * 12_000_000 + 5 * widest < 2_000_000_000
    assert network.memory(3000, 4000) > 10_000_000_000, "whole, it would take this much"


def test_sums_of_pieces_are_those_of_the_whole() -> None:
    x = (
        torch.randn(1, 5, 300, 70, generator=torch.Generator().manual_seed(1)) * 0.01
        + torch.tensor([0.0, 1, 10, 100, -1000])[:, None, None]
    )
    sums = Sums()
    for piece in x.split(7, dim=2):
        sums.gather(piece)
    mean, variance = x.double().mean((0, 2, 3)), x.double().var((0, 2, 3), correction=0)
    assert torch.allclose(sums.mean, mean, rtol=1e-6, atol=1e-6)
    assert torch.allclose(sums.variance[:4], variance[:4], rtol=1e-3) and sums.count == 300 * 70


def from_file() -> Tensor:
    kept = shared_statistics.Rows((6, 8, 10), in_memory=False)
    kept.write(0, torch.zeros(1, 6, 8, 10))
    return kept.read(2, 6)


@pytest.mark.parametrize(
    "made",
    [
        lambda: shared_statistics.Rows((6, 8, 10), in_memory=True).read(2, 6),
        from_file,
        lambda: winograd.convolve(
            torch.zeros(1, 4, 10, 10).to(memory_format=torch.channels_last),
            winograd.transform(torch.zeros(6, 4, 3, 3)),
        ),
        lambda: Layer(sources=[-1], resize="corners").raw(
            torch.zeros(1, 6, 8, 10).to(memory_format=torch.channels_last), 0, 2, 8, 8
        ),
    ],
    ids=["memory", "file", "winograd", "corners"],
)
def test_rows_say_that_their_channels_are_last(made: Callable[[], Tensor]) -> None:
    """Or padding copies them into another order, which took a third of the time."""
    assert F.pad(made(), (1, 1, 0, 0), mode="reflect").stride()[1] == 1
