"""Tests of tfds_series.biq2021, on drawn copies and, where available, on the real one."""

import hashlib
import io
import math
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_series.data import BatchOptions, SeriesBatches
from tests import biq2021_copies as copies
from tests.real_data import needs_real_data, real_data
from tfds_series import preparation
from tfds_series.biq2021 import Builder, preferences

ROOT = pathlib.Path(__file__).parents[1]
DUMMY_LIST = ROOT / "tfds_series/biq2021/dummy_data" / copies.SERIES_LIST


@pytest.fixture(autouse=True)
def drawn_list(monkeypatch):
    monkeypatch.setattr(Builder, "SERIES_LIST", DUMMY_LIST)


class SeriesTest(tfds.testing.DatasetBuilderTestCase):
    """Builds the drawn copy in dummy_data through TFDS's own checks."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["series"]  # noqa: RUF012
    SPLITS = {"train": 3, "validation": 1, "test": 1}  # noqa: RUF012
    SKIP_TF1_GRAPH_MODE = True


def build(folder, copy, config="series"):
    return preparation.prepare(f"biq2021/{config}", folder / "datasets", copy)


def examples_of(builder, split):
    examples = tfds.as_numpy(builder.as_dataset(split=split))
    return {example["series_id"].decode(): example for example in examples}


def write_copy(folder, **changes):
    """Writes a copy in which files have other content, or are missing where it is `None`."""
    files = copies.draw_files() | changes.pop("files", {})
    copies.write_folder(folder, {path: content for path, content in files.items() if content})
    return folder


@pytest.mark.parametrize("layout", copies.LAYOUTS)
@pytest.mark.parametrize("config", ["series", "mixed"])
def test_every_layout_gives_all_photos(tmp_path, layout, config):
    copies.LAYOUTS[layout](tmp_path / "copy", copies.draw_files())
    builder = build(tmp_path, tmp_path / "copy", config)
    counts = preparation.count(builder)
    assert sum(photos for _, photos, _, _ in counts.values()) == (10 if config == "series" else 60)
    assert not builder.info.metadata["left_out_photos"]


def test_an_example(tmp_path):
    example = examples_of(build(tmp_path, write_copy(tmp_path / "copy")), "train")["series-001"]
    photos, pairs = example["photos"], example["pairs"]
    names = [f"ss01 ({number})" for number in (1, 2, 3)]
    assert photos["file_name"].tolist() == [f"{name}.jpg".encode() for name in names]
    assert photos["photo_bytes"].tolist() == [copies.draw_photo(name) for name in names]
    assert photos["rank"].tolist() == [3, 1, 1]
    np.testing.assert_allclose(photos["rating"], [0.2, 0.7, 0.7])
    assert pairs["first"].tolist() == [0, 0, 1]
    assert pairs["second"].tolist() == [1, 2, 2]
    # Phi(x) = (1 + erf(x / sqrt(2))) / 2 of x = -0.5 / (sqrt(2) 0.1262), the spread of the README.
    expected = (1 + math.erf(-0.5 / (2 * 0.1262))) / 2
    np.testing.assert_allclose(pairs["preference"], [expected, expected, 0.5], atol=1e-4)


def test_a_single_photo_is_a_series_without_pairs(tmp_path):
    builder = build(tmp_path, write_copy(tmp_path / "copy"))
    example = examples_of(builder, "train")["series-003"]
    assert example["photos"]["rank"].tolist() == [1]
    assert example["pairs"]["preference"].tolist() == []
    batches = SeriesBatches(builder.as_dataset(split="train"), BatchOptions(8, pack_size=8))
    assert batches.pairs == 3


def test_close_scores_are_a_tie():
    assert preferences.preference(0.5, 0.5049) == 0.5
    assert preferences.preference(0.5, 0.506) < 0.5
    assert preferences.preference(0.506, 0.5) > 0.5


def test_the_spread_gives_the_difference_of_two_scorings():
    scores = np.random.default_rng(0).normal(0.5, preferences.SPREAD, (2, 4000, preferences.RATERS))
    means = scores.mean(axis=2)
    assert np.abs(means[0] - means[1]).mean() == pytest.approx(
        preferences.MEAN_DIFFERENCE, rel=0.03
    )


def test_mixed_photos_are_split_by_their_hash(tmp_path):
    builder = build(tmp_path, write_copy(tmp_path / "copy"), "mixed")
    found = {}
    for split in builder.info.splits:
        for example in examples_of(builder, split).values():
            assert len(example["photos"]["rank"]) <= 8
            found |= dict.fromkeys(example["photos"]["photo_bytes"].tolist(), split)
    assert set(found) == {copies.draw_photo(name) for name in copies.MIXED}
    for content, split in found.items():
        place = int(hashlib.sha256(content).hexdigest()[:8], 16) % 10
        assert split == ("test" if place in (0, 1) else "validation" if place == 2 else "train")


# Copies that are not whole.


def test_a_part_leaves_out_what_is_missing(tmp_path, caplog):
    gone = {f"Images/ss01 ({number}).jpg": None for number in (4, 9, 10)}
    builder = build(tmp_path, write_copy(tmp_path / "copy", files=gone))
    assert set(builder.info.splits) == {"train", "validation"}
    assert len(examples_of(builder, "train")["series-002"]["photos"]["rank"]) == 1
    metadata = builder.info.metadata
    assert metadata["missing_splits"] == ["test"]
    assert metadata["left_out_photos"] == {
        f"ss01 ({number}).jpg": "missing" for number in (4, 9, 10)
    }
    assert "Left out 3 photos that the copy does not have" in caplog.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (copies.draw_photo("another"), "differs from revision 62c7b40"),
        (copies.draw_photo("ss01 (2)")[:-40], "differs from revision 62c7b40"),
    ],
)
def test_a_changed_photo_is_left_out_by_name(tmp_path, caplog, content, reason):
    copy = write_copy(tmp_path / "copy", files={"Images/ss01 (2).jpg": content})
    builder = build(tmp_path, copy)
    assert builder.info.metadata["left_out_photos"] == {"ss01 (2).jpg": reason}
    assert f"Left out ss01 (2).jpg: {reason}" in caplog.text
    assert len(examples_of(builder, "train")["series-001"]["pairs"]["first"]) == 1


def test_of_two_files_of_a_photo_the_published_one_is_taken(tmp_path):
    changed = {"A/ss01 (2).jpg": copies.draw_photo("another")}
    builder = build(tmp_path, write_copy(tmp_path / "copy", files=changed))
    assert not builder.info.metadata["left_out_photos"]


def test_an_undecodable_mixed_photo_is_left_out(tmp_path):
    copy = write_copy(tmp_path / "copy", files={"Images/ss03 (4).jpg": b"no photo"})
    metadata = build(tmp_path, copy, "mixed").info.metadata
    assert list(metadata["left_out_photos"]) == ["ss03 (4).jpg"]
    assert "not a photo" in metadata["left_out_photos"]["ss03 (4).jpg"]


def test_a_suffix_in_capitals_is_the_same_photo(tmp_path):
    content = copies.draw_photo("ss02 (14)")
    changed = {"Images/ss02 (14).jpg": None, "Images/ss02 (14).JPG": content}
    builder = build(tmp_path, write_copy(tmp_path / "copy", files=changed), "mixed")
    assert not builder.info.metadata["left_out_photos"]


@pytest.mark.parametrize("name", [copies.TRAIN_SCORES, copies.TEST_SCORES])
def test_a_missing_list_says_how_to_get_it(tmp_path, name):
    copy = write_copy(tmp_path / "copy", files={name: None})
    with pytest.raises(FileNotFoundError, match="How to get BIQ2021") as error:
        build(tmp_path, copy)
    assert str(error.value).startswith(f"Expected {name} in {copy}. Received: no such file.")


def test_a_line_that_is_not_a_score_is_named(tmp_path):
    copy = write_copy(
        tmp_path / "copy", files={copies.TEST_SCORES: b"Image Name,MOS\nss01 (1).jpg,x"}
    )
    with pytest.raises(ValueError, match=r"line 2. Received: 'ss01 \(1\).jpg,x'"):
        build(tmp_path, copy)


def test_a_copy_of_another_revision_is_refused(tmp_path):
    changed = {
        f"Images/{name}.jpg": copies.draw_photo(f"other {name}")
        for rows in copies.SERIES.values()
        for name, _, _ in rows
    }
    copy = write_copy(tmp_path / "copy", files=changed)
    with pytest.raises(ValueError, match=r"revision 62c7b40.*'differs from revision 62c7b40': 10"):
        build(tmp_path, copy)


def test_a_broken_zip_is_named(tmp_path):
    copies.write_zip(tmp_path / "copy", copies.draw_files())
    path = tmp_path / "copy" / "BIQ2021-62c7b40.zip"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"Expected a complete zip file at .*BIQ2021-62c7b40\.zip"):
        build(tmp_path, tmp_path / "copy")


def test_without_a_copy_the_message_tells_all(tmp_path, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(FileNotFoundError) as error:
        build(tmp_path, None)
    for part in (
        "Name or service not known", "https://github.com/nisarahmedrana/BIQ2021/archive/62c7b40.zip",
        "--manual_dir", copies.TRAIN_SCORES, "no licence file", "do not redistribute",
    ):  # fmt: skip
        assert part in " ".join(str(error.value).split())


def test_the_downloaded_archive_is_taken(tmp_path, monkeypatch):
    copies.write_zip(tmp_path / "server", copies.draw_files(), "archive")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO())
    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download",
        lambda self, urls: dict.fromkeys(urls, tmp_path / "server" / "archive"),
    )
    assert preparation.count(build(tmp_path, None))["train"] == (3, 6, 4, 1)


def test_a_killed_build_starts_again_cleanly(tmp_path):
    copy = write_copy(tmp_path / "copy")
    code = (
        "import sys, time; from tfds_series import biq2021, preparation\n"
        "module = biq2021.biq2021_dataset_builder; ranks = module.ranks\n"
        "def slow(*args):\n    print('made', flush=True); time.sleep(9); return ranks(*args)\n"
        "module.ranks = slow\n"
        f"biq2021.Builder.SERIES_LIST = module.pathlib.Path({os.fspath(DUMMY_LIST)!r})\n"
        "preparation.prepare('biq2021/series', sys.argv[1], sys.argv[2])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "datasets"), str(copy)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    while "made" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    parent = tmp_path / "datasets/biq2021/series"
    assert [path.name.split(".")[0] for path in parent.iterdir()] == ["incomplete"]
    assert preparation.count(build(tmp_path, copy))["train"] == (3, 6, 4, 1)
    assert [path.name for path in parent.iterdir()] == ["1.0.0"]


# The real list and photos.


def test_the_published_list(monkeypatch):
    monkeypatch.undo()
    rows = [line.split(",") for line in Builder.SERIES_LIST.read_text().splitlines()[1:]]
    sizes, scenes = {}, {}
    for _, scene, series, split, content_hash in rows:
        sizes[series] = sizes.get(series, 0) + 1
        scenes.setdefault(scene, set()).add(split)
        assert len(content_hash) == 64
    assert sum(size for size in sizes.values() if size > 1) == 1875
    assert sorted(sizes.values()).count(1) == 23
    assert len(sizes) - 23 == 168
    assert max(sizes.values()) == 27
    assert all(len(splits) == 1 for splits in scenes.values())


@needs_real_data("biq2021")
def test_the_real_series(tmp_path, monkeypatch):
    monkeypatch.undo()
    counts = preparation.count(build(tmp_path, real_data("biq2021")))
    assert counts["train"][:3] == (115, 1126, 6527)
    assert counts["validation"][:3] == (27, 295, 1716)
