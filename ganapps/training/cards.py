"""The pictures on the cards of the translators that ship: the examples as each model makes them.
`python -m ganapps.training.cards`
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from ganapps import engine
from ganapps.pictures.inside import mark
from ganapps.recipe import CHANGED, Recipe
from ganapps.ui.parts.before_after import EXAMPLES
from ganapps.ui.parts.cards import PICTURES

SIDE = 448  # pixels of the longer side that the model sees
SHOWN = 200
SETTINGS = {"styles-26": {"labels": {"9": 1.0}}}


def main() -> None:
    """Write ROW-N.webp for each shipped translator and example."""
    here = engine.start("cpu", offline=True)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for row in (
            c
            for c in here.models.rows("translate")
            if all(s.repo is None for s in c.sources) and not c.paired
        ):
            for number, example in enumerate(EXAMPLES, 1):
                large = Path(folder) / example.name
                with Image.open(example) as picture:
                    picture.convert("RGB").resize(
                        [round(n * SIDE / max(picture.size)) for n in picture.size],
                        Image.Resampling.LANCZOS,
                    ).save(large)
                *_, result = here.run(
                    Recipe("translate", row.id, SETTINGS.get(row.id, {})), [str(large)]
                )
                made = result.made[-1].beside["after"].convert("RGB")
                made.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
                made.save(
                    PICTURES / f"{row.id}-{number}.webp",
                    quality=82,
                    method=6,
                    xmp=mark(CHANGED).encode(),
                )


if __name__ == "__main__":
    main()
