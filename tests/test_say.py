"""Sentences about a face, in English and Chinese: what they set, what is not understood, and the
picture in two stages.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganapps import engine as engines
from ganapps.device import Device
from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.tasks import sentences
from ganapps.tasks.labels import Labels, from_classes
from ganapps.tasks.say import say
from ganapps.tasks.sentences import understood
from ganapps.workers.here import labels_of
from tests.small_generator import Small

OLD, GREY = 70, "#8a8a8a"
ASKED = "an old smiling woman with glasses, grey hair, looking left"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engines.start("cpu", offline=True, own_catalog="")


@pytest.fixture(scope="module")
def table(engine: Engine) -> Labels:
    found = labels_of(engine.runtime, engine.models.row("heads-128"), 44)
    assert found is not None
    return found


OLD_WOMAN = {
    "age": OLD,
    "smile": 0.9,
    "gender": 0.0,
    "glasses": "dark frame",
    "hair_colour": GREY,
    "yaw": -22,
}
YOUNG_MAN = {"age": 22, "gender": 1.0, "beard": 0.0, "glasses": "none"}
SETS: dict[str, dict[str, Any]] = {
    ASKED: OLD_WOMAN,
    "戴眼镜、微笑的老年女人，灰色头发，向左看": OLD_WOMAN,
    "A young man without a beard, no glasses": YOUNG_MAN,
    "一个没有胡子、不戴眼镜的年轻男人": YOUNG_MAN,
    "a 60-year-old Asian man": {"age": 60, "ancestry": "Asian", "gender": 1.0},
    "woman aged 45": {"gender": 0.0, "age": 45},
    "六十岁的亚洲男人": {"age": 60, "ancestry": "Asian", "gender": 1.0},
    "25岁的女孩": {"age": 25, "gender": 0.0},
    "Her hair is black and the background is blue": {
        "hair_colour": "#17130f",
        "background_colour": "#2d50b0",
    },
    "头发是金色，背景是绿色": {"hair_colour": "#d8b060", "background_colour": "#2f7d46"},
    "short curly brown hair": {"hair": "afro", "hair_colour": "#5a3a22"},
    "dark hair, light background": {"hair_colour": "#17130f", "background_colour": "#d8d8d8"},
    "light from the left, hard light": {"light_az": -70, "contrast": 0.85},
    "hair swept back, light frame": {"hair": "swept back", "glasses": "light frame"},
    "光头，严肃，抬头": {"hair": "bald", "smile": 0.0, "pitch": 8},
    "smiling and laughing": {"smile": 1.0},
    "a man without glasses and beard": {"gender": 1.0, "glasses": "none", "beard": 0.0},
    "no beard or glasses or smile": {"beard": 0.0, "glasses": "none", "smile": 0.0},
    "没有胡子和眼镜的男人": {"beard": 0.0, "glasses": "none", "gender": 1.0},
    "no glasses and smiling": {"glasses": "none", "smile": 0.9},
    "no glasses or a beard": {"glasses": "none", "beard": 0.0},
    "no glasses and a smile": {"glasses": "none", "smile": 0.9},
    "without glasses but with a beard": {"glasses": "none", "beard": 0.9},
    "not wearing glasses": {"glasses": "none"},
    "no glasses, a beard": {"glasses": "none", "beard": 0.9},
    "She isn’t smiling and doesn't wear glasses": {
        "gender": 0.0,
        "smile": 0.0,
        "glasses": "none",
    },
    "a woman thirty years old": {"gender": 0.0, "age": 30},
    "a forty-five-year-old man": {"age": 45, "gender": 1.0},
    "aged twenty two": {"age": 22},
    "三十岁左右的女人": {"age": 30, "gender": 0.0},
    "二十多岁的女人": {"age": 25, "gender": 0.0},
    "一个三十多岁的男人": {"age": 35, "gender": 1.0},
    "四十几岁，40几岁": {"age": 45},
    "五十来岁的男人": {"age": 50, "gender": 1.0},
    "60余岁": {"age": 65},
    "a woman in her twenties": {"gender": 0.0, "age": 25},
    "a man in his 50s": {"gender": 1.0, "age": 55},
}


@pytest.mark.parametrize("sentence", SETS)
def test_a_sentence_sets_labels(table: Labels, sentence: str) -> None:
    found = understood(sentence, table)
    assert found.labels == SETS[sentence]
    assert found.not_understood == []


LEFT: dict[str, list[str]] = {
    "a woman riding a purple bicycle": ["riding", "purple", "bicycle"],
    "戴帽子的女人": ["帽子"],
    "a red woman": ["red"],
    "not old": ["not old"],
    "a woman, her hair is not grey": ["not grey"],
    "not grey hair": ["not grey"],
    "no hat, glasses": ["no hat"],
    "seventyish": ["seventyish"],
    "a café smile": ["café"],
    "a man with 2 dogs": ["2", "dogs"],
    "une femme": ["une", "femme"],
}


@pytest.mark.parametrize("sentence", LEFT)
def test_what_is_not_understood_is_named(table: Labels, sentence: str) -> None:
    assert understood(sentence, table).not_understood == LEFT[sentence]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("an old young man", "old and young say two things of Age: leave one out."),
        ("男人和女人", "男人 and 女人 say two things of Woman to man: leave one out."),
        ("grey hair, red hair", "grey hair and red hair say two things of Hair colour: "),
        ("a bald man with a ponytail", "bald and ponytail say two things of Hair: "),
        ("a man aged 120", "The label age is 120: from 18 to 75 is accepted."),
        ("十岁的孩子", "The label age is 10: from 18 to 75 is accepted."),
    ],
)
def test_words_that_contradict_are_a_sentence(table: Labels, sentence: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        understood(sentence, table)
    assert str(caught.value).startswith(said)


def test_a_weak_word_gives_way(table: Labels) -> None:
    found = understood("a bald man with long hair", table)
    assert found.labels["hair"] == "bald" and found.gave_way == [("long", "bald")]


def test_a_models_own_classes_are_words() -> None:
    found = understood("a cat, no a dogfish", from_classes(("cat", "dogfish"), 2))
    assert found.labels == {"class": "cat"} and found.not_understood == ["no dogfish"]


def test_every_word_means_one_thing() -> None:
    words = [word for listed, _ in sentences.THINGS for word in listed.split()]
    others = [*sentences.COLOURS, *sentences.NOUNS, *sentences.NO, *sentences.JOINS]
    assert len(set(words)) == len(words)
    assert not set(words) & {*others, *sentences.EMPTY}
    assert not set(others) & (sentences.EMPTY - {*sentences.IS})


def test_every_value_can_be_set(table: Labels) -> None:
    for _, sets in sentences.THINGS:
        assert table.numbers(sets)
    assert table.numbers(sentences.DENIED)


def run(engine: Engine, sentence: str, **settings: object) -> list[Result]:
    return list(engine.run(Recipe("say", "heads-128", {"sentence": sentence, **settings})))


def test_the_picture_comes_in_two_stages_and_says_where_words_act(engine: Engine) -> None:
    first, last = run(engine, ASKED + ", with a hat", seed=4)
    assert first.preview[0].size == (64, 64) and not first.made
    kept = last.made[0]
    assert kept.picture.size == (128, 128)
    assert kept.figures["not understood"] == ["hat"]
    assert kept.figures["words"]["glasses"] == {"glasses": "dark frame"}
    assert [str(change) for change in last.report.changes] == ["Not understood: hat."]
    # the recipe is that of the face, and makes it again
    assert kept.recipe.task == "faces" and kept.recipe.settings["labels"]["age"] == OLD
    again = list(engine.run(kept.recipe))[-1].made[0]
    assert np.array_equal(np.asarray(again.picture), np.asarray(kept.picture))
    # the first stage is the same face, small
    small = np.asarray(kept.picture.resize((64, 64)), np.float32)
    early = np.asarray(kept.beside["first stage"], np.float32)
    assert np.abs(small - early).mean() < 12
    # a turn acts at the edges of the head, not in the corners
    turned = np.asarray(kept.beside["left"], np.float32)
    assert turned[40:90, 30:100].mean() > 2 * turned[:20, :20].mean()


def test_a_word_that_changes_nothing_is_black(engine: Engine) -> None:
    *_, seeded = run(engine, "a smile", seed=4)
    assert set(seeded.made[0].beside) == {"first stage", "smile"}


@pytest.mark.parametrize("sentence", ["zzz qqq", "。。。", "帽子"])
def test_a_sentence_without_a_word_that_is_known_is_refused(engine: Engine, sentence: str) -> None:
    with pytest.raises(UserError, match="None of these words says something"):
        run(engine, sentence)


@pytest.mark.parametrize("sentence", ["", " \n"])
def test_no_sentence_is_one(engine: Engine, sentence: str) -> None:
    with pytest.raises(UserError, match="There is no sentence yet: say whom to draw"):
        run(engine, sentence)


def test_a_model_without_labels_says_so() -> None:
    with pytest.raises(UserError, match="no labels that words could set"):
        list(say(Small(), Device("cpu"), None, sentence="a man"))
