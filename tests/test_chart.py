"""The chart of quality over seconds: what is drawn is what was measured."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ganapps.ui.parts.chart import FIGURES, READING, Line, Point, chart, table

GAN = Line(
    "Forger",
    "square",
    tuple(
        Point(f"psi {psi}", 0.01, {"frechet": f, "recall": r}, 500, psi == 0.7)
        for psi, f, r in ((0.5, 30.0, 0.2), (0.7, 22.0, 0.3))
    ),
    here=True,
)
WALK = Line(
    "Walker <64>",
    "circle",
    tuple(
        Point(f"{n} steps", 0.02 * n, {"frechet": f}, 500, n == 25)
        for n, f in ((5, 80.0), (25, 35.0), (100, 28.0))
    ),
    here=False,
)


def drawings(figure: str, lang: str = "en") -> list[ElementTree.Element]:
    text = chart((GAN, WALK), figure, lang)
    return ElementTree.fromstring(f"<both>{text}</both>").findall("svg")


def marks(drawing: ElementTree.Element, series: str) -> list[tuple[float, float]]:
    """Where the points of a series stand."""
    found = [g for g in drawing.findall("g") if series in g.get("class")]
    shapes = [
        e
        for g in found
        for e in g.findall("g/*")
        if e.get("class") != "now" and e.tag in ("rect", "circle")
    ]
    return [
        (float(e.get("cx") or float(e.get("x")) + 5), float(e.get("cy") or float(e.get("y")) + 5))
        for e in shapes
    ]


def test_there_is_one_for_a_desk_and_one_for_a_phone_each_with_its_own_title() -> None:
    wide, tall = drawings("frechet")
    ids = [e.get("id") for d in (wide, tall) for e in d.iter() if e.get("id")]
    assert len(set(ids)) == len(ids) == 4
    for drawing in (wide, tall):
        assert drawing.get("role") == "img" and drawing.get("aria-labelledby").split() == [
            e.get("id") for e in drawing.iter() if e.get("id")
        ]
        assert "Walker <64>: 5 steps 0.100 s 80" in drawing.find("desc").text


@pytest.mark.parametrize("which", [0, 1])
def test_lower_figures_stand_lower_and_longer_seconds_further_right(which: int) -> None:
    drawing = drawings("frechet")[which]
    steps = marks(drawing, "circle")
    assert [x for x, _ in steps] == sorted(x for x, _ in steps) and [y for _, y in steps] == sorted(
        y for _, y in steps
    ), "down the page is a lower figure"
    assert steps[1][0] - steps[0][0] == pytest.approx(
        (steps[2][0] - steps[1][0]) * 1.161, rel=0.01
    ), "equal factors of time are equal ways: 5 to 25 and 25 to 100"
    gan = marks(drawing, "square")
    assert gan[0][0] == gan[1][0] < steps[0][0] and gan[0][1] < gan[1][1]
    width, height = (float(n) for n in drawing.get("viewBox").split()[2:])
    assert all(0 < x < width and 0 < y < height for x, y in gan + steps)


def test_what_the_controls_say_is_ringed_and_live_seconds_are_filled() -> None:
    wide, _ = drawings("frechet")
    ringed = [
        g.find("title").text for g in wide.iter("g") if g.find("circle[@class='now']") is not None
    ]
    assert ringed == [
        "Forger, psi 0.7: 0.010 s, Nearness (Fréchet distance) 22",
        "Walker <64>, 25 steps: 0.500 s, Nearness (Fréchet distance) 35",
    ]
    assert [("live" in g.get("class")) for g in wide.iter("g") if "mark" in g.get("class")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_figure_that_was_not_measured_is_left_out_not_made_up() -> None:
    wide, _ = drawings("recall")
    assert marks(wide, "circle") == [] and len(marks(wide, "square")) == 2
    assert chart((GAN, WALK), "diversity", "en") == ""


def test_the_table_has_the_same_numbers() -> None:
    rows = re.findall(r"<tr.*?</tr>", table((GAN, WALK), "en"))
    cells = [re.findall(r">([^<>]+)<", row) for row in rows]
    assert cells[0] == [
        "Setting",
        "Seconds a picture",
        FIGURES["frechet"],
        FIGURES["recall"],
        "Pictures measured",
    ]
    assert cells[2] == ["Forger, psi 0.7", "0.010", "22.000", "0.300", "500"] and cells[3] == [
        "Walker &lt;64&gt;, 5 steps",
        "0.100",
        "80.000",
        "–",
        "500",
    ]
    assert [i for i, row in enumerate(rows) if "class=now" in row] == [2, 4]


def test_its_words_are_there_in_chinese() -> None:
    from ganapps.ui.parts.why import TEXTS
    from ganapps.ui.words import chinese

    wanted = [
        *FIGURES.values(),
        *READING.values(),
        *(
            w
            for title, text, links in TEXTS
            for w in (title, text, *(v[0] for v in links.values() if isinstance(v, tuple)))
        ),
    ]
    assert [w for w in wanted if w not in chinese()] == []
    assert "步" in drawings("frechet", "zh")[0].find("desc").text
