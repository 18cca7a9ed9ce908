"""The workshop in the real window: one face edited, pulled, bred, said, found in an upload, and
many exported.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from skimage import data

from ganapps.pictures import masks
from ganapps.pictures.inside import from_picture
from tests.window import choose, go, unfold

TABS = ("faces", "upscale")
LONG = 90_000  # milliseconds, on a busy machine


@pytest.fixture
def workshop(page: Page) -> Page:
    """The workshop, open, with the face of the seed in it."""
    page.locator("#faces-archive a").wait_for(state="attached")
    unfold(page, "faces-workshop")
    expect(page.locator("#faces-edit-picture img")).to_be_visible(timeout=LONG)
    expect(page.get_by_label("number input for Smile")).to_be_visible(timeout=LONG)
    return page


def section(page: Page, title: str) -> None:
    page.locator("#faces-workshop-tabs").get_by_role("tab", name=title, exact=True).click()


def typed(box: Locator, text: str) -> None:
    """Types until it stays: a section that has just opened may take back what is typed."""
    for _ in range(20):
        box.fill(text)
        box.press("Tab")
        box.page.wait_for_timeout(1_000)
        if box.input_value() == text:
            return


def shown(page: Page) -> str:
    source = page.locator("#faces-edit-picture img").get_attribute("src")
    assert source
    return source


def test_a_slider_acts_and_a_stroke_pulls_and_undo_comes_back(workshop: Page) -> None:
    first = shown(workshop)
    smile = workshop.get_by_label("number input for Smile")
    smile.fill("1")
    smile.press("Tab")
    moved = workshop.locator("#faces-edit-moved")
    expect(moved).to_contain_text(re.compile(r"Smile\s*Smile \+\d"), timeout=LONG)
    expect(moved).to_contain_text(re.compile(r"Still the same person 0\.\d\d"))
    expect(moved).to_contain_text(re.compile(r"A reader of heads sees Age \d\d years, Hair [a-z]"))
    assert shown(workshop) != first
    picture = workshop.locator("#faces-edit-picture img")
    expect(picture).to_have_js_property("complete", True)
    picture.scroll_into_view_if_needed()  # which waits until it is still
    box = picture.bounding_box()
    assert box
    scale = box["width"] / 128
    workshop.mouse.move(box["x"] + 52.5 * scale, box["y"] + 92.5 * scale)
    workshop.mouse.down()
    workshop.mouse.move(box["x"] + 46.5 * scale, box["y"] + 88.5 * scale, steps=3)
    workshop.mouse.up()
    points = workshop.locator("#faces-edit-points").get_by_role("textbox")
    expect(points).to_have_value("52, 92, 46, 88")
    smiling = shown(workshop)
    workshop.locator("#faces-edit-pull").click()
    line = workshop.locator("#faces-edit-line")
    expect(line).to_contain_text(re.compile("All points are there|still"), timeout=LONG)
    expect(smile).to_have_value("0")
    assert shown(workshop) != smiling
    workshop.locator("#faces-edit-undo").click()
    expect(picture).to_have_attribute("src", re.compile("as-it-is"), timeout=LONG)


def test_what_was_found_gets_a_name_and_the_face_grows_old(workshop: Page) -> None:
    workshop.locator("#faces-edit-other input").click()
    workshop.get_by_role("option", name="pca-1", exact=True).click()
    called = workshop.locator("#faces-edit-called").get_by_role("textbox")
    expect(called).to_be_enabled(timeout=LONG)
    called.fill("hat")
    called.press("Enter")
    workshop.locator("#faces-edit-other input").click()
    named = workshop.get_by_role("option", name="hat (pca-1)")
    expect(named).to_be_visible(timeout=LONG)
    named.click()
    expect(called).to_have_value("hat")
    far = workshop.get_by_label("number input for how far")
    typed(far, "1")
    expect(workshop.locator("#faces-edit-moved")).to_contain_text("hat", timeout=LONG)
    section(workshop, "Age, front")
    workshop.locator("#faces-ages-go").click()
    strip = workshop.locator("#faces-ages-strip .thumbnail-item")
    expect(workshop.locator("#faces-ages-file a")).to_be_visible(timeout=LONG)
    expect(strip).to_have_count(7)
    captions = workshop.locator("#faces-ages-strip .caption-label")
    expect(captions.first).to_have_text(re.compile(r"18 · 0\.\d\d"))
    strip.last.click()
    expect(workshop.locator("#faces-ages-file a")).to_have_text("Download this face")
    edited = shown(workshop)
    workshop.locator("#faces-ages-take").click()
    picture = workshop.locator("#faces-edit-picture img")
    expect(picture).to_be_visible(timeout=LONG)
    expect(picture).not_to_have_attribute("src", edited, timeout=LONG)
    expect(far).to_have_value("0")
    workshop.locator("#faces-edit-send-upscale").click()
    expect(workshop.locator("#upscale-picture img")).to_be_visible(timeout=LONG)


def pictures_in(page: Page, place: str) -> set[str]:
    """The addresses of the pictures that stand there."""
    read = (
        """(all) => all.map((one) => new URL(one.src ?? one.href.baseVal, document.baseURI).href)"""
    )
    return set(page.locator(f"{place} :is(img, image)").evaluate_all(read))


def status(address: str) -> int:
    """The HTTP status with which an address is answered."""
    try:
        with urllib.request.urlopen(address) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def drag(page: Page, place: str, *way: tuple[float, float]) -> None:
    """The pointer pressed from one pixel of a face of 128 to the next, on what lies at `place`."""
    shown = page.locator(place)
    shown.scroll_into_view_if_needed()  # which waits until it is still
    box = shown.bounding_box()
    assert box
    places = [(box["x"] + (x + 0.5) * box["width"] / 128, y) for x, y in way]
    places = [(x, box["y"] + (y + 0.5) * box["width"] / 128) for x, y in places]
    page.mouse.move(*places[0])
    page.mouse.down()
    for x, y in places[1:]:
        page.mouse.move(x, y, steps=3)
    page.mouse.up()


def test_what_may_move_is_painted_and_undo_takes_a_stroke_back(
    workshop: Page, tmp_path: Path
) -> None:
    picture = workshop.locator("#faces-edit-picture img")
    expect(picture).to_have_js_property("complete", True)
    draws = workshop.locator("#faces-edit-draws")
    draws.get_by_label("where something may move").check()
    painter = workshop.locator("#faces-edit-painter")
    expect(painter.locator("img[data-begun]")).to_be_visible(timeout=LONG)
    expect(picture).to_be_hidden()
    field = workshop.locator("#faces-edit-mask :is(textarea, input)")
    canvas = "#faces-edit-painter canvas"

    def marked(tool: str, *way: tuple[float, float]) -> np.ndarray:
        before = field.input_value()
        painter.get_by_role("button", name=tool).click()
        drag(workshop, canvas, *way)
        expect(field).not_to_have_value(before)
        return masks.unpacked(field.input_value())

    brushed = marked("Brush", (20, 95), (110, 95))
    assert brushed.shape == (128, 128) and brushed[95, [30, 100]].all() and not brushed[20].any()
    erased = marked("Eraser", (90, 95), (110, 95))
    assert erased[95, 30] and not erased[95, 100]
    text = field.input_value()
    boxed = marked("Rectangle", (40, 20), (60, 30))
    assert boxed[21:29, 41:59].all() and not boxed[40].any() and boxed[95, 30]
    painter.get_by_role("button", name="Undo").click()
    expect(field).to_have_value(text)
    workshop.locator(canvas).press(" ")  # the keyboard paints where its cursor stands
    expect(field).not_to_have_value(text)
    assert masks.unpacked(field.input_value()).sum() > erased.sum()
    painter.get_by_role("button", name="Undo").click()
    expect(field).to_have_value(text)

    free = workshop.locator("#faces-edit-free").get_by_role("textbox")
    free.fill("40, 80, 50, 5")
    draws.get_by_label("points").check()
    expect(picture).to_be_visible()
    drag(workshop, "#faces-edit-picture img", (40, 80), (90, 110))
    points = workshop.locator("#faces-edit-points").get_by_role("textbox")
    expect(points).to_have_value("40, 80, 90, 110")
    for drawn in ("rect", "line", "image"):
        expect(workshop.locator(f"#faces-edit-picture .arrows {drawn}")).to_have_count(1)
    workshop.locator("#faces-edit-undo").click()
    expect(points).to_have_value("", timeout=LONG)
    expect(workshop.locator("#faces-edit-picture .arrows line")).to_have_count(0)

    drag(workshop, "#faces-edit-picture img", (52, 92), (46, 90))
    workshop.locator("#faces-edit-pull").click()
    line = workshop.locator("#faces-edit-line")
    expect(line).to_contain_text(re.compile("All points are there|still"), timeout=LONG)
    (tmp_path / "pulled.png").write_bytes(
        urllib.request.urlopen(picture.evaluate("(picture) => picture.src")).read()
    )
    erased[80:85, 40:90] = True
    asked = from_picture(str(tmp_path / "pulled.png")).settings["may_move"]
    assert np.array_equal(masks.unpacked(asked), erased)


def test_no_points_and_odd_points_are_a_sentence(workshop: Page) -> None:
    points = workshop.locator("#faces-edit-points").get_by_role("textbox")
    for text, said in (("", "1 to 20 are accepted"), ("5, 5", "5, 5 is no point to pull")):
        points.fill(text)
        workshop.locator("#faces-edit-pull").click()
        expect(workshop.locator("#faces-edit-line")).to_contain_text(said, timeout=LONG)


def test_a_face_that_is_not_there_yet_can_t_be_edited_and_edit_keeps_its_own(
    workshop: Page,
) -> None:
    first = shown(workshop)
    section(workshop, "Say")
    workshop.locator("#faces-say-take").click()
    answer = workshop.locator("#faces-workshop .answer [role=alert]")
    expect(answer).to_contain_text("There is nothing here yet", timeout=LONG)
    section(workshop, "Edit")
    assert shown(workshop) == first


def test_a_number_beyond_a_slider_is_a_sentence(workshop: Page) -> None:
    smile = workshop.get_by_label("number input for Smile")
    smile.fill("9")
    smile.press("Tab")
    line = workshop.locator("#faces-edit-line")
    expect(line).to_contain_text("smile can't be gone by 9", timeout=LONG)
    smile.fill("")
    smile.press("Tab")
    expect(line).not_to_contain_text("wrong here", timeout=LONG)


def test_a_child_joins_the_family_and_its_file_holds_its_lineage(
    workshop: Page, tmp_path: Path
) -> None:
    section(workshop, "Breed")
    tree = workshop.locator("#faces-breed-tree image")
    seed = workshop.locator("#faces-seed").get_by_role("textbox")
    for index, number in enumerate(("3", "8"), 1):
        seed.fill(number)
        workshop.locator("#faces-breed-add").click()
        expect(tree).to_have_count(index, timeout=LONG)
    workshop.locator("#faces-breed-go").click()
    children = workshop.locator("#faces-breed-litter .thumbnail-item")
    expect(workshop.locator("#faces-breed-line")).to_contain_text("levels apart", timeout=LONG)
    expect(children).to_have_count(8)
    children.nth(1).click()
    expect(tree).to_have_count(3)
    with workshop.expect_download() as download:
        workshop.locator("#faces-breed-file a").click()
    path = tmp_path / "child.png"
    download.value.save_as(path)
    recipe = from_picture(str(path))
    assert recipe.task == "breed"
    assert set(recipe.settings["family"]) == {"3", "8"}
    # a click in the tree makes somebody a parent, and no longer; so do keys, which stay there
    parents = workshop.locator("#faces-breed-parents .token")
    expect(parents).to_have_text([re.compile("8"), re.compile("3\\.")])
    eldest = workshop.locator("#faces-breed-tree").get_by_role("button", name="3", exact=True)
    expect(eldest).to_have_attribute("aria-pressed", "false")
    eldest.click()
    expect(eldest).to_have_attribute("aria-pressed", "true")
    expect(parents).to_have_count(3)
    expect(workshop.locator("#faces-breed-file a")).to_have_text("Download this face")
    eldest.focus()
    eldest.press("Enter")
    expect(eldest).to_have_attribute("aria-pressed", "false")
    expect(eldest).to_be_focused()
    workshop.locator("#faces-breed-tree").get_by_role("button", name="8", exact=True).click()
    expect(parents).to_have_text([re.compile("3\\.")])
    eldest.click()
    expect(parents).to_have_text([re.compile("3\\."), re.compile("3")])
    # of presses that come quicker than answers none is lost
    press = "one.dispatchEvent(new Event('click', { bubbles: true }));"
    eldest.evaluate(f"(one) => {{ for (let i = 0; i < 4; i++) {press} }}")
    workshop.locator("#faces-breed-tree").get_by_role("button", name="8", exact=True).click()
    expect(parents).to_have_text([re.compile("3\\."), re.compile("3"), re.compile("8")])
    workshop.locator("#faces-breed-tree").get_by_role("button", name="8", exact=True).click()
    expect(parents).to_have_count(2)
    workshop.locator("#faces-breed-film-go").click()
    film = workshop.locator("#faces-breed-film img")
    expect(film).to_have_attribute("src", re.compile("webp"), timeout=LONG)
    expect(film).to_have_attribute("alt", "From 3. to 3 and back")
    workshop.locator("#faces-breed-save").click()
    links = workshop.locator("#faces-breed-saved a")
    expect(links).to_have_count(2, timeout=LONG)
    with workshop.expect_download() as download:
        links.last.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = sorted(archive.namelist())
    assert names[-1] == "family.png" and len(names) == 7


def smiled(page: Page) -> str:
    """Edit with a smile of 1; the picture that is seen then."""
    before = shown(page)
    typed(page.get_by_label("number input for Smile"), "1")
    expect(page.locator("#faces-edit-moved")).to_contain_text("Smile +", timeout=LONG)
    expect(page.locator("#faces-edit-picture img")).not_to_have_attribute("src", before)
    return shown(page)


def test_an_edit_stays_while_the_workshop_is_folded(workshop: Page) -> None:
    edited = smiled(workshop)
    picture = workshop.locator("#faces-edit-picture img")
    workshop.locator("#faces-workshop button").first.click()
    expect(picture).to_be_hidden()
    unfold(workshop, "faces-workshop")
    expect(picture).to_be_visible(timeout=LONG)
    workshop.wait_for_timeout(2_000)  # nothing shall come: there is nothing to wait for
    assert shown(workshop) == edited
    expect(workshop.get_by_label("number input for Smile")).to_have_value("1")
    # another seed is another face
    workshop.locator("#faces-workshop button").first.click()
    expect(picture).to_be_hidden()
    workshop.locator("#faces-seed").get_by_role("textbox").fill("5")
    unfold(workshop, "faces-workshop")
    expect(picture).not_to_have_attribute("src", edited, timeout=LONG)
    expect(workshop.get_by_label("number input for Smile")).to_have_value("0", timeout=LONG)


def test_an_edited_face_joins_the_family_and_a_new_family_has_nobody(
    workshop: Page, tmp_path: Path
) -> None:
    smiled(workshop)
    section(workshop, "Breed")
    workshop.locator("#faces-breed-add").click()
    tree = workshop.locator("#faces-breed-tree [data-name]")
    expect(tree).to_have_count(1, timeout=LONG)
    tree.first.click()
    link = workshop.locator("#faces-breed-file a")
    with workshop.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "joined.png")
    assert from_picture(str(tmp_path / "joined.png")).settings["styles"]
    workshop.locator("#faces-breed-anew").click()
    expect(link).to_have_count(0)
    workshop.locator("#faces-breed-take").click()
    answer = workshop.locator("#faces-workshop .answer [role=alert]")
    expect(answer).to_contain_text("There is nothing here yet", timeout=LONG)


def test_a_sentence_is_drawn_and_what_was_not_understood_is_named(workshop: Page) -> None:
    section(workshop, "Say")
    sentence = workshop.locator("#faces-say-sentence").get_by_role("textbox")
    typed(sentence, "an old smiling woman with purple elephants")
    workshop.locator("#faces-say-go").click()
    line = workshop.locator("#faces-say-line")
    expect(line).to_contain_text("Not understood: purple, elephants.", timeout=LONG)
    words = workshop.locator("#faces-say-picture button")
    expect(words).to_have_text(["old", "smiling", "woman"])
    expect(workshop.locator("#faces-say-picture")).to_contain_text("64 px and then 128")
    over = words.nth(1).locator("img").first
    expect(over).to_have_css("opacity", "0")
    words.nth(0).focus()
    workshop.keyboard.press("Tab")
    expect(over).to_have_css("opacity", "0.92")
    face = workshop.locator("#faces-say-picture .said > img")
    assert over.bounding_box() == face.bounding_box(), "it lies over the face"


def test_an_upload_is_turned_and_found_and_goes_into_edit(workshop: Page, tmp_path: Path) -> None:
    section(workshop, "Your own face")
    workshop.locator("#faces-own-go").click()
    line = workshop.locator("#faces-own-line")
    expect(line).to_contain_text("There is no picture yet", timeout=LONG)
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    upload = workshop.locator("#faces-own-picture")
    upload.locator("input[type=file]").set_input_files(tmp_path / "astronaut.png")
    expect(upload.locator("img")).to_be_visible()
    steps = workshop.get_by_label("number input for Steps")
    typed(steps, "25")
    tuning = workshop.get_by_label("number input for Tune a copy of the model to it (steps)")
    typed(tuning, "10")
    workshop.locator("#faces-own-go").click()
    expect(line).to_contain_text("The nearest face found differs", timeout=LONG)
    expect(line).to_contain_text("is not what this model knows")
    captions = workshop.locator("#faces-own-pair .caption-label")
    error = re.compile(r"^(The nearest face|A copy tuned to it): \d+\.\d of 255 off$")
    expect(captions).to_have_text(["Your picture", error, error])
    points = workshop.locator("#faces-own-points").get_by_role("textbox")
    expect(points).to_have_value(re.compile(r"^20\d"))
    handles = workshop.locator("#faces-own-picture .landmark")
    expect(handles).to_have_count(5)
    found = points.input_value()
    handles.first.press("ArrowRight")
    expect(points).not_to_have_value(found)
    box = handles.nth(2).bounding_box()
    assert box
    workshop.mouse.move(box["x"] + 14, box["y"] + 14)
    workshop.mouse.down()
    workshop.mouse.move(box["x"] + 34, box["y"] + 14, steps=2)
    workshop.mouse.up()
    moved = points.input_value()
    assert moved.split("; ")[3:] == found.split("; ")[3:] and moved != found
    for _ in range(2):
        workshop.locator("#faces-own-undo").click()
    expect(points).to_have_value(found)
    workshop.locator("#faces-own-take").click()
    expect(workshop.locator("#faces-edit-picture img")).to_be_visible(timeout=LONG)


def test_what_was_made_of_an_upload_goes_with_it(workshop: Page, tmp_path: Path) -> None:
    section(workshop, "Breed")
    workshop.locator("#faces-breed-add").click()
    tree = workshop.locator("#faces-breed-tree image")
    expect(tree).to_have_count(1, timeout=LONG)
    section(workshop, "Your own face")
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    upload = workshop.locator("#faces-own-picture")
    upload.locator("input[type=file]").set_input_files(tmp_path / "astronaut.png")
    expect(upload.locator("img")).to_be_visible()
    typed(workshop.get_by_label("number input for Steps"), "25")
    workshop.locator("#faces-own-go").click()
    pair = workshop.locator("#faces-own-pair .caption-label")
    expect(pair).to_have_text(["Your picture", re.compile("nearest")], timeout=LONG)
    found = pictures_in(workshop, "#faces-own-pair")
    workshop.locator("#faces-own-take").click()
    picture = workshop.locator("#faces-edit-picture img")
    expect(picture).to_be_visible(timeout=LONG)
    edited = smiled(workshop)
    section(workshop, "Age, front")
    workshop.locator("#faces-ages-go").click()
    ages = workshop.locator("#faces-ages-file a")
    expect(ages).to_be_visible(timeout=LONG)
    strip = pictures_in(workshop, "#faces-ages-strip")
    section(workshop, "Breed")
    stays = pictures_in(workshop, "#faces-breed-tree")
    workshop.locator("#faces-breed-add").click()
    expect(tree).to_have_count(2, timeout=LONG)
    workshop.locator("#faces-breed-go").click()
    litter = workshop.locator("#faces-breed-litter .thumbnail-item")
    expect(workshop.locator("#faces-breed-line")).to_contain_text("levels apart", timeout=LONG)
    bred = pictures_in(workshop, "#faces-breed-tree") - stays
    bred |= pictures_in(workshop, "#faces-breed-litter")
    archive = ages.evaluate("(link) => link.href")
    made = {*found, edited, *strip, archive, *bred}
    assert len(made) >= 2 + 1 + 7 + 1 + 1 + 8
    assert {status(address) for address in made | stays} == {200}
    section(workshop, "Your own face")
    workshop.locator("#faces-own-delete").click()
    expect(pair).to_have_count(0, timeout=LONG)
    section(workshop, "Breed")
    expect(tree).to_have_count(1, timeout=LONG)
    expect(litter).to_have_count(0)
    assert {status(address) for address in made} == {403}
    assert {status(address) for address in stays} == {200}
    section(workshop, "Age, front")
    expect(workshop.locator("#faces-ages-strip .thumbnail-item")).to_have_count(0)
    section(workshop, "Edit")
    expect(picture).to_have_count(0)
    workshop.locator("#faces-edit-begin").click()
    expect(picture).to_be_visible(timeout=LONG)


def test_delete_ends_a_search(workshop: Page, tmp_path: Path) -> None:
    section(workshop, "Your own face")
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    upload = workshop.locator("#faces-own-picture")
    upload.locator("input[type=file]").set_input_files(tmp_path / "astronaut.png")
    expect(upload.locator("img")).to_be_visible()
    typed(workshop.get_by_label("number input for Steps"), "300")
    workshop.locator("#faces-own-go").click()
    pair = workshop.locator("#faces-own-pair img")
    expect(pair.first).to_be_visible(timeout=LONG)
    (preview,) = pictures_in(workshop, "#faces-own-pair")
    workshop.locator("#faces-own-delete").click()
    expect(pair).to_have_count(0, timeout=LONG)
    expect(workshop.locator("#faces-go")).to_be_visible(timeout=LONG)
    assert status(preview) == 403
    workshop.wait_for_timeout(2_000)  # nothing shall come: there is nothing to wait for
    expect(pair).to_have_count(0)


def test_stop_is_in_sight_and_a_family_stays_with_its_model(workshop: Page) -> None:
    section(workshop, "Breed")
    for _ in range(2):
        workshop.locator("#faces-breed-add").click()
        expect(workshop.locator("#faces-breed-tree image")).to_have_count(1, timeout=LONG)
    choose(workshop, "faces-model", "Heads 64")
    workshop.locator("#faces-breed-go").click()
    answer = workshop.locator("#faces-workshop .answer [role=alert]")
    expect(answer).to_contain_text("This family's faces are of Heads 128", timeout=LONG)
    afloat = workshop.locator("button.afloat")
    expect(afloat).to_be_hidden()
    workshop.set_viewport_size({"width": 390, "height": 700})
    section(workshop, "Export")
    workshop.locator("#faces-export-count input").fill("1000")
    workshop.locator("#faces-export-count input").press("Tab")
    workshop.locator("#faces-export-go").click()
    expect(afloat).to_be_in_viewport(ratio=1, timeout=LONG)
    expect(afloat).to_have_text("Stop")
    afloat.click()
    expect(workshop.locator("#faces-go")).to_be_visible(timeout=LONG)
    expect(afloat).to_be_hidden()


def exported_so_far(page: Page) -> int:
    """Begin an export of a thousand and stop it on its way: how many are there, as it says."""
    line = page.locator("#faces-export-line")
    page.locator("#faces-export-go").click()
    expect(line).not_to_contain_text("stopped", timeout=LONG)
    expect(line).to_contain_text(re.compile(r"[1-9]\d* of 1000 faces"), timeout=LONG)
    page.locator("#faces-stop").click()
    expect(line).to_contain_text("of 1000 faces · stopped", timeout=LONG)
    return int((line.text_content() or "").split()[0])


def test_stop_keeps_what_was_exported_and_it_goes_on(workshop: Page) -> None:
    walls = workshop.locator("#faces-line").text_content()
    section(workshop, "Export")
    typed(workshop.locator("#faces-export-count input"), "1000")
    done = exported_so_far(workshop)
    link = workshop.locator("#faces-export-file a")
    with workshop.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sum(name.endswith(".png") for name in archive.namelist()) == done
    assert workshop.locator("#faces-line").text_content() == walls, "it was not the wall's run"
    assert exported_so_far(workshop) > done


def test_a_search_that_is_stopped_says_so_and_the_wall_does_not(
    workshop: Page, tmp_path: Path
) -> None:
    section(workshop, "Your own face")
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    upload = workshop.locator("#faces-own-picture")
    upload.locator("input[type=file]").set_input_files(tmp_path / "astronaut.png")
    expect(upload.locator("img")).to_be_visible()
    typed(workshop.get_by_label("number input for Steps"), "300")
    workshop.locator("#faces-own-go").click()
    line = workshop.locator("#faces-own-line")
    expect(line).to_contain_text(re.compile(r"\d+ of 300"), timeout=LONG)
    workshop.locator("#faces-stop").click()
    expect(line).to_contain_text("stopped", timeout=LONG)
    expect(line.locator(".bar")).to_have_count(0)
    expect(workshop.locator("#faces-line")).not_to_contain_text("stopped")


def test_stop_stays_for_an_export_while_another_section_is_through(workshop: Page) -> None:
    section(workshop, "Export")
    typed(workshop.locator("#faces-export-count input"), "1000")
    workshop.locator("#faces-export-go").click()
    line = workshop.locator("#faces-export-line")
    expect(line).to_contain_text(re.compile(r"[1-9]\d* of 1000 faces"), timeout=LONG)
    section(workshop, "Age, front")
    workshop.locator("#faces-ages-go").click()
    expect(workshop.locator("#faces-ages-file a")).to_be_visible(timeout=LONG)
    workshop.wait_for_timeout(1_000)  # the strip is through: nothing else shall happen
    assert "of 1000" in (line.text_content() or ""), "the export goes on"
    expect(workshop.locator("#faces-stop")).to_be_visible()
    workshop.locator("#faces-stop").click()
    expect(workshop.locator("#faces-go")).to_be_visible(timeout=LONG)


def test_faces_are_exported_with_their_labels(workshop: Page) -> None:
    section(workshop, "Export")
    count = workshop.locator("#faces-export-count input")
    typed(count, "3")
    workshop.locator("#faces-export-go").click()
    link = workshop.locator("#faces-export-file a")
    expect(link).to_be_visible(timeout=LONG)
    with workshop.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
    assert sum(name.endswith(".png") for name in names) == 3
    assert any(name.endswith("metadata.csv") for name in names)


def dropped(page: Page, file: Path) -> None:
    """Give the tab a file of ours, on a page that knows nothing of it."""
    go(page, page.url)
    page.evaluate("sessionStorage.clear()")
    go(page, page.url)
    page.locator("#faces-archive a").wait_for(state="attached")
    expect(page.locator("#faces-edit-picture")).to_have_count(0)
    page.locator("#faces-restore").locator("xpath=..").locator("input[type=file]").set_input_files(
        file
    )


def saved(page: Page, place: str, path: Path) -> Path:
    """What is seen at a place, or linked there, as a file."""
    address = page.locator(place).evaluate("(one) => one.src ?? one.href")
    path.write_bytes(urllib.request.urlopen(address).read())
    return path


def same_pixels(one: Path, other: Path) -> bool:
    with Image.open(one) as first, Image.open(other) as second:
        return np.array_equal(np.asarray(first), np.asarray(second))


def test_an_edit_comes_back_from_its_file(workshop: Page, tmp_path: Path) -> None:
    workshop.locator("#faces-seed").get_by_role("textbox").fill("7")
    workshop.locator("#faces-edit-other input").click()
    workshop.get_by_role("option", name="pca-2", exact=True).click()
    typed(workshop.get_by_label("number input for how far"), "1.5")
    expect(workshop.locator("#faces-edit-moved")).to_contain_text("pca-2", timeout=LONG)
    smiled(workshop)
    expect(workshop.locator("#faces-edit-moved")).to_contain_text("pca-2", timeout=LONG)
    edited = saved(workshop, "#faces-edit-picture img", tmp_path / "edited.png")
    link = workshop.locator("#faces-edit-link :is(input, textarea)").input_value()
    assert "task=edit" in link and "seed=7" in link and "smile" in link
    dropped(workshop, edited)
    picture = workshop.locator("#faces-edit-picture img")
    expect(picture).to_have_attribute("src", re.compile("smile"), timeout=LONG)
    expect(workshop.get_by_label("number input for Smile")).to_have_value("1")
    expect(workshop.get_by_label("number input for how far")).to_have_value("1.5")
    expect(workshop.locator("#faces-edit-other input")).to_have_value("pca-2")
    expect(workshop.locator("#faces-line")).to_contain_text("The face and its edits are back")
    workshop.wait_for_timeout(2_000)  # nothing shall come: there is nothing to wait for
    back = saved(workshop, "#faces-edit-picture img", tmp_path / "back.png")
    assert same_pixels(edited, back)


def test_a_link_of_an_edit_opens_with_it(workshop: Page, url: str) -> None:
    edited = 'edits={"smile": 1, "age": 4}&seed=7&task=edit&checkpoint=heads-128&last_layer=5'
    go(workshop, f"{url}?{edited}")
    workshop.locator("#faces-archive a").wait_for(state="attached")
    unfold(workshop, "faces-workshop")
    expect(workshop.get_by_label("number input for Smile")).to_have_value("1", timeout=LONG)
    line = workshop.locator("#faces-edit-line")
    expect(line).to_contain_text("no place here: age +4, last_layer", timeout=LONG)
    workshop.locator("#faces-seed").get_by_role("textbox").fill("5")
    expect(workshop.get_by_label("number input for Smile")).to_have_value("0", timeout=LONG)


def test_a_pull_comes_back_before_it_is_pulled(workshop: Page, tmp_path: Path) -> None:
    points = workshop.locator("#faces-edit-points").get_by_role("textbox")
    for text in ("52, 92, 46, 88", "76, 92, 82, 88"):  # the second is of a face that is a text
        points.fill(text)
        workshop.locator("#faces-edit-free").get_by_role("textbox").fill("40, 80, 50, 30")
        workshop.locator("#faces-edit-pull").click()
        line = workshop.locator("#faces-edit-line")
        expect(points).to_have_value("", timeout=LONG)
        expect(line).to_contain_text(re.compile("All points are there|still"), timeout=LONG)
    expect(line).to_contain_text("The link leaves out the face itself; the PNG holds it.")
    pulled = saved(workshop, "#faces-edit-picture img", tmp_path / "pulled.png")
    dropped(workshop, pulled)
    expect(points).to_have_value("76, 92, 82, 88", timeout=LONG)
    picture = workshop.locator("#faces-edit-picture img")
    expect(picture).to_have_attribute("src", re.compile("as-it-is"), timeout=LONG)
    workshop.locator("#faces-edit-pull").click()
    expect(points).to_have_value("", timeout=LONG)
    expect(picture).to_have_attribute("src", re.compile("pulled"), timeout=LONG)
    again = saved(workshop, "#faces-edit-picture img", tmp_path / "again.png")
    assert same_pixels(pulled, again)


def test_a_child_comes_back_with_its_family(workshop: Page, tmp_path: Path) -> None:
    section(workshop, "Breed")
    tree = workshop.locator("#faces-breed-tree image")
    seed = workshop.locator("#faces-seed").get_by_role("textbox")
    for index, number in enumerate(("3", "8"), 1):
        seed.fill(number)
        workshop.locator("#faces-breed-add").click()
        expect(tree).to_have_count(index, timeout=LONG)
    for index in (3, 4):  # the second litter has a child for a parent
        line = workshop.locator("#faces-breed-line")
        workshop.locator("#faces-breed-go").click()
        expect(line).not_to_contain_text("levels apart")
        expect(line).to_contain_text("levels apart", timeout=LONG)
        workshop.locator("#faces-breed-litter .thumbnail-item").nth(2).click()
        expect(tree).to_have_count(index)
    child = saved(workshop, "#faces-breed-file a", tmp_path / "child.png")
    link = workshop.locator("#faces-breed-link :is(input, textarea)").input_value()
    assert "task=breed" in link and "family=" in link
    dropped(workshop, child)
    expect(tree).to_have_count(4, timeout=LONG)
    parents = workshop.locator("#faces-breed-parents .token")
    expect(parents).to_have_text([re.compile("8"), re.compile("3\\.")])
    back = saved(workshop, "#faces-breed-file a", tmp_path / "back.png")
    assert same_pixels(child, back)
    expect(workshop.locator("#faces-line")).to_contain_text("The child and its lineage are back")
