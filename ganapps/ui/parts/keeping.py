"""What a page shows or saves lies in its visitor's folder; `traces` lists the paths of what was
made of an upload, which go when that is deleted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ganapps.pictures import images
from ganapps.ui.doors import files
from ganapps.ui.parts import common


def stored(path: str | Path, traces: list[str]) -> str:
    """The path of a copy of that file. Raises UserError where there is no room for it."""
    traces.append(files.keep(path))
    return traces[-1]


def shown_file(picture: images.Picture, traces: list[str], kind: str = "") -> str:
    """The path of a picture that is only looked at, marked as of that `kind` where a network made
    it (`inside.mark`). Raises UserError where there is no room.

    As a file: a picture itself Gradio would write again with every update, while the page reads it.
    """
    with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        return stored(images.save_shown(picture, Path(folder) / "shown.png", kind), traces)


def address(picture: images.Picture, traces: list[str], kind: str = "") -> str:
    """Where the page finds a picture that is only looked at, as `shown_file` keeps it."""
    return common.served(shown_file(picture, traces, kind))
