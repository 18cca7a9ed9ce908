"""Keyword arguments as settings: what is filled in, cast and refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapps.errors import UserError
from ganapps.recipe import from_link
from ganapps.settings import Setting, check, settings_of
from ganapps.tasks.table import worded


def task(
    network: object,
    *,
    seed: int | str = 0,
    count: Annotated[int, Setting(1, 64)] = 12,
    psi: Annotated[float, Setting(-2.0, 2.0)] = 0.7,
    cutoff: Annotated[int, Setting(0, 31)] | None = None,
    noise: Literal["const", "random"] = "const",
    labels: dict[str, Any] | None = None,
    sharp: bool = False,
) -> Iterator[int]:
    """A task function as the tasks have them."""
    yield 0


def needs(*, scale: int) -> None:
    """A task with a setting that has no default."""


DEFAULTS = {
    "seed": 0,
    "count": 12,
    "psi": 0.7,
    "cutoff": None,
    "noise": "const",
    "labels": None,
    "sharp": False,
}


def test_defaults_are_filled_in() -> None:
    assert check(task, {}) == DEFAULTS
    assert check(task, {"psi": 1, "count": 3.0, "seed": "Ann"}) == DEFAULTS | {
        "psi": 1.0,
        "count": 3,
        "seed": "Ann",
    }
    assert (
        type(check(task, {"psi": 1})["psi"]) is float
        and type(check(task, {"count": 3.0})["count"]) is int
    )


REFUSED = {
    "unknown": (
        {"sede": 1},
        "The setting sede is unknown: accepted are seed, count, psi, cutoff, noise, labels, sharp.",
    ),
    "positional": (
        {"network": 1},
        "The setting network is unknown: accepted are seed, count, psi, cutoff, noise, labels, "
        "sharp.",
    ),
    "text for a number": (
        {"count": "3"},
        "The setting count can't be '3': a whole number is accepted.",
    ),
    "half a picture": (
        {"count": 1.5},
        "The setting count can't be 1.5: a whole number is accepted.",
    ),
    "switch for a number": (
        {"count": True},
        "The setting count can't be True: a whole number is accepted.",
    ),
    "too many": ({"count": 65}, "The setting count is 65: from 1 to 64 is accepted."),
    "too wild": ({"psi": -2.5}, "The setting psi is -2.5: from -2 to 2 is accepted."),
    "no number": ({"psi": float("nan")}, "The setting psi is nan: from -2 to 2 is accepted."),
    "no float at all": (
        {"psi": 10**400},
        "The setting psi can't be " + "1" + "0" * 196 + "...: a number is accepted.",
    ),
    "below": ({"cutoff": -1}, "The setting cutoff is -1: from 0 to 31 is accepted."),
    "another kind": (
        {"cutoff": "all"},
        "The setting cutoff can't be 'all': a whole number, nothing is accepted.",
    ),
    "a word not known": (
        {"noise": "loud"},
        "The setting noise can't be 'loud': 'const', 'random' is accepted.",
    ),
    "a list for a word": (
        {"noise": []},
        "The setting noise can't be []: 'const', 'random' is accepted.",
    ),
    "a list for a table": (
        {"labels": [1]},
        "The setting labels can't be [1]: a table, nothing is accepted.",
    ),
    "a number for a switch": (
        {"sharp": 1},
        "The setting sharp can't be 1: true or false is accepted.",
    ),
    "none where none is not": (
        {"seed": None},
        "The setting seed can't be None: a whole number, text is accepted.",
    ),
    "half a character": (
        {"seed": "\ud800"},
        "The setting seed can't be '\\ud800': a whole number, text is accepted.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_setting_is_refused_by_name(name: str) -> None:
    asked, sentence = REFUSED[name]
    with pytest.raises(UserError) as error:
        check(task, asked)
    assert str(error.value) == sentence


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(UserError, match="^The setting scale is missing.$"):
        check(needs, {})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([*DEFAULTS, "network", "x"]), anything, max_size=3))
def test_whatever_comes_is_checked_or_refused(asked: dict) -> None:
    try:
        checked = check(task, asked)
    except UserError:
        return
    assert list(checked) == list(DEFAULTS) and check(task, checked) == checked
    assert 1 <= checked["count"] <= 64 and -2 <= checked["psi"] <= 2


def test_bounds_for_the_sliders() -> None:
    known = settings_of(task)
    assert known["count"].said == Setting(1, 64) and known["cutoff"].said == Setting(0, 31)
    assert known["noise"].said == Setting()


def test_every_setting_that_a_person_words_is_known() -> None:
    assert worded() == {"prompt", "negative", "seed", "mix", "to", "labels"} | {
        *("edits", "names", "family", "sentence")
    }


@pytest.mark.parametrize(("query", "said"), [("noise=const.", "const"), ("negative=fog.", "fog.")])
def test_a_link_ends_where_its_words_do(query: str, said: str) -> None:
    found = from_link("?task=faces&checkpoint=m&" + query, worded())
    assert found is not None
    assert list(found.settings.values()) == [said]
