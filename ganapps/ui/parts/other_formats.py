"""What was made as JPEG or WebP, by quality or by size; the PNG beside it stays exact."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import gradio as gr

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.pictures import formats, images
from ganapps.report import size
from ganapps.ui.doors import files
from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import NumberBox, SliderBox
from ganapps.ui.words import t


def boxes(name: str, kinds: Sequence[tuple[str, str]]) -> tuple[gr.Dropdown, SliderBox]:
    """Side by side, in which of these formats, by which quality; the first is chosen."""
    with gr.Row(elem_classes="pair"):
        kind = gr.Dropdown(
            list(kinds),
            value=kinds[0][1],
            label=t("Format"),
            filterable=False,
            elem_id=f"{name}-format",
        )
        quality = SliderBox(
            *formats.QUALITIES,
            value=formats.PNG.quality,
            step=1,
            label=t("Quality"),
            elem_id=f"{name}-quality",
        )
    return kind, quality


class OtherFormats:
    """The fold under a result; `link` is empty until a file is made, and for every new result."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        with gr.Accordion(t("As JPEG or WebP"), open=False, elem_id=f"{name}-formats"):
            self.kind, self.quality = boxes(name, [("JPEG", "jpeg"), ("WebP", "webp")])
            self.most = NumberBox(
                0,
                minimum=0,
                maximum=formats.MOST_KB,
                precision=0,
                label=t("Or at most so many kB (0: by quality)"),
                info=t(
                    "The PNG is exact. These have 8 bits, a JPEG no transparency; a WebP of "
                    "quality 100 is without loss."
                ),
                elem_id=f"{name}-most-kb",
            )
            self.go = gr.Button(t("Make this file"), size="sm", elem_id=f"{name}-formats-go")
            self.link = gr.HTML(elem_id=f"{name}-formats-link")

    def listen(
        self, inputs: set, made: Callable[[Mapping], list[str]], traces: gr.State | None = None
    ) -> None:
        """Make files of the paths that `made` reads from `inputs`; what is kept is noted in
        `traces`, where an upload may be in it.
        """
        asked = {*inputs, self.kind, self.quality, self.most} | ({traces} if traces else set())

        def converted(values: Mapping, request: gr.Request) -> Iterator[dict]:
            lang = common.language(request)
            try:
                path = self._made(made(values), values)
            except UserError as e:
                yield {self.link: common.refusal(e, lang)}
                return
            if traces:
                values[traces].append(path)
            told = f"{Path(path).name} · {size(Path(path).stat().st_size)}"
            download = common.download(path, "Download", lang)
            yield {self.link: f'{download} <span class="line">{html.escape(told)}</span>'}

        self.go.click(converted, asked, self.link, **common.QUIET)

    def _made(self, paths: list[str], values: Mapping) -> str:
        """Where the file lies for the visitor, of several a ZIP of them."""
        if not paths:
            raise UserError("There is nothing here yet: make a picture first.")
        form = formats.asked(values[self.kind], values[self.quality], values[self.most] or 0)
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            made = [Path(on_files.converted(path, form, Path(folder))) for path in paths]
            if len(made) == 1:
                return files.keep(made[0])
            return files.keep(images.save_zip(made, Path(folder) / "pictures.zip", {}))
