"""Files that hold no generator are called what they are, with what to bring instead."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganapps import networks
from ganapps.device import Device
from ganapps.errors import WeightsError
from ganapps.models.catalog import WEIGHTS
from ganapps.models.formats import read
from ganapps.models.runtime import Runtime

Shapes = dict[str, tuple[int, ...]]


def convolutions(names: list[str], widths: list[int], kernel: int, norms: bool = False) -> Shapes:
    """Convolutions one after another, each but the first and the last with a batch norm behind
    it.
    """
    shapes: Shapes = {}
    for number, (name, inputs, outputs) in enumerate(zip(names, widths, widths[1:], strict=False)):
        shapes[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
        if norms and 0 < number < len(names) - 1:
            place, _, index = name.rpartition(".")
            norm = f"{place}.{int(index) + 1}"
            shapes |= {
                f"{norm}.{leaf}": (outputs,)
                for leaf in ("weight", "bias", "running_mean", "running_var")
            }
    return shapes


def dcgan() -> Shapes:
    """PyTorch's tutorial."""
    return convolutions(
        [f"main.{n}" for n in (0, 2, 5, 8, 11)], [3, 8, 16, 32, 64, 1], 4, norms=True
    )


def patches() -> Shapes:
    """CycleGAN's and pix2pix's."""
    shapes = convolutions([f"model.{n}" for n in (0, 2, 5, 8, 11)], [3, 8, 16, 32, 64, 1], 4)
    return shapes | {name.replace("weight", "bias"): shape[:1] for name, shape in shapes.items()}


def conditional_patches() -> Shapes:
    """pix2pix's, which sees sketch and picture together."""
    return convolutions(
        [f"model.{n}" for n in (0, 2, 5, 8, 11)], [6, 8, 16, 32, 64, 1], 4, norms=True
    )


def stylegan2(labels: int = 0) -> Shapes:
    """NVIDIA's, with residuals."""
    shapes: Shapes = {"b16.fromrgb.weight": (8, 3, 1, 1), "b16.fromrgb.bias": (8,)}
    for side in (16, 8):
        shapes |= {f"b{side}.conv0.weight": (8, 8, 3, 3), f"b{side}.conv0.bias": (8,)}
        shapes |= {
            f"b{side}.conv1.weight": (8, 8, 3, 3),
            f"b{side}.conv1.bias": (8,),
            f"b{side}.skip.weight": (8, 8, 1, 1),
        }
        shapes |= {f"b{side}.conv1.resample_filter": (4, 4)}
    shapes |= {
        "b4.conv.weight": (8, 9, 3, 3),
        "b4.conv.bias": (8,),
        "b4.fc.weight": (8, 128),
        "b4.fc.bias": (8,),
    }
    shapes |= {"mapping.embed.weight": (6, labels), "mapping.fc0.weight": (6, 6)} if labels else {}
    return shapes | {"b4.out.weight": (6 if labels else 1, 8), "b4.out.bias": (6 if labels else 1,)}


def rosinality() -> Shapes:
    shapes: Shapes = {"convs.0.0.weight": (8, 3, 1, 1), "convs.0.1.bias": (8,)}
    for number in (1, 2):
        here = f"convs.{number}"
        shapes |= {f"{here}.conv1.0.weight": (8, 8, 3, 3), f"{here}.conv1.1.bias": (8,)}
        shapes |= {
            f"{here}.conv2.0.kernel": (4, 4),
            f"{here}.conv2.1.weight": (8, 8, 3, 3),
            f"{here}.conv2.2.bias": (8,),
        }
        shapes |= {f"{here}.skip.0.kernel": (4, 4), f"{here}.skip.1.weight": (8, 8, 1, 1)}
    shapes |= {"final_conv.0.weight": (8, 9, 3, 3), "final_conv.1.bias": (8,)}
    return shapes | {
        "final_linear.0.weight": (8, 128),
        "final_linear.0.bias": (8,),
        "final_linear.1.weight": (1, 8),
    }


def vgg() -> Shapes:
    """BasicSR's for ESRGAN."""
    shapes: Shapes = {
        "conv0_0.weight": (8, 3, 3, 3),
        "conv0_0.bias": (8,),
        "conv0_1.weight": (8, 8, 4, 4),
    }
    for number in (1, 2, 3, 4):
        shapes |= {f"conv{number}_0.weight": (8, 8, 3, 3), f"conv{number}_1.weight": (8, 8, 4, 4)}
        shapes |= {
            f"bn{number}_0.{leaf}": (8,)
            for leaf in ("weight", "bias", "running_mean", "running_var")
        }
    return shapes | {
        "linear1.weight": (100, 128),
        "linear1.bias": (100,),
        "linear2.weight": (1, 100),
        "linear2.bias": (1,),
    }


def unet() -> Shapes:
    """Real-ESRGAN's, with spectral norms."""
    shapes: Shapes = {
        "conv0.weight": (8, 3, 3, 3),
        "conv0.bias": (8,),
        "conv9.weight": (1, 8, 3, 3),
        "conv9.bias": (1,),
    }
    for number in range(1, 9):
        shapes |= {
            f"conv{number}.weight_orig": (8, 8, 3, 3),
            f"conv{number}.weight_u": (8,),
            f"conv{number}.weight_v": (72,),
        }
    return shapes


def r3gan(labels: int = 0) -> Shapes:
    shapes: Shapes = {"ExtractionLayer.Layer.weight": (8, 3, 1, 1)}
    for stage in range(3):
        here = f"MainLayers.{stage}.Layers"
        shapes |= {
            f"{here}.0.LinearLayer1.Layer.weight": (16, 8, 1, 1),
            f"{here}.0.LinearLayer2.Layer.weight": (16, 4, 3, 3),
        }
        shapes |= {
            f"{here}.0.LinearLayer3.Layer.weight": (8, 16, 1, 1),
            f"{here}.0.NonLinearity1.Bias": (16,),
        }
    shapes |= {"MainLayers.2.Layers.1.Basis.weight": (8, 1, 4, 4)}
    shapes |= {"MainLayers.2.Layers.1.LinearLayer.weight": (4 if labels else 1, 8)}
    return shapes | ({"EmbeddingLayer.weight": (4, labels)} if labels else {})


JUDGES: dict[str, Callable[[], Shapes]] = {
    "DCGAN": dcgan,
    "PatchGAN": patches,
    "PatchGAN of pairs": conditional_patches,
    "StyleGAN2": stylegan2,
    "StyleGAN2 with labels": lambda: stylegan2(5),
    "rosinality": rosinality,
    "VGG of ESRGAN": vgg,
    "U-Net of Real-ESRGAN": unet,
    "R3GAN": r3gan,
    "R3GAN with labels": lambda: r3gan(5),
}


@pytest.mark.parametrize("prefix", ["", "module.", "D.", "netD.", "params."])
@pytest.mark.parametrize("name", JUDGES)
def test_a_discriminator_alone_is_named(name: str, prefix: str, tmp_path: Path) -> None:
    tensors = {prefix + tensor: torch.zeros(shape) for tensor, shape in JUDGES[name]().items()}
    torch.save(tensors, tmp_path / "net_D.pth")
    said = (
        r"^net_D.pth looks like a discriminator, which judges pictures .* "
        r"Choose the generator's file of the same model\.$"
    )
    with pytest.raises(WeightsError, match=said):
        Runtime({}, Device("cpu")).own_file(str(tmp_path / "net_D.pth"))


def test_generators_and_other_networks_are_no_discriminators() -> None:
    mask: Shapes = {
        "down.0.weight": (8, 3, 3, 3),
        "down.1.weight": (8, 8, 3, 3),
        "last.weight": (1, 8, 1, 1),
    }
    classifier: Shapes = {
        "conv1.weight": (64, 3, 3, 3),
        "conv2.weight": (64, 64, 3, 3),
        "fc.weight": (1000, 512),
    }
    assert not networks.is_discriminator(mask) and not networks.is_discriminator(classifier)
    for file in WEIGHTS.glob("*.safetensors"):
        shapes = {name: tuple(tensor.shape) for name, tensor in read(file).tensors.items()}
        assert not networks.is_discriminator(shapes), file.name


def packed(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name, data in entries.items():
            opened.writestr(name, data)
    return buffer.getvalue()


def tape() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("model.pth"), io.BytesIO())
    return buffer.getvalue()


# name: (file name, bytes, what is said of it, what to bring)
STRANGERS: dict[str, tuple[str, bytes, str, str]] = {
    "Keras, HDF5": (
        "a.h5",
        b"\x89HDF\r\n\x1a\n" + bytes(64),
        "Keras or HDF5",
        "PyTorch or safetensors",
    ),
    "Keras 3": (
        "a.keras",
        packed({"config.json": b"{}", "model.weights.h5": b"x"}),
        "Keras or HDF5",
        "PyTorch",
    ),
    "TensorFlow Lite": (
        "a.tflite",
        bytes(4) + b"TFL3" + bytes(64),
        "TensorFlow Lite model",
        "PyTorch or safetensors",
    ),
    "GGUF": (
        "a.gguf",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
        "a GGUF file",
        "PyTorch or safetensors",
    ),
    "ncnn, text": (
        "a.param",
        b"7767517\n3 3\nInput data 0 1 data\n",
        "ncnn files",
        "PyTorch file that it was made from",
    ),
    "ncnn, text of Windows": (
        "a.param",
        b"7767517\r\n3 3\r\n",
        "ncnn files",
        "PyTorch file that it was made from",
    ),
    "ncnn, float16": (
        "a.bin",
        b"\x47\x6b\x30\x01" + bytes(64),
        "ncnn files",
        "PyTorch file that it was made from",
    ),
    "ncnn, int8": (
        "a.bin",
        b"\x38\x4b\x0d\x00" + bytes(64),
        "ncnn files",
        "PyTorch file that it was made from",
    ),
    "ncnn, float32": (
        "a.bin",
        bytes(4) + struct.pack("<4f", 0.1, 0.2, 0.3, 0.4),
        "ncnn files",
        "PyTorch file",
    ),
    "numpy": (
        "a.npy",
        b"\x93NUMPY\x01\x00" + bytes(64),
        "arrays of numpy",
        "PyTorch or safetensors",
    ),
    "numpy, several": (
        "a.npz",
        packed({"a.npy": b"x", "b.npy": b"y"}),
        "arrays of numpy",
        "PyTorch or safetensors",
    ),
    "zip": ("a.zip", packed({"model.pth": b"x"}), "an archive", "Unpack it"),
    "gzip": ("a.tar.gz", gzip.compress(b"x"), "an archive", "Unpack it"),
    "tar": ("a.tar", tape(), "an archive", "Unpack it"),
    "7z": ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(64), "an archive", "Unpack it"),
    "rar": ("a.rar", b"Rar!\x1a\x07\x01\x00" + bytes(64), "an archive", "Unpack it"),
    "bzip2": ("a.bz2", b"BZh9" + bytes(64), "an archive", "Unpack it"),
    "xz": ("a.xz", b"\xfd7zXZ\0" + bytes(64), "an archive", "Unpack it"),
    "zstd": ("a.zst", b"\x28\xb5\x2f\xfd" + bytes(64), "an archive", "Unpack it"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_file_of_another_program_is_called_what_it_is(kind: str, tmp_path: Path) -> None:
    name, data, said, bring = STRANGERS[kind]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError) as error:
        read(tmp_path / name)
    assert (
        str(error.value).startswith(f"{name} ")
        and said in str(error.value)
        and bring in str(error.value)
    )


@pytest.mark.parametrize(
    ("file", "name", "shape", "said"),
    [
        (
            "realesr-animevideov3-x4",
            "body.0.bias",
            (3, 5),
            "as Compact: body.0.bias is 3x5 and should be 64.",
        ),
        ("realesr-animevideov3-x4", "body.9.weight", None, "as Compact: body.9.weight is missing."),
        (
            "spanx4",
            "block_4.c3_r.eval_conv.bias",
            (3, 5),
            "block_4.c3_r.eval_conv.bias is 3x5 and should be 48",
        ),
        ("heads-64", "synthesis.b8.conv1.bias", (7,), "synthesis.b8.conv1.bias is 7 and should be"),
        (
            "cartoongan-paprika",
            "u2.c.weight",
            (3, 5),
            "u2.c.weight is 3x5 and should be anyx192x1x1",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_with_both_shapes(
    file: str, name: str, shape: tuple[int, ...] | None, said: str, tmp_path: Path
) -> None:
    tensors = {
        n: tensor.clone() for n, tensor in read(WEIGHTS / f"{file}.safetensors").tensors.items()
    }
    tensors |= {name: torch.zeros(shape)} if shape else {}
    torch.save({n: t for n, t in tensors.items() if shape or n != name}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as error:
        Runtime({}, Device("cpu")).own_file(str(tmp_path / "odd.pth"))
    assert said in str(error.value)


def test_a_strangers_names_are_not_taken_for_a_damaged_network() -> None:
    words = ("model", "netG", "g_ema", "state_dict", "generator")
    stranger = {
        f"{a}.{b}.layer{n}.weight": (8, 8, 3, 3) for a in words for b in words for n in range(20)
    }
    assert networks.recognise(stranger) is None and networks.why_not(stranger) is None
