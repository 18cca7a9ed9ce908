"""What a GPU takes, line by line of benchmarks/gpu.py: whole runs, bare calls of networks, and what
might make them quicker.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faces  # beside this file
import torch
from torch import Tensor

from ganapps.device import PRECISIONS, Device
from ganapps.engine import Engine
from ganapps.models import hub
from ganapps.networks import build
from ganapps.pictures import images
from ganapps.recipe import Recipe

Line = tuple[str, Callable[[], tuple[str, bool]]]
PRODUCT = 8192  # rows of the matrices whose product says what the card can do


def lines(gpu: Engine, folder: Path, small: bool, picture: Callable[[int], str]) -> Iterator[Line]:
    """`picture(side)` is the path of one with that side."""
    side = 96 if small else 1024
    for model in ("spanx4",) if small else ("spanx4", "realesrgan-x4plus"):
        for asked in ("float32", "auto"):
            yield (
                f"{model} {side} px {asked}",
                lambda model=model, asked=asked: enlarged(gpu, model, side, asked, picture, small),
            )
    size = "heads-64" if small else "stylegan2-1024"
    for count in (1, 8):
        yield f"{size} {count}", lambda count=count: drawn(gpu.runtime.device, size, count)
    yield f"PNGs of {size}", lambda: written(folder, faces.STYLE2[size].resolution)
    yield "heads-ddpm-64, a step", lambda: step(gpu)
    if gpu.runtime.device.name.startswith("cuda"):
        yield "heads-ddpm-64, cudnn.benchmark", lambda: trying_algorithms(gpu)
        yield "heads-ddpm-64, CUDA graph", lambda: replayed(gpu)


def enlarged(
    gpu: Engine, model: str, side: int, asked: str, picture: Callable[[int], str], small: bool
) -> tuple[str, bool]:
    """Seconds charged, waited, and of a bare call; and the share of what the card can do."""
    device, photo = gpu.runtime.device, picture(side)
    recipe = Recipe("upscale", model, {"inspect": False}, asked)
    list(gpu.run(recipe, [photo]))
    began = time.perf_counter()
    report = list(gpu.run(recipe, [photo]))[-1].report
    waited = time.perf_counter() - began
    flops = list(gpu.run(recipe, [photo], rehearsal="both"))[-1].report.flops or 0
    network = _network(gpu, model)
    x = torch.rand(1, 3, side, side, device=device.name).contiguous(
        memory_format=torch.channels_last
    )
    call = bare(device.with_precision(report.precision), lambda: network(x))
    most = peak(device.name, report.precision, 512 if small else PRODUCT)
    found = f"{report.precision}: {1e3 * report.seconds:.0f} ms charged, {1e3 * waited:.0f} waited"
    found += f", {1e3 * call:.0f} bare in one piece; {flops / report.seconds / most:.0%} of peak"
    return found, True


def drawn(device: Device, size: str, count: int) -> tuple[str, bool]:
    """A bare call of a StyleGAN2 with random weights, in each precision."""
    state = faces.stylegan2_state(faces.STYLE2[size])
    network: Any = build("stylegan2", state, {"conv_clamp": faces.CLAMP}).to(device.name)
    ws = torch.randn(count, network.num_ws, network.w_avg.shape[0], device=device.name)
    return _each_precision(device, lambda: network.synthesis(ws)), True


def written(folder: Path, side: int) -> tuple[str, bool]:
    """Eight PNGs of random pictures, one after the other and at once: as files, no network."""
    rough = torch.rand(8, 3, side // 8, side // 8)
    made = images.from_tensor(torch.nn.functional.interpolate(rough, side, mode="bilinear"), (0, 1))
    recipe = Recipe("faces", "heads-64")

    def write(number: int) -> None:
        images.save_png(made[number], folder / f"{number}.png", recipe)

    began = time.perf_counter()
    for number in range(len(made)):
        write(number)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(len(made))))
    at_once = time.perf_counter() - began
    return f"8: {1e3 * alone:.0f} ms, in a pool of threads {1e3 * at_once:.0f} ms", True


def step(gpu: Engine) -> tuple[str, bool]:
    """A bare call of a diffusion model, in each precision."""
    return _each_precision(gpu.runtime.device, _denoising(gpu)), True


def trying_algorithms(gpu: Engine) -> tuple[str, bool]:
    """The same in float32, cuDNN having tried which of its algorithms is the quickest."""
    torch.backends.cudnn.benchmark = True
    try:
        seconds = bare(gpu.runtime.device, _denoising(gpu))
    finally:
        torch.backends.cudnn.benchmark = False
    return f"{1e3 * seconds:.2f} ms", True


def replayed(gpu: Engine) -> tuple[str, bool]:
    """The same in float32, captured once and replayed."""
    call = _denoising(gpu)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.inference_mode():
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph):
        call()
    return f"{1e3 * bare(gpu.runtime.device, graph.replay):.2f} ms", True


def peak(device: str, precision: str, size: int) -> float:
    """Operations a second that a product of two large matrices reaches, rounded to TF32 where
    convolutions are.
    """
    x = torch.randn(size, size, device=device, dtype=PRECISIONS[precision])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        return 2 * size**3 / bare(Device(device), lambda: x @ x)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


def bare(device: Device, call: Callable[[], object], times: int = 5) -> float:
    """Seconds of a call in the device's precision, the median of some, the device idle before and
    after.
    """

    def finish() -> None:
        if device.name.startswith("cuda"):
            torch.cuda.synchronize()

    taken = []
    for number in range(times + 2):
        finish()
        began = time.perf_counter()
        with device.computing():
            call()
        finish()
        if number >= 2:  # the first ones choose kernels
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _each_precision(device: Device, call: Callable[[], Tensor]) -> str:
    known = PRECISIONS if device.name.startswith("cuda") else ("float32",)
    each = [(name, bare(device.with_precision(name), call)) for name in known]
    return ", ".join(f"{name} {1e3 * seconds:.2f} ms" for name, seconds in each)


def _denoising(gpu: Engine) -> Callable[[], Tensor]:
    network, device = _network(gpu, "heads-ddpm-64"), gpu.runtime.device.name
    x, t = torch.randn(1, *network.shape, device=device), torch.tensor(500, device=device)
    return lambda: network(x, t)


def _network(gpu: Engine, model: str) -> Any:
    row = gpu.models.row(model)
    found = hub.here(row) if row else None
    assert row is not None and found is not None, "these ship"
    return gpu.runtime.network(row, found).network
