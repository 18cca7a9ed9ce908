"""How well translators and upscalers do on the photographs that were held back.

python -m ganapps.training.measure_photographs --data DIR --translators FOLDER python -m
ganapps.training.measure_photographs --data DIR --upscalers weights/srgan-x4-ours.safetensors
weights/spanx4.safetensors

A translator meets the true pair that its training never saw: the held-back photograph, painted by
the network that painted the training's paintings. An upscaler meets the photograph itself, shrunk
by bicubic or through the camera chain. With `--sheet PNG` the middles of the first eight are drawn
below each other, as given, as made, as they should be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.tasks import figures
from ganapps.training import cyclegan, loop, srresnet
from ganapps.training.photographs import load, shrink

# pixels: short side of a translated photograph; of the cells whose mean colours are compared
SIDE, CELL = (
    256,
    8,
)
LARGE = 384  # short side of the true large picture
COLUMNS, MIDDLE = 8, 144  # of a sheet: pictures, pixels of each

Enlarge = Callable[[np.ndarray], np.ndarray]


def translators(
    photographs: Sequence[np.ndarray],
    paintings: Sequence[np.ndarray],
    a2b: nn.Module,
    b2a: nn.Module,
) -> dict[str, float]:
    """True pairs uint8 [H, W, 3] of equal sizes, multiples of 8; mean differences in levels of 255.

    `photo to painting` and `painting to photo` against the hidden truth, beside doing `nothing`,
    all pixels and as `colours` (means of 8 x 8 pixels); `cycle` there and back from a photograph
    and from a painting.
    """
    rows = [
        _pair(cyclegan.to_tensor(photo[None]), cyclegan.to_tensor(painting[None]), a2b, b2a)
        for photo, painting in zip(photographs, paintings, strict=True)
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def upscalers(
    large: Sequence[np.ndarray], small: Sequence[np.ndarray], enlarge: Enlarge
) -> dict[str, float]:
    """Pictures uint8 [4 H, 4 W, 3] and [H, W, 3]: means of `psnr_db`, `ssim` against the truth and
    `consistency_db` with what was given.
    """
    made = [enlarge(x) for x in small]
    rows = [
        figures.against_truth(m, truth) | {"consistency_db": figures.consistency(m, x).db}
        for m, truth, x in zip(made, large, small)
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def bicubic(small: np.ndarray) -> np.ndarray:
    """The baseline: [H, W, 3] -> [4 H, 4 W, 3]."""
    height, width = small.shape[:2]
    return np.asarray(
        Image.fromarray(small).resize((4 * width, 4 * height), Image.Resampling.BICUBIC)
    )


def from_file(path: Path) -> Enlarge:
    """An upscaler of any kind the app knows, from a safetensors file."""
    network = network_of(path)

    def enlarge(small: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return loop.to_bytes(network(cyclegan.to_tensor(small[None]) / 2 + 0.5) * 2 - 1)[
                0
            ].transpose(1, 2, 0)

    return enlarge


def held_back(folder: Path, side: int, multiple: int) -> list[np.ndarray]:
    """The held-back photographs with this short side, cut to a multiple of so many pixels."""
    pictures = [shrink(p.pixels, side) for p in load(folder, "held-back")]
    return [
        x[: x.shape[0] // multiple * multiple, : x.shape[1] // multiple * multiple]
        for x in pictures
    ]


def network_of(path: Path) -> nn.Module:
    """The network in a safetensors file, of whatever kind the app recognises; ValueError where it
    is none.
    """
    tensors = load_file(path)
    name = networks.recognise({key: tuple(tensor.shape) for key, tensor in tensors.items()})
    if name is None:
        raise ValueError(f"{path.name} holds no network that the app knows")
    return networks.build(name, {key: tensor.float() for key, tensor in tensors.items()}, {})


@torch.no_grad()
def _pair(photo: Tensor, painting: Tensor, a2b: nn.Module, b2a: nn.Module) -> dict[str, float]:
    painted, plain = a2b(photo), b2a(painting)
    row: dict[str, float] = {}
    for name, made, truth, start in (
        ("photo to painting", painted, painting, photo),
        ("painting to photo", plain, photo, painting),
    ):
        row |= {
            name: _apart(made, truth),
            f"{name}, colours": _apart(_cells(made), _cells(truth)),
            f"{name}, nothing": _apart(start, truth),
            f"{name}, colours, nothing": _apart(_cells(start), _cells(truth)),
        }
    return row | {
        "cycle of a photo": _apart(b2a(painted), photo),
        "cycle of a painting": _apart(a2b(plain), painting),
    }


def _apart(made: Tensor, truth: Tensor) -> float:
    return float((made - truth).abs().mean() * 127.5)


def _cells(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, CELL)


def made_small(large: np.ndarray, through: Callable[[Tensor], Tensor]) -> np.ndarray:
    """uint8 [4 H, 4 W, 3] -> [H, W, 3], shrunk by one of `ganapps.training.srresnet`, always with
    the same chance.
    """
    torch.manual_seed(0)
    return (
        (through(torch.from_numpy(large.copy()).permute(2, 0, 1).float() / 255) * 255)
        .round()
        .byte()
        .permute(1, 2, 0)
        .numpy()
    )


def painted_rows(
    photographs: Sequence[np.ndarray],
    paintings: Sequence[np.ndarray],
    a2b: nn.Module,
    b2a: nn.Module,
) -> list[list[np.ndarray]]:
    """Photographs, painted, and back; the true paintings, and those as photographs."""
    rows: list[list[np.ndarray]] = [[] for _ in range(5)]
    with torch.no_grad():
        for photo, painting in zip(photographs, paintings):
            painted = a2b(cyclegan.to_tensor(photo[None]))
            for row, made in (
                (1, painted),
                (2, b2a(painted)),
                (4, b2a(cyclegan.to_tensor(painting[None]))),
            ):
                rows[row].append(loop.to_bytes(made)[0].transpose(1, 2, 0))
            rows[0].append(photo)
            rows[3].append(painting)
    return rows


def draw(rows: Sequence[Sequence[np.ndarray]], path: Path) -> None:
    """The middles of pictures uint8 [H, W, 3] in rows, as a PNG of 256 colours; no side below
    144.
    """

    def middle(x: np.ndarray) -> np.ndarray:
        y, x0 = ((side - MIDDLE) // 2 for side in x.shape[:2])
        return x[y : y + MIDDLE, x0 : x0 + MIDDLE]

    grid = np.concatenate(
        [np.concatenate([middle(x) for x in row[:COLUMNS]], axis=1) for row in rows]
    )
    Image.fromarray(grid).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def _say(title: str, found: dict[str, float]) -> None:
    print(
        title + "  " + "  ".join(f"{name} {number:.3f}" for name, number in found.items()),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure translators or upscalers on the photographs that were held back."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--translators",
        type=Path,
        help="folder of the pair's two files, as ganapps.training.cyclegan names them",
    )
    parser.add_argument(
        "--upscalers",
        type=Path,
        nargs="*",
        default=[],
        help="safetensors files; bicubic is measured beside them",
    )
    parser.add_argument("--sheet", type=Path, help="a PNG of what they make")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.translators:
        photographs = held_back(chosen.data, SIDE, 8)
        pair = [
            network_of(chosen.translators / f"{name}.safetensors")
            for name in cyclegan.FILES.values()
        ]
        paintings = cyclegan.paint(photographs)
        _say("", translators(photographs, paintings, *pair))
        if chosen.sheet:
            draw(painted_rows(photographs[:COLUMNS], paintings, *pair), chosen.sheet)
    if chosen.upscalers:
        large, all_rows = held_back(chosen.data, LARGE, 4), []
        every = {"bicubic": bicubic, **{path.stem: from_file(path) for path in chosen.upscalers}}
        for damage in (srresnet.shrunk, srresnet.camera):
            small = [made_small(x, damage) for x in large]
            for title, enlarge in every.items():
                _say(f"{damage.__name__:7} {title:22}", upscalers(large, small, enlarge))
            all_rows += [[enlarge(x) for x in small[:COLUMNS]] for enlarge in every.values()]
        if chosen.sheet:
            draw([*all_rows, large], chosen.sheet)


if __name__ == "__main__":
    main()
