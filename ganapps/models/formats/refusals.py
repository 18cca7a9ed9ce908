"""The sentences with which a checkpoint file is refused: which file, what is wrong, what to do."""

from __future__ import annotations

import re

from ganapps.errors import WeightsError

# What a text file under the name of a checkpoint is, by how it begins (lower case, white space left
# out).
IMPOSTORS = {
    "version https://git-lfs": (
        "{file} is a Git LFS pointer, the label of a file and not the file itself. "
        "Fetch the real one with `git lfs pull`, or let this app download it."
    ),
    "<": "{file} is a web page, not a checkpoint. Delete it and fetch it with its direct download "
    "link.",
    "{": "{file} is a message from a server, not a checkpoint. Delete it and fetch it again.",
    "[": "{file} is a message from a server, not a checkpoint. Delete it and fetch it again.",
}


# What a file of numbers is, by its first bytes, or those at a place.
KERAS = (
    "{file} is a file of Keras or HDF5, which is not a checkpoint this app can read. "
    "Use the model's PyTorch or safetensors file."
)
ARCHIVE = (
    "{file} is an archive, which is not a checkpoint this app can read. "
    "Unpack it and give the checkpoint file that lies inside."
)
NUMPY = (
    "{file} holds arrays of numpy, which is not a checkpoint this app can read. "
    "Use the model's PyTorch or safetensors file."
)
NCNN = (
    "{file} is one of a pair of ncnn files (.param and .bin), which is not a checkpoint this app "
    "can read. "
    "Use the PyTorch file that it was made from."
)
TFLITE = (
    "{file} is a TensorFlow Lite model, which is not a checkpoint this app can read. "
    "Use the model's PyTorch or safetensors file."
)
GGUF = (
    "{file} is a GGUF file, which is not a checkpoint this app can read. Use the model's "
    "PyTorch or safetensors file."
)
OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", KERAS),
    (4, b"TFL3", TFLITE),
    (0, b"GGUF", GGUF),
    # the text half; the other begins with the number type of its first weights
    (
        0,
        b"7767517\n",
        NCNN,
    ),
    (0, b"7767517\r\n", NCNN),
    (0, b"\x47\x6b\x30\x01", NCNN),
    (0, b"\x38\x4b\x0d\x00", NCNN),
    (0, b"\x56\xc0\x02\x00", NCNN),
    (0, b"\x93NUMPY", NUMPY),
    (0, b"\x1f\x8b", ARCHIVE),  # gzip
    (0, b"BZh", ARCHIVE),
    (0, b"\xfd7zXZ\0", ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (0, b"Rar!\x1a\x07", ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", ARCHIVE),  # zstd
    (257, b"ustar", ARCHIVE),  # tar
)


def impostor(file: str, template: str) -> WeightsError:
    """`template` is a sentence of this file that says what else the file is."""
    return WeightsError(template, file=file)


def other(head: bytes, file: str) -> WeightsError | None:
    """What to say of a file of another program, known by its first 1024 bytes."""
    for place, beginning, template in OTHERS:
        if head[place : place + len(beginning)] == beginning:
            return impostor(file, template)
    floats = head[:4] == bytes(4) and any(head)
    return impostor(file, NCNN) if floats and file.lower().endswith(".bin") else None


def zipped(names: list[str]) -> str:
    """The sentence for a zip file without PyTorch's pickle, by its entries' names."""
    if any(name.endswith(".weights.h5") for name in names):
        return KERAS
    return NUMPY if names and all(name.endswith(".npy") for name in names) else ARCHIVE


def no_file(file: str) -> WeightsError:
    return WeightsError(
        "{file} is a folder or a device, not a file. Name the checkpoint file itself.", file=file
    )


def unreadable(file: str, reason: str) -> WeightsError:
    return WeightsError(
        "{file} can't be opened ({reason}). Check that it is there and that you may read it.",
        file=file,
        reason=reason,
    )


def empty(file: str) -> WeightsError:
    return WeightsError("{file} is empty. Delete it and fetch it again.", file=file)


def unknown(file: str) -> WeightsError:
    return WeightsError(
        "{file} is not a checkpoint this app can read. "
        "It reads safetensors, PyTorch files (.pt, .pth, .ckpt, .bin), pickles of NVIDIA's "
        "StyleGAN and of R3GAN, and ONNX.",
        file=file,
    )


def cut_off(file: str) -> WeightsError:
    return WeightsError(
        "{file} ends in the middle: its download was cut off. Delete it and fetch it again.",
        file=file,
    )


def damaged(file: str) -> WeightsError:
    """For contents that no honest program writes."""
    return WeightsError(
        "{file} is damaged or was made to do harm; nothing in it was run. Delete it and fetch it "
        "from its authors.",
        file=file,
    )


def claims_too_much(file: str) -> WeightsError:
    """For tensors that reach outside the bytes that are there."""
    return WeightsError(
        "{file} claims tensors larger than the file holds; it was not read. Delete it and fetch it "
        "from its authors.",
        file=file,
    )


def too_intricate(file: str) -> WeightsError:
    """For what would take without end, or memory without end, to read."""
    return WeightsError(
        "{file} is nested deeper or made of more pieces than any checkpoint; it was not read. "
        "Delete it and fetch it from its authors.",
        file=file,
    )


def foreign(file: str, kind: str) -> WeightsError:
    """For objects of a program; `kind` is the class or function that the file names."""
    return WeightsError(
        "{file} holds Python objects ({kind}) that only running its author's code could open; this "
        "app never does. "
        "Save the weights alone (a state dict) and use that file.",
        file=file,
        kind=re.sub(r"[^\w.]", "?", kind, flags=re.ASCII)[:60],
    )


def program(file: str) -> WeightsError:
    return WeightsError(
        "{file} is a TorchScript program, which this app never runs. Use a file with the weights "
        "alone (a state dict).",
        file=file,
    )


def tensorflow(file: str) -> WeightsError:
    return WeightsError(
        "{file} is a network of NVIDIA's older TensorFlow program, which this app can't read. "
        "Choose the PyTorch version of the model, or convert it with legacy.py of stylegan3.",
        file=file,
    )


def weights_elsewhere(file: str) -> WeightsError:
    return WeightsError(
        "{file} keeps its weights in other files beside it. Use a file that holds them itself.",
        file=file,
    )


def byte_order(file: str) -> WeightsError:
    return WeightsError(
        "{file} was written by a machine whose numbers run the other way (big-endian). "
        "Save it again on an ordinary one, as safetensors.",
        file=file,
    )


def nothing_wanted(file: str, wanted: tuple[str, ...], found: list[str]) -> WeightsError:
    """`wanted` and `found` are top-level names."""
    return WeightsError(
        "{file} holds no {wanted}, only {found}. Choose another file of the same model.",
        file=file,
        wanted=" / ".join(wanted),
        found=re.sub(r"[^\w., ]", "?", ", ".join(found[:8]), flags=re.ASCII)[:80] or "-",
    )


def no_tensors(file: str) -> WeightsError:
    return WeightsError(
        "{file} holds no weights. Choose another file of the same model.", file=file
    )
