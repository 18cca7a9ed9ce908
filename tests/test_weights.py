"""What ships in weights/: every file has a row, a card and the right hash. (That each still makes
its picture: `test_main`.)
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from safetensors import safe_open

from ganapps import engine as engines
from ganapps import networks
from ganapps.errors import WeightsError
from ganapps.measure import doctor
from ganapps.models import catalog, directions, finder, hub, runtime
from ganapps.models.catalog import WEIGHTS, Checkpoint, Source
from ganapps.models.hub import disk
from ganapps.recipe import Recipe

MOST = 130_000_000  # bytes of the whole folder
ROWS = {row.id: row for row in catalog.load(networks.NAMES, own="").values()}
SHIPPED = [(row, source) for row in ROWS.values() for source in row.sources if source.repo is None]
CARDS = (WEIGHTS / "README.md").read_text(encoding="utf-8")
PAPERS = {"README.md", "NOTICE", "catalog.toml", "golden.json", "doctor.png", "quality.toml"}
MADE_FOR = [
    one for kind in ("directions", "encoders", "readers") for one in directions.entries(kind)
]
PAPERS |= {"directions.toml", *(entry.file for entry in MADE_FOR)}
PAPERS |= {finder.FILE, finder.LIKENESS_FILE}


def files(source: Source) -> list[Path]:
    return [WEIGHTS / source.file / name for name in source.files] or [WEIGHTS / source.file]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_is_a_model_its_labels_or_about_them():
    known = {path for _, source in SHIPPED for path in files(source)} | {
        WEIGHTS / row.labels for row in ROWS.values() if row.labels
    }
    known |= {
        WEIGHTS / source.file / "model_index.json" for _, source in SHIPPED if source.files
    } | {WEIGHTS / name for name in PAPERS}
    drawn = {WEIGHTS / name for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", CARDS)}
    found = {
        path for path in WEIGHTS.rglob("*") if path.is_file() and path.name != ".gitattributes"
    }
    assert found == known | drawn, found ^ (known | drawn)
    bytes_in_all = sum(path.stat().st_size for path in found)
    assert bytes_in_all <= MOST
    told = re.search(r"\*\*together; the limit is 130\*\* \| \*\*(\d+)\*\*", CARDS)
    assert told and abs(int(told[1]) - bytes_in_all / 1e6) < 1


@pytest.mark.parametrize(("row", "source"), SHIPPED, ids=[row.id for row, _ in SHIPPED])
def test_a_model_has_the_hash_that_its_row_and_its_card_say(row: Checkpoint, source: Source):
    """A card's hash is the first eight digits, dots and the last ones, after the file's name in
    bold; of a folder, its tensors'. A row's is of the file, or of the folder's list of files.
    """
    (tensors,) = [
        path for path in files(source) if path.suffix in (".safetensors", ".pt", ".pth", ".bin")
    ]
    found = digest(tensors)
    listing = "".join(
        f"{digest(WEIGHTS / source.file / name)}  {name}\n" for name in sorted(source.files)
    )
    assert source.sha256 == (
        hashlib.sha256(listing.encode()).hexdigest() if source.files else found
    )
    assert source.size == sum(path.stat().st_size for path in files(source))
    card = next(text for text in CARDS.split("\n\n") if f"**`{source.file}" in text)
    assert any(
        found.startswith(first) and found.endswith(last)
        for first, last in re.findall(r"`([0-9a-f]{8})\.\.\.([0-9a-f]{4,8})`", card)
    ), row.id


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.labels], ids=lambda row: row.id
)
def test_labels_have_the_hash_that_their_row_says(row: Checkpoint):
    assert row.labels_sha256 == digest(WEIGHTS / row.labels)


@pytest.mark.parametrize("entry", MADE_FOR, ids=lambda entry: entry.file)
def test_what_is_made_for_a_generator_has_its_hash_its_card_and_a_generator(
    entry: directions.Entry,
) -> None:
    assert entry.sha256 == digest(WEIGHTS / entry.file)
    assert f"**`{entry.file}`**" in CARDS
    assert set(entry.generators) & {
        source.sha256 for row in ROWS.values() for source in row.sources
    }


def changed(folder: Path, name: str) -> Path:
    """A copy of what ships in which one byte of the file `name` is another; the rest are links."""
    for path in (path for path in WEIGHTS.rglob("*") if path.is_file()):
        place = folder / path.relative_to(WEIGHTS)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place == folder / name:
            body = path.read_bytes()
            place.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
        else:
            place.symlink_to(path)
    return folder


@pytest.mark.parametrize(
    ("model", "name", "said"),
    [
        ("heads-64", "heads-64.safetensors", "heads-64.safetensors"),
        ("heads-64", "heads-64.labels.safetensors", "heads-64.labels.safetensors"),
        ("heads-ddpm-64", "heads-ddpm-64/scheduler/scheduler_config.json", "heads-ddpm-64"),
        (
            "heads-ddpm-64",
            "heads-ddpm-64/unet/diffusion_pytorch_model.safetensors",
            "heads-ddpm-64",
        ),
    ],
)
def test_a_changed_shipped_file_is_one_sentence(
    model: str, name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = changed(tmp_path / "weights", name)
    monkeypatch.setattr(disk, "WEIGHTS", folder)
    monkeypatch.setattr(runtime, "WEIGHTS", folder)
    engine = engines.start("cpu", offline=True, own_catalog="")
    task = ROWS[model].task
    with pytest.raises(WeightsError) as caught:
        list(engine.run(Recipe(task, model, {"count": 1} if task == "faces" else {"steps": 1})))
    assert str(caught.value) == (
        f"{folder / said} is not the file of {ROWS[model].title}: its sha256 is another one, so it "
        "was not used. "
        "Replace the file, or correct the row."
    )
    assert bool(engine.models.controls(ROWS["heads-64"])) == ("labels" not in name), (
        "the window opens without them"
    )


def test_a_label_file_that_is_gone_is_one_sentence(tmp_path: Path):
    with pytest.raises(
        WeightsError,
        match="^The file a.labels.safetensors of Heads 64, which comes with this app, is missing: "
        "fetch ",
    ):
        hub.intact(tmp_path / "a.labels.safetensors", None, "Heads 64")


def test_every_model_that_ships_has_a_golden_picture():
    golden = json.loads(doctor.GOLDEN.read_text())
    assert {row.id for row, _ in SHIPPED if row.task in doctor.TASKS} <= set(golden)


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.labels], ids=lambda row: row.id
)
def test_labels_were_checked_with_the_generator_that_ships(row: Checkpoint):
    with safe_open(WEIGHTS / row.labels, "pt") as file:
        assert file.metadata()["checked_with"].endswith(f"sha256 {row.sources[0].sha256}")
