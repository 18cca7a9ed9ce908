"""What a card says: of every translator what it likes and what it can't do, in both languages, with
pictures of those that ship.
"""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ganapps.engine import Engine
from ganapps.models.catalog import SURE, Checkpoint
from ganapps.ui.parts import cards, common
from ganapps.ui.parts.before_after import EXAMPLES
from ganapps.ui.words import chinese


@pytest.fixture
def translators(engine: Engine) -> list[Checkpoint]:
    return engine.models.rows("translate")


def test_every_translator_says_what_it_likes_and_what_it_cannot(
    translators: list[Checkpoint],
) -> None:
    missing = [
        (row.id, key)
        for row in translators
        for key in ("likes", "cannot")
        if getattr(row, key) not in chinese()
    ]
    assert missing == []


def test_every_translator_that_ships_shows_what_it_does(
    engine: Engine, translators: list[Checkpoint]
) -> None:
    shipped = [row for row in translators if row.sources[0].repo is None]
    assert shipped
    for row in shipped:
        pictures = sorted(cards.PICTURES.glob(f"{row.id}-?.webp"))
        assert len(pictures) == len(EXAMPLES), f"{row.id}: python -m ganapps.training.cards"
        for picture, example in zip(pictures, EXAMPLES):
            data = picture.read_bytes()
            width, height = Image.open(io.BytesIO(data)).size
            first = Image.open(example)
            assert len(data) < 30_000 and width / height == pytest.approx(
                first.width / first.height, rel=0.02
            )
        assert cards.card(row, True, "en").count("<img ") == len(EXAMPLES)
    assert {p.name[: -len("-1.webp")] for p in cards.PICTURES.iterdir()} == {
        row.id for row in shipped
    }, "none of a model that is gone"


def test_every_domain_has_a_chinese_name(engine: Engine) -> None:
    rows = [*engine.models.rows("translate"), *engine.models.rows("faces")]
    assert (
        sorted({domain for row in rows for domain in row.domains if domain not in chinese()}) == []
    )


def test_generators_of_one_domain_stand_together_and_faces_come_first(engine: Engine) -> None:
    listed = common.choices(engine, "faces", "en")
    drawn = [engine.models.row(name).domains for _, name in listed]
    assert (
        listed[0][1] == "heads-128"
        and drawn == sorted(drawn, key=lambda domains: drawn.index(domains))
        and not drawn[0]
    )
    assert any(title.startswith("churches: StyleGAN2") for title, _ in listed)
    assert any(
        title.startswith("教堂: StyleGAN2") for title, _ in common.choices(engine, "faces", "zh")
    )
    assert {name for _, name in listed} == {row.id for row in engine.models.rows("faces")}


def test_the_chips_say_what_is_no_gan_and_the_two_domains(engine: Engine) -> None:
    chips = cards.chips(engine.models.row("styles-26"), True, "en")
    assert (
        "style transfer, no GAN" in chips and "photograph → painting" in chips and "here" in chips
    )
    assert "没有" not in chips and "风格迁移，非 GAN" in cards.chips(
        engine.models.row("styles-26"), True, "zh"
    )
    assert "no GAN" not in cards.chips(engine.models.row("vintagify"), True, "en")


def test_a_card_says_how_sure_each_place_is(engine: Engine) -> None:
    model = engine.models.row("ddpm-celebahq-256")
    said = cards.card(model, False, "en")
    for source in model.sources:
        assert f"{source} ({cards.SURE[source.sure]})" in said
    assert "已确认存在" in cards.card(model, False, "zh") and "不一定存在" in cards.card(
        model, False, "zh"
    )
    assert set(cards.SURE) == set(SURE) and set(cards.SURE.values()) <= set(chinese())
    assert "there)" not in cards.card(engine.models.row("heads-128"), True, "en"), (
        "what ships is seen to be here"
    )


def test_a_card_is_text_not_markup(engine: Engine) -> None:
    from dataclasses import replace

    evil = replace(engine.models.row("vintagify"), likes="<script>alert(1)</script>", licence="<b>")
    assert "<script>" not in cards.card(evil, True, "en") and "<b>" not in cards.card(
        evil, True, "en"
    )
