"""The list of models: the shipped one is sound, and a faulty row is refused with its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganapps import networks
from ganapps.errors import UserError
from ganapps.models import catalog
from ganapps.models.catalog import WEIGHTS, Checkpoint, Source

NETWORKS = {*networks.NAMES, "r3gan", "stylegan"}
SOURCES = (
    'sources = [{ repo = "me/mine", file = "mine.pkl", revision = "main", size = 12 }, '
    '{ file = "mine.safetensors" }]'
)
ROW = """[[checkpoint]]
id = "mine"
title = "Mine"
task = "faces"
network = "stylegan2"
SOURCES
format = "nvidia"
licence = "CC0-1.0"
commercial = "yes"
trained_on = "my own drawings"
paper = "StyleGAN2"
parameters = 1_000
data = "drawings"
""".replace("SOURCES", SOURCES)


def read(tmp_path: Path, text: str) -> dict[str, Checkpoint]:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    return catalog.load(NETWORKS, str(tmp_path / "own.toml"))


def test_the_shipped_catalogue_is_sound() -> None:
    rows = catalog.load(networks.NAMES, own="")
    assert next(iter(rows)) == "heads-128", "the first row is what a first visit shows"
    for row in rows.values():
        assert row.id == re.sub("[^a-z0-9-]", "", row.id) and len(row.title) <= 40
        assert not row.labels or (WEIGHTS / row.labels).is_file()
        for source in row.sources:
            assert source.repo is not None or (WEIGHTS / source.file).exists()
            assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)


def test_every_source_says_how_sure_it_is_and_a_doubtful_row_does_in_its_note() -> None:
    for row in catalog.load(networks.NAMES, own="").values():
        assert all(source.sure in catalog.SURE for source in row.sources), row.id
        if all(source.sure == "low" for source in row.sources):
            assert "not sure" in row.note, row.id


def test_what_ships_has_its_size_and_its_hash() -> None:
    """That they are the files' own: test_weights."""
    for row in catalog.load(networks.NAMES, own="").values():
        assert all(
            source.sha256 and source.size for source in row.sources if source.repo is None
        ), row.id
        assert bool(row.labels) == bool(row.labels_sha256), row.id


def test_every_revision_is_one_that_does_not_move() -> None:
    for row in catalog.load(networks.NAMES, own="").values():
        for source in row.sources:
            assert source.revision is None or re.fullmatch(
                r"[0-9a-f]{40}|refs/pr/\d+", source.revision
            ), row.id


def test_sources_that_are_the_same_file_demand_the_same_hash() -> None:
    """Files of one name and one size in one row are the same file, wherever they lie."""
    for row in catalog.load(networks.NAMES, own="").values():
        known = {(Path(s.file).name, s.size): s.sha256 for s in row.sources if s.sha256}
        assert all(
            known.get((Path(s.file).name, s.size), s.sha256) == s.sha256
            for s in row.sources
            if s.size
        ), row.id


FREE = re.compile(r"CC0-1\.0|MIT|BSD-3-Clause|Apache-2\.0|CC BY 4\.0|(CreativeML )?Open ?RAIL")
BOUND = re.compile(r"-NC|\bNC\b|non-commercial|research only")
OPEN = re.compile(r"none stated|leaves open|not known here|does not say")


def test_the_licence_bears_out_what_is_said_of_commercial_use() -> None:
    """Yes: a free licence, and nothing that binds. No: something that binds. Unknown: nothing
    stated, or a free one and data that bind.
    """
    for row in catalog.load(networks.NAMES, own="").values():
        free, bound = FREE.search(row.licence) is not None, BOUND.search(row.licence) is not None
        borne_out = {
            "yes": free and not bound,
            "no": bound,
            "unknown": OPEN.search(row.licence) is not None or (free and bound),
        }
        assert borne_out[row.commercial], (row.id, row.licence, row.commercial)


def test_what_ships_may_be_used_by_anyone() -> None:
    for row in catalog.load(networks.NAMES, own="").values():
        if any(source.repo is None for source in row.sources):
            assert row.commercial == "yes", row.id


def test_own_rows_come_after_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text(ROW)
    monkeypatch.setenv("GANAPPS_CATALOG", str(tmp_path / "own.toml"))
    rows = catalog.load(NETWORKS)
    assert next(iter(rows)) == "heads-128" and list(rows)[-1] == "mine"
    assert rows["mine"].sources == (
        Source("mine.pkl", "me/mine", "main", size=12),
        Source("mine.safetensors"),
    )
    assert (
        rows["mine"].size == 12
        and rows["mine"].settings == {}
        and str(rows["mine"].sources[0]) == "me/mine:mine.pkl@main"
    )


FAULTS = {
    "unknown key": (
        ROW + 'colour = "red"',
        "Row mine of the catalogue has the unknown key colour.",
    ),
    "unknown key of a source": (
        ROW.replace("size = 12", "sise = 12"),
        "Row mine of the catalogue has the unknown key sise.",
    ),
    "unknown network": (
        ROW.replace('"stylegan2"', '"stylegan9"'),
        "Row mine of the catalogue has the unknown network stylegan9: accepted are ",
    ),
    "unknown task": (
        ROW.replace('"faces"', '"dance"'),
        "Row mine of the catalogue has the unknown task dance: accepted are denoise, faces, ",
    ),
    "unknown format": (
        ROW.replace('"nvidia"', '"zip"'),
        "Row mine of the catalogue has the unknown format zip: accepted are ",
    ),
    "unknown commercial": (
        ROW.replace('"yes"', '"maybe"'),
        "Row mine of the catalogue has the unknown commercial maybe: "
        "accepted are no, unknown, yes.",
    ),
    "no licence": (
        ROW.replace('licence = "CC0-1.0"\n', ""),
        "Row mine of the catalogue has no licence.",
    ),
    "empty licence": (
        ROW.replace('"CC0-1.0"', '" "'),
        "Row mine of the catalogue: licence can't be ' '.",
    ),
    "no id": (ROW.replace('id = "mine"\n', ""), "Row without an id of the catalogue has no id."),
    "duplicate id": (
        ROW + ROW,
        "Two rows of the catalogue are called mine: give one of them another id.",
    ),
    "the id of a shipped one": (
        ROW.replace('"mine"', '"heads-64"'),
        "Two rows of the catalogue are called heads-64: give one of them another id.",
    ),
    "no sources": (
        re.sub("sources.*\n", "sources = []\n", ROW),
        "Row mine of the catalogue has no sources: say where its file comes from.",
    ),
    "sources that are none": (
        re.sub("sources.*\n", 'sources = ["x"]\n', ROW),
        "Row mine of the catalogue: x is not a table of keys.",
    ),
    "unknown sureness": (
        ROW.replace("size = 12", 'sure = "quite"'),
        "Row mine of the catalogue has the unknown sure quite: accepted are high, low, medium.",
    ),
    "a hash that is none": (
        ROW.replace("size = 12", 'sha256 = "12ab"'),
        "Row mine of the catalogue: sha256 can't be '12ab'.",
    ),
    "a hash of labels that is none": (
        ROW + f'labels_sha256 = "{"A" * 64}"',
        f"Row mine of the catalogue: labels_sha256 can't be '{'A' * 64}'.",
    ),
    "one source twice": (
        ROW.replace(
            '{ file = "mine.safetensors" }',
            '{ repo = "me/mine", file = "mine.pkl", revision = "main" }',
        ),
        "Row mine of the catalogue lists the source me/mine:mine.pkl@main twice: take one of them "
        "out.",
    ),
    "size as text": (
        ROW.replace("size = 12", 'size = "big"'),
        "Row mine of the catalogue: size can't be 'big'.",
    ),
    "size below nothing": (
        ROW.replace("size = 12", "size = -1"),
        "Row mine of the catalogue: size can't be -1.",
    ),
    "parameters as a switch": (
        ROW.replace("1_000", "true"),
        "Row mine of the catalogue: parameters can't be True.",
    ),
    "classes as a number": (ROW + "classes = 7", "Row mine of the catalogue: classes can't be 7."),
    "classes of numbers": (
        ROW + "classes = [7]",
        "Row mine of the catalogue: classes can't be [7].",
    ),
    "settings as text": (
        ROW + 'settings = "x"',
        "Row mine of the catalogue: settings can't be 'x'.",
    ),
    "another table": ("[model]\nid = 1", "holds something beside [[checkpoint]] rows: model."),
    "rows that are none": (
        "checkpoint = 3",
        "holds something beside [[checkpoint]] rows: checkpoint.",
    ),
    "not TOML": ("id = = 3", "is not valid TOML: "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_row_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    text, sentence = FAULTS[name]
    assert text != ROW
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert sentence in str(error.value)


def test_rows_that_are_a_list_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds something beside"):
        read(tmp_path, "checkpoint = [3]")


def test_a_catalogue_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="^The catalogue .*nowhere.toml can't be read: No such file or directory.$"
    ):
        catalog.load(NETWORKS, str(tmp_path / "nowhere.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not valid TOML"):
        catalog.load(NETWORKS, str(tmp_path / "bytes.toml"))


SHIPPED = catalog.load(networks.NAMES, own="")


@pytest.mark.parametrize("row", SHIPPED.values(), ids=list(SHIPPED))
def test_a_row_says_how_sure_its_sources_are(row: catalog.Checkpoint) -> None:
    assert all(source.sure in catalog.SURE for source in row.sources)
    assert all(
        source.sure == "high" and source.sha256 for source in row.sources if source.repo is None
    ), "what ships is here"
    if all(source.sure == "low" for source in row.sources):
        assert "not sure" in row.note or "may not" in row.note or "perhaps" in row.note.lower(), (
            "then the note says so"
        )


@pytest.mark.parametrize("row", SHIPPED.values(), ids=list(SHIPPED))
def test_a_row_is_pinned_and_licensed(row: catalog.Checkpoint) -> None:
    assert row.licence
    for source in row.sources:
        assert source.revision is None or re.fullmatch(
            r"[0-9a-f]{40}|refs/pr/\d+|main", source.revision
        ), source
    assert not (row.commercial == "yes" and re.search(r"NC\b|non-?commercial", row.licence))
