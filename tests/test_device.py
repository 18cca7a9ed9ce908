"""Where a network runs: its precision, its memory, and its title."""

from __future__ import annotations

import math
import sys

import pytest
import torch

from ganapps import device
from ganapps.device import Device, all_finite, out_of_memory, pick
from ganapps.errors import UserError


def test_precision_acts_only_inside_the_block() -> None:
    layer = torch.nn.Linear(4, 4)
    low = Device("cpu").with_precision("bfloat16")
    with low.computing():
        assert layer(torch.ones(1, 4)).dtype == torch.bfloat16 and torch.is_inference_mode_enabled()
    assert layer(torch.ones(1, 4)).dtype == torch.float32 and not torch.is_inference_mode_enabled()
    with Device("cpu").computing():
        assert layer(torch.ones(1, 4)).dtype == torch.float32


def test_auto_is_the_precision_that_always_works() -> None:
    assert Device("cpu", "bfloat16").with_precision("auto") == Device("cpu", "float32")
    with pytest.raises(
        UserError,
        match="^The precision int8 is unknown: accepted are auto, float32, bfloat16, float16.$",
    ):
        Device("cpu").with_precision("int8")


def test_auto_takes_what_the_network_allows_and_the_processor_is_quick_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for flags, allowed, expected in (
        (["avx2", "avx512_bf16"], ("bfloat16", "float16"), "bfloat16"),
        (["avx512_bf16"], (), "float32"),
        (["amx_bf16"], ("float16",), "float32"),
        (["avx2"], ("bfloat16",), "float32"),
    ):
        monkeypatch.setattr(device, "_flags", lambda flags=flags: flags)
        device.quick.cache_clear()
        assert Device("cpu").with_precision("auto", allowed).precision == expected
        assert Device("mps").with_precision("auto", allowed).precision == "float32"
        assert Device("cpu").with_precision("bfloat16").precision == "bfloat16", (
            "what a person asks for is done"
        )
    device.quick.cache_clear()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says")
def test_free_memory_is_what_the_machine_and_the_container_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert 50e6 < Device("cpu").free_memory() < 8e12
    monkeypatch.setattr(device, "_container_room", lambda: 123)
    assert Device("cpu").free_memory() == 123


def test_a_full_memory_is_told_from_a_bug() -> None:
    assert out_of_memory(
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:115] err == 0. DefaultCPUAllocator: can't allocate "
            "memory"
        )
    )
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**55)
    assert out_of_memory(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "MPS backend out of memory (MPS allocated: 5.60 GB, other allocations: 2.00 GB)",
    ],
)
def test_a_full_memory_is_known_by_what_libraries_say(text: str) -> None:
    assert out_of_memory(RuntimeError(text))
    assert not out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"))


def test_a_gpu_is_quick_in_what_its_generation_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    for capability, expected, tf32 in (
        ((6, 1), (), False),
        ((7, 5), ("float16",), False),
        ((8, 0), ("float16", "bfloat16"), True),
    ):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda name, c=capability: c)
        device.quick.cache_clear()
        assert device.quick("cuda:0") == expected
        assert Device("cuda:0").tf32 is tf32
        assert not Device("cuda:0", "float16").tf32 and not Device("cpu").tf32
    device.quick.cache_clear()


def test_what_torch_keeps_of_a_gpu_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda name: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda name: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda name: 300)
    assert Device("cuda:0").free_memory() == 1400
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 500)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 200)
    assert Device("mps").free_memory() == 300


def test_auto_finds_a_device_that_works() -> None:
    found = pick()
    assert torch.zeros(1, device=found.name).item() == 0 and found.title
    assert pick("cpu").title == "CPU"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_says_its_name_and_its_memory() -> None:
    gpu = pick("cuda")
    assert (
        gpu.title != "CUDA"
        and 0 < gpu.free_memory() <= torch.cuda.get_device_properties(0).total_memory
    )


@pytest.mark.parametrize(
    ("values", "finite"),
    [
        ([1.0, -2.0], True),
        ([1.0, math.nan], False),
        ([math.inf, 0.0], False),
        ([math.inf, -math.inf], False),
        ([3e38, 3e38], True),
    ],
)
def test_one_value_that_is_no_number_is_found_and_large_ones_are_numbers(values, finite):
    assert all_finite(torch.tensor(values)) is finite
    assert all_finite(torch.tensor(values).bfloat16()) is finite
