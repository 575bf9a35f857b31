"""The page to review a ranking with: as a file, and in headless Chromium."""

import html
import json
import os
import re
import shutil
import time

import pytest

from keras_series.ranking.page import write_page
from keras_series.ranking.results import CLOSE, SERIES, SINGLE, RankedPhoto, RankedSeries
from tests.drawn_photos import draw_photo, encode
from tests.review_trips import (
    STRANGE_NAME,
    FakeDifferences,
    current,
    draw_trip,
    open_browser,
    press,
    serious_findings,
    wait_until,
    watched_page,
)

# How many photos the drawn trip has in each of its rows: the single photos share one.
ROWS = [5, 3, 2, 3, 6, 3]


@pytest.fixture(scope="module")
def trip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trip")
    return folder, draw_trip(folder)


@pytest.fixture(scope="module")
def written(trip):
    folder, series = trip
    write_page(series, folder / "ranked.html")
    return folder / "ranked.html"


@pytest.fixture(scope="module")
def browser():
    with open_browser() as started:
        yield started


@pytest.fixture
def page(browser, written):
    with watched_page(browser, written.as_uri()) as opened:
        yield opened


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_the_file_knows_every_photo(trip, written):
    _, series = trip
    rows = data_of(written)["rows"]
    assert [len(row["photos"]) for row in rows] == ROWS
    uris = [photo["uri"] for row in rows for photo in row["photos"]]
    assert uris == [photo.path.resolve().as_uri() for one in series for photo in one.photos]
    assert "22 photos: 3 series, 1 bracket, 1 panorama, 2 single photos, 1 not readable" in (
        html.unescape(written.read_text(encoding="utf-8"))
    )


def test_addresses_are_relative(trip, written):
    photos = [photo for row in data_of(written)["rows"] for photo in row["photos"]]
    assert photos[0]["full"] == "IMG_00.jpg"
    assert re.fullmatch(r"ranked_files/[0-9a-f]{32}\.jpg", photos[0]["small"])
    assert "small" not in photos[4]
    assert photos[4]["reason"] == "truncated"
    assert photos[4]["full"] == "caf%E9%20%3Cscript%3E.jpg"


def test_raw_photos_show_the_jpeg_beside_them(trip, tmp_path):
    jpeg = trip[1][1].photos[0].path
    photos = tuple(
        RankedPhoto(tmp_path / name, 0.5, other_files=others)
        for name, others in (("a.CR3", (jpeg,)), ("b.HEIC", ()))
    )
    for photo in photos:
        photo.path.touch()
    single = RankedSeries("a", SERIES, photos)
    write_page([single], tmp_path / "a.html", lambda path: jpeg.read_bytes())
    first, second = data_of(tmp_path / "a.html")["rows"][0]["photos"]
    assert first["full"].endswith(jpeg.name)
    assert first["files"] == [jpeg.name]
    assert first["others"] == {"other_files": [jpeg.resolve().as_uri()]}
    assert "full" not in second
    assert "small" in second


def test_the_page_is_written_whole_or_not_at_all(trip, tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("before")
    monkeypatch.setattr("keras_series.ranking.page.render_page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_page(trip[1], path)
    assert path.read_text() == "before"
    assert not list(tmp_path.glob(".*partial*"))


def test_it_is_listed_what_was_written(trip, tmp_path):
    listed = write_page(trip[1], tmp_path / "a.html")
    assert listed[0] == tmp_path / "a.html"
    assert set(listed[1:]) == set((tmp_path / "a_files").glob("*.jpg"))
    assert write_page(trip[1], tmp_path / "a.html") == [tmp_path / "a.html"]


def test_a_page_without_photos(browser, tmp_path):
    write_page([], tmp_path / "a.html")
    with watched_page(browser, (tmp_path / "a.html").as_uri()) as page:
        press(page, "ArrowRight p z")
        assert "There are no photos." in page.inner_text("body")


def test_review_of_three_series_by_keyboard(page):
    press(page, "ArrowRight")
    assert current(page) == "IMG_01.jpg"
    press(
        page, "p 4 ArrowLeft x ArrowDown ArrowRight p ArrowRight u 0 ArrowDown ArrowDown ArrowDown"
    )
    assert current(page) == "IMG_50.jpg"
    press(page, "End x Home p")
    wait_until(page, "document.getElementById('progress').textContent.startsWith('3 kept')")
    assert page.inner_text("#progress") == "3 kept, 2 skipped, 17 undecided"
    assert [
        page.locator(f"[data-choice={choice}].photo").count() for choice in ("keep", "skip")
    ] == [3, 2]
    assert page.locator("[data-filter=undecided] .number").inner_text() == "3"


def test_choices_are_kept_by_the_browser(page):
    press(page, "ArrowRight p 5")
    page.reload()
    assert page.get_attribute("#photo1", "data-choice") == "keep"
    assert "5 stars" in page.get_attribute("#photo1", "aria-label")
    assert page.get_attribute("#photo1", "aria-selected") == "true"


def test_choices_of_another_page_at_the_same_place_stay(page):
    press(page, "p")
    page.reload()
    key = page.evaluate("Object.keys(localStorage).find((key) => localStorage[key][0] === '[')")
    other = {"uri": "file:///elsewhere.jpg", "choice": "skip", "stars": 2}
    page.evaluate("([key, all]) => localStorage.setItem(key, JSON.stringify(all))", [key, [other]])
    press(page, "ArrowRight p")
    page.reload()
    assert page.get_attribute("#photo1", "data-choice") == "keep"
    assert other in page.evaluate("(key) => JSON.parse(localStorage[key])", key)


def test_undo(page):
    press(page, "ArrowRight p 3 3 ArrowRight x Control+z")
    assert page.get_attribute("#photo2", "data-choice") == ""
    assert current(page) == "IMG_02.jpg"
    press(page, "Control+z")
    assert "3 stars" in page.get_attribute("#photo1", "aria-label")
    press(page, "Control+z Control+z Control+z")
    assert page.get_attribute("#photo1", "data-choice") == ""
    assert page.inner_text("#announcements") == "Nothing to undo"


def exported(page, tmp_path):
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(tmp_path / "choices.json")
    return json.loads((tmp_path / "choices.json").read_text(encoding="utf-8"))


def test_export_and_import(page, browser, written, trip, tmp_path):
    press(page, "ArrowRight p ArrowRight x 2 ArrowRight ArrowRight 0")
    content = exported(page, tmp_path)
    uris = [photo.path.resolve().as_uri() for photo in trip[1][0].photos]
    assert content == {
        "format": "keras-series choices", "version": 1,
        "choices": [
            {"uri": uris[1], "choice": "keep", "stars": None},
            {"uri": uris[2], "choice": "skip", "stars": 2},
            {"uri": uris[4], "choice": None, "stars": 0},
        ],
    }  # fmt: skip
    assert uris[4].endswith("caf%E9%20%3Cscript%3E.jpg")
    content["choices"].append({"uri": "file:///elsewhere.jpg", "choice": "keep", "stars": None})
    (tmp_path / "choices.json").write_text(json.dumps(content))
    with watched_page(browser, written.as_uri()) as other:
        other.set_input_files("#import-file", tmp_path / "choices.json")
        other.wait_for_selector("[data-choice=skip]")
        assert "1 are of photos that are not" in other.inner_text("#announcements")
        assert exported(other, tmp_path)["choices"] == content["choices"][:3]


def test_another_file_is_not_imported(page, tmp_path):
    (tmp_path / "other.json").write_text('{"format": "other"}')
    page.set_input_files("#import-file", tmp_path / "other.json")
    page.wait_for_selector("#problem:not([hidden])")
    assert (
        page.inner_text("#problem") == "Expected a file of exported choices. Received: other.json"
    )


def panes(page):
    """Returns name and place of the photos in the comparison, and whether they are at 100%."""
    return page.evaluate(
        """[...document.querySelectorAll('#panes figure')].map(
            (figure) => [figure.querySelector('.name').textContent,
                         figure.querySelector('img').style.transform])"""
    )


def test_compare(page):
    press(page, "ArrowRight z")
    wait_until(page, "[...document.querySelectorAll('#panes img')].every(i => i.naturalWidth)")
    assert [name for name, _ in panes(page)] == ["IMG_01.jpg", "IMG_02.jpg"]
    press(page, "z Shift+ArrowRight")
    (_, first), (_, second) = panes(page)
    assert first == second
    assert "scale(1)" in first
    press(page, "ArrowRight s p")
    assert [name for name, _ in panes(page)] == ["IMG_03.jpg", "IMG_01.jpg"]
    press(page, "Escape")
    assert page.get_attribute("#photo1", "data-choice") == "keep"
    assert current(page) == "IMG_01.jpg"


def test_compare_by_mouse(page):
    page.set_viewport_size({"width": 700, "height": 500})
    page.dblclick("#photo0")
    wait_until(page, "[...document.querySelectorAll('#panes img')].every(i => i.naturalWidth)")
    whole = panes(page)
    box = page.locator("[data-side=other] .pane").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.wheel(0, -700)
    wait_until(page, f"document.querySelector('#panes img').style.transform != {whole[0][1]!r}")
    zoomed = panes(page)
    page.mouse.down()
    page.mouse.move(box["x"] - 20, box["y"] + 10, steps=3)
    page.mouse.up()
    moved = panes(page)
    assert whole[0][1] != zoomed[0][1] != moved[0][1]
    for (_, first), (_, second) in (zoomed, moved):
        assert first == second
    page.click("[data-action=close]")
    assert not page.locator("#compare").is_visible()


def test_single_photos_are_looked_at_alone(page):
    press(page, "ArrowDown ArrowDown z")
    assert not page.locator("[data-side=held]").is_visible()
    press(page, "ArrowRight")
    assert panes(page)[1][0] == "IMG_30.jpg"


def row_sizes(page):
    return page.evaluate(
        """[...document.querySelectorAll('.row:not([hidden]) .kind')].map(
            (kind) => Number(kind.textContent.match(/\\d+/)))"""
    )


def test_filters_and_order(page):
    assert row_sizes(page) == ROWS
    page.click("[data-order=size]")
    assert row_sizes(page) == [6, 5, 3, 3, 3, 2]
    page.click("[data-filter=close]")
    assert row_sizes(page) == [3]
    press(page, "p")
    page.click("[data-filter=undecided]")
    assert row_sizes(page) == [6, 5, 3, 3, 2]
    page.click("[data-order=shot]")
    press(page, "ArrowUp")
    assert current(page) == "IMG_40.jpg"


def test_buttons_do_what_keys_do(browser, written):
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with watched_page(browser, written.as_uri(), **options) as page:
        page.tap("#photo1")
        page.tap("footer [data-action=keep]")
        page.tap("footer [data-stars='4']")
        page.tap("footer [data-action=compare]")
        page.tap("#compare [data-action=next]")
        page.tap("#compare [data-action=skip]")
        page.tap("#compare [data-action=close]")
        assert page.get_attribute("#photo1", "data-choice") == "keep"
        assert page.get_attribute("#photo3", "data-choice") == "skip"
        page.tap("footer [data-action=undo]")
        assert page.get_attribute("#photo3", "data-choice") == ""
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == 390


def test_the_page_can_be_moved(browser, written, tmp_path):
    for name in ("ranked.html", "ranked_files"):
        source = written.with_name(name)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    with watched_page(browser, (tmp_path / "ranked.html").as_uri()) as page:
        wait_until(page, "document.querySelector('#photo0 img').naturalWidth == 480")


def test_theme_is_a_switch(browser, written):
    with watched_page(browser, written.as_uri(), color_scheme="dark") as page:
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(colour)
        page.click("#theme")
        light = page.evaluate(colour)
        assert (dark, light) == ("rgb(22, 22, 22)", "rgb(243, 243, 241)")
        page.reload()
        assert page.evaluate(colour) == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_serious(browser, written, scheme, width):
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with watched_page(browser, written.as_uri(), **options) as page:
        press(page, "ArrowRight p 3 ArrowRight x ArrowDown")
        assert serious_findings(page) == []
        press(page, "z")
        assert serious_findings(page) == []
        press(page, "Escape ?")
        assert serious_findings(page) == []


def test_every_control_is_reached_without_a_mouse(page):
    reached = set()
    for _ in range(40):
        press(page, "Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.dataset.action")
        )
    assert {"photo0", "export", "import", "theme", "help", "keep", "compare", "open"} <= reached
    # One stop for each row: the arrows move among its photos.
    photos = [name for name in reached if name and name.startswith("photo")]
    assert sorted(photos) == ["photo0", "photo10", "photo13", "photo19", "photo5", "photo8"]


def many_series(folder, number):
    contents = [encode(draw_photo(480, 320, seed=seed), "JPEG") for seed in range(20)]
    photos = []
    for place in range(number):
        path = folder / f"IMG_{place:05}.jpg"
        path.touch()
        photos.append(RankedPhoto(path, 0.5, 0.6, CLOSE))
    series = [
        RankedSeries(
            f"{folder}, {start}", SERIES if start % 8 else SINGLE, tuple(photos[start : start + 4])
        )
        for start in range(0, number, 4)
    ]
    return series, lambda path: contents[int(path.stem[4:]) % len(contents)]


def test_five_thousand_photos_open_at_once(browser, tmp_path):
    series, read = many_series(tmp_path, 5000)
    write_page(series, tmp_path / "a.html", read)
    context = browser.new_context()
    page = context.new_page()
    start = time.monotonic()
    page.goto((tmp_path / "a.html").as_uri())
    wait_until(page, "document.querySelector('#photo0 img')?.complete")
    press(page, "ArrowDown p")
    page.wait_for_selector("[data-choice=keep]")
    assert time.monotonic() - start < 3
    assert page.locator(".photo").count() < 200
    press(page, "ArrowDown " * 30)
    assert current(page) == series[31].photos[0].path.name
    context.close()


def test_strange_names_are_shown(written, page):
    name = page.locator("#photo4 .name").inner_text()
    assert name == r"caf\udce9 <script>.jpg"
    assert os.fsdecode(STRANGE_NAME) in os.listdir(written.parent)
    assert page.locator("#photo4 .why").inner_text() == "truncated"


TOP_AND_BOTTOM = """[...document.querySelectorAll('#panes canvas')].map((canvas) => {
    const copy = new OffscreenCanvas(2, 2).getContext('2d', {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    const pixels = copy.getImageData(0, 0, 2, 2).data;
    return [0, 8].map((start) => (pixels[start] > pixels[start + 2] ? 'red' : 'blue'));
})"""


def test_where_two_photos_differ(browser, trip, tmp_path):
    write_page(trip[1], tmp_path / "a.html", differences=FakeDifferences())
    with watched_page(browser, (tmp_path / "a.html").as_uri()) as page:
        press(page, "ArrowRight z")
        assert page.locator("[data-action=difference]").is_hidden()
        press(page, "Escape ArrowDown z d")
        page.wait_for_selector("#panes canvas:not([hidden])")
        assert page.evaluate(TOP_AND_BOTTOM) == [["red", "blue"], ["blue", "red"]]
        press(page, "s")
        page.wait_for_selector("#panes canvas:not([hidden])")
        assert page.evaluate(TOP_AND_BOTTOM) == [["blue", "red"], ["red", "blue"]]
        press(page, "ArrowRight")
        assert page.locator("#panes canvas:not([hidden])").count() == 0
