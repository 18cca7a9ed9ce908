"""docs/models.md says what the catalogue says. `python -m tests.test_models_page`, in the root,
writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganapps import networks
from ganapps.models import catalog
from ganapps.models.catalog import Checkpoint, Source

PAGE = Path(__file__).resolve().parent.parent / "docs" / "models.md"
HEADINGS = {
    "faces": "Faces",
    "denoise": "Faces by diffusion",
    "upscale": "Upscale",
    "translate": "Translate",
    "repair": "Repair",
    "scratches": "Restore: scratches",
    "restore-blocks": "Restore: JPEG's blocks",
    "restore-noise": "Restore: noise",
    "restore-colour": "Restore: colour",
    "restore-faces": "Restore: faces",
    "text": "Text to picture",
}
START = """# The models

Every row of `weights/catalog.toml`, made from it (`python -m tests.test_models_page`). Sources are
tried in this order. Of each, how well it is known that it holds the file: high, its public pages
list it or many programs fetch it there; medium, a few programs do, or its name follows from its
neighbours'; low, a single mention, or pages that disagree. What ships lies in `weights/`.
"""
FASHION = """
No row draws fashion: the generators of clothed people on the Hub (StyleGAN-Human) are twice as high
as wide, which is not drawn here, and those of clothes lie in programs' folders, in no model's
repository.
"""


def page(rows: dict[str, Checkpoint]) -> str:
    """The whole of docs/models.md."""
    parts = []
    for task, heading in HEADINGS.items():
        of_task = [row for row in rows.values() if row.task == task]
        domains = list(dict.fromkeys(drawn(row) for row in of_task))
        for domain in domains:
            title = f"{heading}: {domain}" if domain else heading
            parts += table(title, [row for row in of_task if drawn(row) == domain])
        parts += [FASHION] if task == "faces" else []
    return START + "".join(parts)


def drawn(row: Checkpoint) -> str:
    """What a generator draws that is no face; "" for faces, and for other tasks."""
    return row.domains[0] if row.task == "faces" and row.domains else ""


def table(heading: str, rows: list[Checkpoint]) -> Iterator[str]:
    yield f"\n## {heading}\n\n| model | method | commercial use | licence | sources |\n"
    yield "|---|---|---|---|---|\n"
    for row in rows:
        places = "<br>".join(place(source) for source in row.sources)
        cells = (f"{row.title}<br>`{row.id}`", row.paper, row.commercial, row.licence, places)
        yield f"| {' | '.join(cells)} |\n"


def place(source: Source) -> str:
    if source.repo is None:
        return "ships"
    named = (
        source.file
        or f"{len(source.files)} files, {next(f for f in source.files if not f.endswith('.json'))}"
    )
    checked = ", sha256 known" if source.sha256 else ""
    pinned = f" at {source.revision[:12]}" if source.revision else ""
    return f"{source.repo}: {named}{pinned} ({source.sure}{checked})"


def test_the_page_says_what_the_catalogue_says() -> None:
    rows = catalog.load(networks.NAMES, own="")
    assert {row.task for row in rows.values()} == set(HEADINGS)
    assert not [row.id for row in rows.values() if "|" in row.title + row.paper + row.licence]
    assert PAGE.read_text(encoding="utf-8") == page(rows), "python -m tests.test_models_page"


if __name__ == "__main__":
    PAGE.write_text(page(catalog.load(networks.NAMES, own="")), encoding="utf-8")
