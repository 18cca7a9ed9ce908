"""Windows cover a picture, their weights add up to one, and the blended result is the untiled
one.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ganapps.tasks import tiles


@settings(deadline=None, max_examples=150)
@given(
    length=st.integers(1, 700),
    tile=st.integers(8, 256),
    overlap=st.integers(0, 90),
    multiple=st.sampled_from([1, 2, 4, 8]),
    scale=st.integers(1, 3),
)
def test_windows_cover_all_and_their_weights_add_up_to_one(
    length: int, tile: int, overlap: int, multiple: int, scale: int
) -> None:
    axis = tiles.axis(length, tile, overlap, multiple)
    assert (
        axis.side <= max(tile, multiple)
        and axis.side % multiple == 0
        and all(s % multiple == 0 for s in axis.starts)
    )
    assert axis.starts[0] == 0 and axis.starts[-1] + axis.side >= length > axis.starts[-1]
    total = torch.zeros((axis.starts[-1] + axis.side) * scale)
    for start, weight in zip(axis.starts, axis.weights(scale)):
        assert len(weight) == axis.side * scale and weight.min() >= 0
        total[start * scale : (start + axis.side) * scale] += weight
    assert (total - 1).abs().max() < 1e-6
    shared = [before + axis.side - after for before, after in zip(axis.starts, axis.starts[1:])]
    asked = min(-(-overlap // multiple), tile // multiple // 2) * multiple
    assert all(s >= asked for s in shared), "neighbours share at least what was asked for"


@settings(deadline=None, max_examples=150)
@given(
    length=st.integers(1, 900),
    tile=st.integers(16, 256),
    overlap=st.integers(0, 90),
    multiple=st.sampled_from([1, 2, 8, 7]),
    step=st.sampled_from([1, 2, 8, 16, 64, 7]),
)
def test_windows_begin_where_a_network_sees_alike(
    length: int, tile: int, overlap: int, multiple: int, step: int
) -> None:
    axis = tiles.axis(length, tile, overlap, multiple, step)
    assert axis.side <= max(tile, multiple) and axis.side % multiple == 0
    assert axis.starts[0] == 0 and len(set(axis.starts)) == len(axis.starts)
    whole = -(-length // multiple) * multiple
    assert axis.starts[-1] + axis.side == whole, "the last one ends with the picture"
    most = tile // multiple
    asked = min(-(-overlap // multiple), most // 2)
    assert all(b + axis.side - a >= asked * multiple for b, a in zip(axis.starts, axis.starts[1:]))
    aligned = math.lcm(multiple, step)
    if 2 * aligned // multiple - 1 <= most - asked:
        assert all(start % aligned == 0 for start in axis.starts)


def test_no_window_more_than_needed() -> None:
    assert tiles.axis(1024, 640, 112).starts == (0, 456) and tiles.axis(1024, 640, 112).side == 568
    assert tiles.axis(640, 640, 112) == tiles.Axis(640, 640, (0,))
    assert tiles.grid(300, 100, 128, 32).count == 3


def test_what_a_window_makes_near_its_edges_counts_for_nothing() -> None:
    axis = tiles.axis(1024, 640, 112)
    first, second = axis.weights(4)
    assert (
        first[-(112 // 2 - tiles.RAMP) * 4 :].max() == 0
        and second[: (112 // 2 - tiles.RAMP) * 4].max() == 0
    )
    assert first[: 456 * 4].min() == 1 and axis.borders == (512.0,)


def test_a_window_that_stands_out_is_filled_with_the_mirror_image() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    assert np.array_equal(tiles.window(pixels, 1, 1, 2, 3), pixels[1:, 1:])
    assert tiles.window(pixels, 0, 2, 3, 4)[0, :, 0].tolist() == [2, 3, 2, 3]
    assert tiles.window(pixels[:1, :1], 0, 0, 3, 5).ravel().tolist() == [0] * 15, (
        "one pixel can be any size"
    )


@pytest.mark.parametrize(
    ("height", "width", "channels", "kind"),
    [(1, 1, 1, np.uint8), (57, 103, 3, np.uint8), (140, 90, 4, np.uint16), (200, 30, 2, np.uint8)],
)
def test_a_canvas_holds_what_the_windows_say(
    height: int, width: int, channels: int, kind: type
) -> None:
    pixels = (
        np.random.default_rng(0)
        .integers(0, np.iinfo(kind).max + 1, (height, width, channels))
        .astype(kind)
    )
    layout = tiles.grid(height, width, 40, 12, 4)
    canvas, finished = tiles.Canvas(layout, 2, channels, kind), []
    for row, top in enumerate(layout.rows.starts):
        for column, left in enumerate(layout.columns.starts):
            window = (
                tiles.window(pixels, top, left, layout.rows.side, layout.columns.side).astype(
                    np.float32
                )
                / np.iinfo(kind).max
            )
            canvas.add(
                row,
                column,
                F.interpolate(
                    torch.from_numpy(window.transpose(2, 0, 1))[None],
                    scale_factor=2,
                    mode="nearest",
                )[0],
            )
        canvas.finish(row)
        finished.append(canvas.finished)
        below = canvas.pixels[canvas.finished :]
        assert not below.any(), "what is not finished is not begun"
    assert finished == sorted(finished) and finished[-1] == 2 * height
    difference = np.abs(
        canvas.pixels.astype(int) - pixels.repeat(2, 0).repeat(2, 1).astype(int)
    ).max()
    assert difference <= (0 if kind == np.uint8 else 1)


def test_parts_of_a_window_make_it_whole() -> None:
    y = torch.rand(3, 90, 70, generator=torch.Generator().manual_seed(0))
    layout = tiles.grid(90, 70, 32, 8)
    padded = F.pad(y, (0, 40, 0, 40))
    parts = [
        padded[:, top : top + layout.rows.side, left : left + layout.columns.side]
        for top in layout.rows.starts
        for left in layout.columns.starts
    ]
    assert (tiles.whole(layout, 1, parts) - y).abs().max() < 1e-6


def test_a_canvas_takes_no_more_than_its_integers_and_one_row_of_windows() -> None:
    low, high = (
        tiles.Canvas(tiles.grid(height, 300, 64, 16), 4, 3, np.uint8) for height in (200, 4000)
    )
    assert low._band.numel() == pytest.approx(high._band.numel(), rel=0.2)
