"""The real window in a real Chromium: the faces tab as a person uses it."""

from __future__ import annotations

import io
import json
import re
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from ganapps.pictures.inside import from_picture, png_info
from ganapps.recipe import Recipe
from ganapps.ui.tabs.faces import PICKED
from tests.test_runtime import dcgan
from tests.window import go, leaving, unfold

TABS = ("faces",)
WALL = "#faces-wall .thumbnail-item"
LINE = "#faces-line"


@pytest.fixture
def faces(page: Page) -> Page:
    """The faces tab with the wall of the first visit on it."""
    expect(page.locator(LINE)).to_contain_text("12 pictures")
    expect(page.locator("#faces-go")).to_be_visible()
    return page


def generate(page: Page, count: int, seed: str) -> None:
    page.get_by_label("Seed: a number or any words").fill(seed)
    page.get_by_label("number input for How many").fill(str(count))
    page.get_by_label("number input for How many").press("Tab")
    before = page.locator(f"{WALL} img").first.get_attribute("src")
    page.locator("#faces-go").click()
    expect(page.locator(f"{WALL} img").first).not_to_have_attribute("src", before)
    done(page, count)


def done(page: Page, count: int) -> None:
    """Wait until a run of so many pictures is through."""
    expect(page.locator(LINE)).to_contain_text(
        re.compile(rf"\b{count} pictures? in .*just as asked")
    )
    expect(page.locator(WALL)).to_have_count(count)
    expect(page.locator("#faces-go")).to_be_visible()


def wall_files(page: Page) -> list[bytes]:
    """The PNGs of the wall, as "Download all" gives them; what is looked at are copies of them."""
    link = page.evaluate("document.querySelector('#faces-archive a').href")
    with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(link).read())) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith(".png")]


def test_the_first_visit_shows_faces_without_a_click(faces: Page) -> None:
    expect(faces.locator(WALL)).to_have_count(12)
    pictures = [np.asarray(Image.open(io.BytesIO(b))) for b in wall_files(faces)]
    assert all(p.std() > 10 for p in pictures), "a flat picture is no face"
    assert len({p.tobytes() for p in pictures}) == 12, "twelve seeds give twelve faces"


def test_generate_makes_the_seeds_asked_for_and_says_what_it_cost(faces: Page) -> None:
    faces.evaluate(
        """() => {
            window.read = [];
            const told = document.querySelector(".told[role=status]");
            const note = () => window.read.push(told.textContent);
            new MutationObserver(note).observe(told, { childList: true });
        }"""
    )
    generate(faces, 3, "1204")
    faces.wait_for_function("window.read.length")
    (sentence,) = faces.evaluate("window.read")
    assert re.fullmatch(r"3 pictures in [\d.]+ s · just as asked", sentence), "read out once"
    captions = faces.locator("#faces-wall .caption-label").all_inner_texts()
    assert captions == ["seed 1204", "seed 1205", "seed 1206"]
    expect(faces.locator(LINE)).to_contain_text(
        re.compile(
            r"3 pictures in [\d.]+ s · just as asked.*heads-\d+ · .*float32 · \d+ network calls"
        )
    )
    expect(faces.locator("#faces-price")).to_contain_text("about")


def test_words_are_a_seed(faces: Page) -> None:
    generate(faces, 1, "Ada Lovelace")
    assert faces.locator("#faces-wall .caption-label").inner_text() == "seed 1987314198"


def test_a_click_on_a_face_takes_its_seed(faces: Page) -> None:
    name = faces.locator("#faces-wall .caption-label").nth(5).inner_text()
    faces.locator(WALL).nth(5).click()
    seed = name.removeprefix("seed ")
    expect(faces.get_by_label("Seed: a number or any words")).to_have_value(seed)


TWO_CLICKS = """async (name) => {
  const faces = document.querySelectorAll(name);
  faces[2].click();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  faces[5].click();
}"""


def test_of_two_faces_clicked_at_once_the_last_is_the_one(faces: Page) -> None:
    """Gradio leaves out what is pressed while it still answers."""
    faces.evaluate(TWO_CLICKS, WALL)
    last = faces.locator("#faces-wall .caption-label").nth(5).inner_text()
    expect(faces.locator("#faces-one figcaption")).to_contain_text(last)


def test_a_face_that_is_clicked_is_the_one(faces: Page, tmp_path: Path) -> None:
    for number in (3, 7):
        faces.locator(WALL).nth(number).click()
        expect(faces.locator("#faces-one figcaption")).to_contain_text(
            faces.locator("#faces-wall .caption-label").nth(number).inner_text()
        )
        faces.locator("#faces-add").click()
    expect(faces.locator("#faces-reel img")).to_have_count(2)
    # the film goes through these two, in their order
    faces.locator("#faces-film-go").click()
    image = faces.locator("#faces-film img")
    expect(image).to_be_visible(timeout=60_000)
    film = tmp_path / "film.webp"
    film.write_bytes(urllib.request.urlopen(image.get_attribute("src")).read())
    assert from_picture(film).settings["seeds"] == [PICKED[3], PICKED[7]]
    video = faces.get_by_role("link", name="Save the film (MP4)")
    address = faces.url.split("?")[0] + str(video.get_attribute("href"))
    assert urllib.request.urlopen(address).read()[4:8] == b"ftyp"
    # what is like it are its children, and a child has children, too
    for _ in range(2):
        before = faces.locator(f"{WALL} img").first.get_attribute("src")
        faces.locator("#faces-alike").click()
        expect(faces.locator(f"{WALL} img").first).not_to_have_attribute("src", before)
        done(faces, 12)
        faces.locator(WALL).nth(0).click()
        expect(faces.locator("#faces-one figcaption")).to_contain_text("a child")


def test_what_a_browser_keeps_it_alone_keeps_and_clears(faces: Page) -> None:
    faces.locator(WALL).nth(2).click()
    expect(faces.locator("#faces-one img")).to_be_visible()
    faces.locator("#faces-keep").click()
    kept = faces.locator("[data-shelf=kept] a")
    expect(kept).to_have_count(1)
    assert f"seed={PICKED[2]}" in kept.get_attribute("href")
    expect(faces.locator("[data-shelf=latest] a")).to_have_count(1)
    with leaving(faces):
        kept.click()
        expect(faces.locator(WALL)).to_have_count(1)
    expect(faces.locator("#faces-wall .caption-label")).to_have_text(f"seed {PICKED[2]}")
    faces.locator(".shelf .clear").click()
    expect(faces.locator("[data-shelf] a")).to_have_count(0)


def test_a_slider_acts_while_it_moves_where_that_is_quick(faces: Page, engine) -> None:
    recipe = Recipe("faces", "heads-128", {"count": 12})
    # whatever the first wall took on a busy machine
    while (engine.ledger.get(engine._key(recipe), 12)[0] or 1) > 0.1:
        engine.ledger.add(engine._key(recipe), 0.01, 12, None)
    before = faces.locator(f"{WALL} img").first.get_attribute("src")
    names = faces.locator("#faces-wall .caption-label").all_inner_texts()
    faces.get_by_label("range slider for Variety (psi)").fill("0.2")
    expect(faces.locator(f"{WALL} img").first).not_to_have_attribute("src", before)
    assert faces.locator("#faces-wall .caption-label").all_inner_texts() == names


def test_a_label_begins_with_what_the_face_has(faces: Page, engine) -> None:
    (first,) = [
        k
        for r in engine.run(Recipe("faces", "heads-128", {"seed": 52, "count": 1}))
        for k in r.made
    ]
    faces.locator(WALL).nth(1).click()
    expect(faces.locator("#faces-one figcaption")).to_contain_text("seed 52")
    faces.get_by_role("checkbox", name="Hair", exact=True).check()
    expect(faces.get_by_role("combobox", name="Hair", exact=True)).to_have_value(
        first.figures["labels"]["hair"]
    )


def test_random_and_use_last(faces: Page) -> None:
    generate(faces, 1, "77")
    box = faces.get_by_label("Seed: a number or any words")
    faces.get_by_role("button", name="Random").click()
    expect(box).not_to_have_value("77")
    # and draws it
    caption = faces.locator("#faces-wall .caption-label").first
    expect(caption).not_to_have_text("seed 77")
    expect(caption).to_have_text(f"seed {box.input_value()}")
    expect(faces.locator("#faces-go")).to_be_visible()
    faces.get_by_role("button", name="Use last").click()
    expect(box).to_have_value("77")


def test_each_png_holds_the_recipe_that_makes_just_it(faces: Page, engine, tmp_path: Path) -> None:
    generate(faces, 2, "31")
    for data in wall_files(faces):
        path = tmp_path / "face.png"
        path.write_bytes(data)
        again = [k for r in engine.run(from_picture(path)) for k in r.made]
        assert len(again) == 1
        assert np.array_equal(np.asarray(again[0].picture), np.asarray(Image.open(path)))


def test_the_same_recipe_through_window_api_and_command_line(
    faces: Page, url: str, tmp_path: Path
) -> None:
    from gradio_client import Client

    from ganapps.__main__ import main

    generate(faces, 2, "8")
    window = [np.asarray(Image.open(io.BytesIO(b))) for b in wall_files(faces)]
    files, answer = Client(url, verbose=False, download_files=tmp_path).predict(
        seed="8", count=2, api_name="/faces"
    )
    api = [np.asarray(Image.open(f)) for f in files]
    recipe = tmp_path / "recipe.json"
    recipe.write_text(
        Recipe("faces", answer["recipe"]["checkpoint"], {"seed": 8, "count": 2}).to_json()
    )
    assert main(["run", str(recipe), "--out", str(tmp_path / "out")]) == 0
    command = [np.asarray(Image.open(p)) for p in sorted((tmp_path / "out").glob("*.png"))]
    assert len(window) == len(api) == len(command) == 2
    for a, b, c in zip(window, api, command):
        assert np.array_equal(a, b) and np.array_equal(b, c)


def test_the_strip_goes_from_past_the_average_to_wild(faces: Page) -> None:
    faces.locator("#faces-strip-go").click()
    expect(faces.locator("#faces-strip .thumbnail-item")).to_have_count(9)
    captions = faces.locator("#faces-strip .caption-label").all_inner_texts()
    assert (captions[0], captions[-1]) == ("-0.50", "1.20")


def test_the_film_is_an_animated_picture(faces: Page) -> None:
    faces.get_by_label("number input for How many").fill("2")
    faces.get_by_label("number input for How many").press("Tab")
    faces.locator("#faces-film-go").click()
    image = faces.locator("#faces-film img")
    expect(image).to_be_visible(timeout=30_000)
    film = Image.open(io.BytesIO(urllib.request.urlopen(image.get_attribute("src")).read()))
    assert film.n_frames == 32


def test_described_labels_change_the_face_and_stand_in_the_recipe(
    faces: Page, tmp_path: Path
) -> None:
    generate(faces, 1, "3")
    plain = wall_files(faces)[0]
    faces.get_by_role("checkbox", name="Ancestry").check()
    expect(faces.get_by_role("combobox", name="Ancestry")).to_be_visible()
    faces.get_by_role("combobox", name="Ancestry").click()
    faces.get_by_role("option", name="African").click()
    src = faces.locator(f"{WALL} img").first.get_attribute("src")
    faces.locator("#faces-go").click()
    expect(faces.locator(f"{WALL} img").first).not_to_have_attribute("src", src)
    path = tmp_path / "described.png"
    path.write_bytes(wall_files(faces)[0])
    assert "ancestry" in from_picture(path).settings["labels"]
    assert plain != path.read_bytes()


def test_a_link_makes_exactly_this_again(faces: Page, url: str) -> None:
    generate(faces, 2, "99")
    first = wall_files(faces)
    link = faces.locator("#faces-link textarea, #faces-link input").input_value()
    assert "seed=99" in link and "checkpoint=" in link
    go(faces, url + link)
    expect(faces.locator(WALL)).to_have_count(2)
    expect(faces.get_by_label("Seed: a number or any words")).to_have_value("99")
    assert [Image.open(io.BytesIO(b)).tobytes() for b in wall_files(faces)] == [
        Image.open(io.BytesIO(b)).tobytes() for b in first
    ]


def test_a_png_of_ours_brings_its_settings_back(faces: Page, tmp_path: Path) -> None:
    path = tmp_path / "ours.png"
    recipe = Recipe(
        "faces",
        "heads-128",
        {"seed": 4242, "count": 5, "psi": 0.35},
    )
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info(recipe))
    faces.locator("input[type=file][data-testid*=Settings]").set_input_files(path)
    expect(faces.get_by_label("Seed: a number or any words")).to_have_value("4242")
    expect(faces.get_by_label("number input for How many")).to_have_value("5")
    expect(faces.get_by_label("number input for Variety (psi)")).to_have_value("0.35")


def test_a_png_dropped_anywhere_on_the_tab_brings_its_settings_back(
    faces: Page, tmp_path: Path
) -> None:
    path = tmp_path / "ours.png"
    recipe = Recipe("faces", "heads-128", {"seed": 777, "count": 2})
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_info(recipe))
    faces.evaluate(
        """([bytes]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], "ours.png", {type: "image/png"}));
        for (const kind of ["dragover", "drop"])
            document.querySelector("#faces-price").dispatchEvent(
                new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: files}));
    }""",
        [list(path.read_bytes())],
    )
    expect(faces.get_by_label("Seed: a number or any words")).to_have_value("777")


def test_a_strange_png_is_refused_in_a_sentence(faces: Page, tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    Image.new("RGB", (8, 8)).save(path)
    faces.locator("input[type=file][data-testid*=Settings]").set_input_files(path)
    expect(faces.locator(f"{LINE} [role=alert]")).to_contain_text("holds no recipe")


def test_a_model_that_can_not_be_had_says_so_and_offers_one_that_can(faces: Page) -> None:
    unfold(faces, "faces-more")
    faces.get_by_label("Another checkpoint of the Hub").fill("nobody/nothing:model.pt")
    faces.get_by_label("Another checkpoint of the Hub").press("Tab")
    faces.locator("#faces-go").click()
    expect(faces.locator(f"{LINE} [role=alert]")).to_contain_text("nobody/nothing")
    faces.locator("#faces-instead").click()
    expect(faces.get_by_label("Another checkpoint of the Hub")).to_have_value("")
    generate(faces, 1, "1")


def test_everything_can_be_downloaded_as_one_zip(faces: Page) -> None:
    import zipfile

    generate(faces, 2, "5")
    with faces.expect_download() as download:
        faces.locator("#faces-archive a").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert sum(n.endswith(".png") for n in names) == 2 and {
            "recipe.json",
            "report.json",
        } <= set(names)


def test_chinese_visitors_read_chinese(browser, url: str) -> None:
    context = browser.new_context(locale="zh-HK")  # which Gradio has no labels for
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("button", name="生成", exact=True)).to_be_visible()
    expect(page.locator(LINE)).to_contain_text("完全按要求")
    context.close()


def test_what_gradio_hides_is_not_read_out_either(faces: Page) -> None:
    hidden = faces.locator("[data-testid=status-tracker].hide")
    assert hidden.count() and set(
        hidden.evaluate_all("found => found.map(x => getComputedStyle(x).visibility)")
    ) == {"hidden"}


def test_the_keyboard_is_enough(faces: Page) -> None:
    box = faces.get_by_label("Seed: a number or any words")
    box.focus()
    faces.keyboard.press("Control+A")
    faces.keyboard.type("606")
    faces.keyboard.press("Enter")
    expect(faces.locator("#faces-wall .caption-label").first).to_have_text("seed 606")


def test_a_phone_never_scrolls_sideways(browser, url: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(url)
    expect(page.locator(WALL)).to_have_count(12)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    button, wall = (
        page.locator("#faces-go").bounding_box(),
        page.locator("#faces-wall").bounding_box(),
    )
    more = page.locator("#faces-more").bounding_box()
    assert button["y"] < wall["y"] < more["y"], "the result comes right under the button"
    context.close()


def test_a_checkpoint_file_of_ones_own_draws_faces(faces: Page, tmp_path: Path) -> None:
    torch.save(dcgan(), tmp_path / "mine.pt")
    unfold(faces, "faces-more")
    faces.locator("#faces-weights input[type=file]").set_input_files(tmp_path / "mine.pt")
    expect(faces.locator(".chips").filter(has_text="your file")).to_contain_text("dcgan")
    generate(faces, 2, "5")
    expect(faces.locator(LINE)).to_contain_text("sha256:")
    assert Image.open(io.BytesIO(wall_files(faces)[0])).size == (8, 8)
    faces.locator("#faces-model input").click()
    faces.get_by_role("option", name="Heads 64").click()
    expect(faces.locator("#faces-weights")).not_to_contain_text("mine.pt")
    expect(faces.locator(".chips").first).to_contain_text("here")


KEPT_STATUSES = """async (address) => {
  const parts = Object.values(await import(address));
  return parts.find((part) => part?.prototype?.resolve_args).prototype;
}"""


def test_gradios_page_keeps_the_status_of_one_component(faces: Page) -> None:
    """All that it keeps it looks up at every message: with each input of each event that was over
    there were hundreds.
    """
    files = "performance.getEntriesByType('resource').map((file) => file.name)"
    tracker = re.compile(r"/statustracker-[^/]+\.js$")
    (address,) = {name for name in faces.evaluate(files) if tracker.search(name)}
    chrome = faces.context.new_cdp_session(faces)
    class_ = chrome.send(
        "Runtime.evaluate",
        {"expression": f"({KEPT_STATUSES})({json.dumps(address)})", "awaitPromise": True},
    )
    kept = chrome.send("Runtime.queryObjects", {"prototypeObjectId": class_["result"]["objectId"]})
    told = chrome.send(
        "Runtime.callFunctionOn",
        {
            "objectId": kept["objects"]["objectId"],
            "functionDeclaration": "function () { return this.map((s) => Object.keys(s.current)) }",
            "returnByValue": True,
        },
    )
    assert [len(ids) for ids in told["result"]["value"]] == [1]
