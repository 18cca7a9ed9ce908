"""What is published of each task: the order of its arguments, how it streams, what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr


@dataclass(frozen=True)
class Argument:
    """One argument of an endpoint: its type as programs see it, its default, a sentence on it."""

    kind: Any
    default: Any
    says: str


@dataclass(frozen=True)
class Endpoint:
    """What is published of a task. `order` is that of its first arguments, in which programs give
    them; settings that are not in it come behind. `defaults` differ from the task's own.
    `as_archive`: its pictures come together, at the end.
    """

    task: str
    order: tuple[str, ...]
    streams: str
    returns: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    as_archive: bool = False


# what files the pictures come as
FORMAT = {
    "format": Argument(
        str,
        "png",
        "png, jpeg or webp; these two have 8 bits, a jpeg no transparency; a film is a webp.",
    ),
    "quality": Argument(int, 90, "of a JPEG or WebP, 1 to 100; a WebP of 100 is without loss."),
    "most_kb": Argument(
        int, 0, "in place of a quality: the best that has no more kB than this; 0 for none."
    ),
}
# the arguments that are no settings; of the model the default is the first one that is here
RECIPE = {
    "model": Argument(str, "", "a model of the catalogue, or owner/repo:file@revision of the Hub."),
    "precision": Argument(str, "auto", "auto, float32, bfloat16 or float16."),
    "weights": Argument(
        gr.FileData | None,
        None,
        "a checkpoint file of your own, in place of the model; a recipe names it by its sha256.",
    ),
}
ENDPOINTS = (
    Endpoint(
        "faces",
        ("seed", "count", "psi", "model", "labels", "mix", "mix_from", "mix_to", "cutoff")
        + ("noise", "precision", "weights", "turn", "right", "down"),
        "Streams: each answer holds the pictures made so far.",
        'The PNG files, each with its recipe inside, and {"recipe", "report"}.',
        {"count": 1},
    ),
    Endpoint(
        "upscale",
        ("picture", "model", "scale", "width", "strength", "keep_colours", "tile", "keep_place")
        + ("precision", "denoise", "weights", "steps", "seed", "noise_level"),
        "Streams: an answer after each tile, the last one with the result.",
        'The PNG file with its recipe inside, and {"recipe", "report"} with the figures measured '
        "on it.",
    ),
    Endpoint(
        "translate",
        ("picture", "model", "labels", "strength", "keep_colours", "keep_place", "precision")
        + ("weights", "prompt", "steps", "guidance", "image_guidance", "seed"),
        "Streams: an answer after each strip, the last one with the result.",
        'The PNG file with its recipe inside, and {"recipe", "report"}.',
    ),
    Endpoint(
        "learn",
        ("seed", "data", "objective", "seconds", "against"),
        "Streams: two or three answers a second; the last one has the files.",
        "The PNG file of how it ended, of pictures the generator (safetensors), "
        'and {"recipe", "report", "numbers"}: a table for each run, as docs/lab.md says.',
    ),
    Endpoint(
        "repair",
        ("picture", "mask", "model", "box", "alpha", "grow", "feather", "steps", "seed")
        + ("does", "face", "keep_place"),
        "Streams: an answer after each window or look, the last one with the result.",
        'The PNG file with its recipe inside, and {"recipe", "report"} with the figures measured '
        "on it.",
    ),
    Endpoint(
        "restore",
        # what came later stands behind all of these: programs may give them by their places
        ("picture", "model", "blocks", "noise", "scratches", "enlarge", "faces", "heads")
        + ("precision", "weights", "cleaning", "mask", "grow", "fidelity", "keep_place")
        + tuple(FORMAT),
        "Streams: an answer after each tile, window and face, the last one with the result.",
        'The PNG file with its recipe inside, and {"recipe", "report"} with the figures measured '
        "on it.",
    ),
    Endpoint(
        "scratches",
        ("picture",),
        "Streams: an answer after each window, the last one with the mask.",
        'The mask as a PNG file, and {"recipe", "report"}.',
    ),
    Endpoint(
        "edit",
        ("seed", "edits", "hold", "model", "psi", "labels", "styles", "names"),
        "Streams: one answer.",
        'The PNG file with its recipe inside, and {"recipe", "report", "figures"}: "styles" is the '
        'face as text, "moved" says what each edit alone moved by how much of its whole way, '
        '"likeness" whether it is still the same person (1: the same, 0: strangers).',
    ),
    Endpoint(
        "ages",
        ("seed", "count", "model", "psi", "labels", "styles", "hold"),
        "Streams: each answer holds the pictures made so far.",
        'The PNG files, whose recipes are of the task edit, and {"recipe", "report", "figures"}: '
        '"age" in years, "far" as edit counts it, "others_moved", how much of everything else '
        'moved, "likeness", whether it is still the same person (1: the same picture), and '
        '"styles", the face as text.',
    ),
    Endpoint(
        "frontal",
        ("seed", "model", "psi", "labels", "styles", "hold"),
        "Streams: one answer.",
        'The PNG file, whose recipe is one of the task edit, and {"recipe", "report", "figures"}: '
        '"yaw" and "pitch" before, in degrees, "others_moved", how much of everything else moved, '
        'and "styles", the face as text.',
    ),
    Endpoint(
        "drag",
        ("points", "seed", "steps", "may_move", "model", "psi", "labels", "styles"),
        "Streams: answers while points are pulled, the last one with the picture.",
        'The PNG file with its recipe inside, and {"recipe", "report", "figures"}: "styles" is the '
        'face as text, "points" are where the points have come, "left" how many pixels are left.',
    ),
    Endpoint(
        "invert",
        ("picture", "model", "steps", "space", "points", "precision", "weights", *FORMAT, "start")
        + ("tuning", "edits"),
        "Streams: answers while the face is looked for, the last one with the picture.",
        'The PNG file with its recipe inside, and {"recipe", "report", "figures"}: "error" is how '
        'far the face is from the picture, "styles" is the face as text, "points" are those used; '
        '"tuned_error" how far the tuned copy of the model is, where one was asked for.',
    ),
    Endpoint(
        "breed",
        ("family", "parents", "seed", "count", "mutation", "crossing", "model", "psi"),
        "Streams: each answer holds the children made so far.",
        'The PNG files, each with its lineage inside, and {"recipe", "report", "figures"}: '
        '"diversity" of the litter so far, "from parents", "birth", as a family has it, and '
        '"styles", the child as text.',
    ),
    Endpoint(
        "morph",
        ("family", "begin", "end", "frames", "model", "psi"),
        "Streams: answers while its pictures are drawn, the last one with the film.",
        'The film, with both lineages inside, and {"recipe", "report", "figures"}: how far '
        "neighbouring pictures lie apart.",
    ),
    Endpoint(
        "say",
        ("sentence", "seed", "model", "psi"),
        "Streams: two answers, the first while the picture is small.",
        'The PNG file, whose recipe is one of the task faces, and {"recipe", "report", "figures"}: '
        '"words" and the labels that they set, and what was "not understood".',
    ),
    Endpoint(
        "export",
        ("seed", "count", "layout", "model", "psi", "labels"),
        'Streams: answers without files that say how many are "done", the last one with all.',
        "The ZIP file with metadata.csv and a card, or the TAR shards; and "
        '{"recipe", "report", "done"}.',
        as_archive=True,
    ),
)
