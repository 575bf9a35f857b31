"""Tests of tfds_series.photo_triage and tfds_series.preparation.

They build the dataset from small generated copies of PhotoTriage and, where available, from the
real pair lists. They cover the layouts of a copy, the examples, refused and damaged copies, missing
photos, a missing copy, interrupted and concurrent builds, prepare.py and training on the result,
and the alignment of reviews with photos.
"""

import io
import itertools
import json
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from keras_series.data import Annotations, BatchOptions, SeriesBatches, SeriesDataset
from keras_series.evaluation import pair_accuracy, series_top
from keras_series.training import Recipe, train
from tests import photo_triage_copies as copies
from tests.icc_profiles import table_profile
from tests.real_data import needs_real_data
from tfds_series import preparation
from tfds_series.photo_triage import Builder, pair_lists, reviews

ROOT = pathlib.Path(__file__).parents[1]
needs_real_lists = needs_real_data("photo_triage")


class PairsTest(tfds.testing.DatasetBuilderTestCase):
    """Builds the drawn copy in dummy_data through TFDS's own checks."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["pairs"]  # noqa: RUF012
    SPLITS = {"train": 3, "validation": 1, "test": 1}  # noqa: RUF012
    SKIP_TF1_GRAPH_MODE = True


class ReviewsTest(PairsTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["reviews"]  # noqa: RUF012


def build(folder, copy, name="photo_triage"):
    return preparation.prepare(name, folder / "datasets", copy)


def examples_of(builder, split):
    return list(tfds.as_numpy(builder.as_dataset(split=split)))


def records_of(builder):
    """The examples as they are stored, by split."""
    return {
        split: [bytes(record) for record in tf.data.TFRecordDataset(
            [str(path) for path in info.filepaths]
        ).as_numpy_iterator()]
        for split, info in builder.info.splits.items()
    }  # fmt: skip


@pytest.fixture(scope="module")
def small_copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    copies.write_folders(folder, copies.draw_files(copies.small_lists()))
    return folder


@pytest.fixture(scope="module")
def small(small_copy, tmp_path_factory):
    return build(tmp_path_factory.mktemp("small"), small_copy)


def test_metadata_files_are_read_by_tfds(tmp_path):
    info = Builder(data_dir=tmp_path).info
    assert "Bradley-Terry" in info.description
    assert "SIGGRAPH" in info.citation
    assert info.full_name == "photo_triage/pairs/1.0.0"


# Layouts.


@pytest.mark.parametrize("extension", [".JPG", ".jpg"])
@pytest.mark.parametrize("layout", copies.LAYOUTS)
def test_every_layout_gives_the_same_bytes(tmp_path, small, layout, extension):
    files = copies.draw_files(copies.small_lists(), extension)
    copies.LAYOUTS[layout](tmp_path / "copy", files)
    assert records_of(build(tmp_path, tmp_path / "copy")) == records_of(small)


def test_zips_beside_what_was_unpacked_and_what_macos_adds_do_no_harm(tmp_path, small):
    files = copies.draw_files(copies.small_lists())
    copies.write_folders(tmp_path / "copy", files)
    extra = {f"train_val/__MACOSX/{path}": b"resource fork" for path in files}
    copies.write_zips(tmp_path / "copy", files | extra)
    assert records_of(build(tmp_path, tmp_path / "copy")) == records_of(small)


def test_linked_folders_are_followed_and_circles_end(tmp_path, small, small_copy):
    (tmp_path / "copy").mkdir()
    for name in ("train_val", "test"):
        (tmp_path / "copy" / name).symlink_to(small_copy / name)
    (tmp_path / "copy" / "circle").symlink_to(tmp_path / "copy")
    assert records_of(build(tmp_path, tmp_path / "copy")) == records_of(small)


def test_example(small):
    first = min(examples_of(small, "train"), key=lambda each: each["series_id"])
    assert first["series_id"] == b"000001"
    assert first["photos"]["file_name"].tolist() == [b"000001-01.JPG", b"000001-02.JPG"]
    assert first["photos"]["photo_bytes"].tolist() == [
        copies.encode_photo(name) for name in ("000001-01", "000001-02")
    ]
    pairs = {name: values.tolist() for name, values in first["pairs"].items()}
    assert pairs == {"first": [0], "second": [1], "preference": [0.5]}


def test_test_labels_are_not_published(small):
    for example in examples_of(small, "test"):
        assert example["photos"]["rank"].tolist() == [0, 0]
        assert example["pairs"]["preference"].tolist() == [-1.0]


def test_a_copy_without_the_test_part(tmp_path, small):
    lists = copies.small_lists()
    del lists["test"]
    copies.write_folders(tmp_path / "copy", copies.draw_files(lists))
    builder = build(tmp_path, tmp_path / "copy")
    assert set(builder.info.splits) == {"train", "validation"}
    assert builder.info.metadata["missing_splits"] == ["test"]
    assert "missing splits: 1: test" in preparation.describe(builder)
    with pytest.raises(ValueError, match="Expected one of the splits train, validation"):
        preparation.first_series(builder, "test", 1)


def test_the_copy_is_never_modified(tmp_path):
    copies.write_zips(tmp_path / "copy", copies.draw_files(copies.small_lists()))
    before = {path: path.read_bytes() for path in (tmp_path / "copy").rglob("*")}
    build(tmp_path, tmp_path / "copy")
    assert {path: path.read_bytes() for path in (tmp_path / "copy").rglob("*")} == before


# Broken copies.


def broken(tmp_path, change, write=copies.write_folders):
    files = copies.draw_files(copies.small_lists())
    change(files)
    write(tmp_path / "copy", files)
    return tmp_path / "copy"


def with_line(split, line):
    path = f"{copies.FOLDERS[split]}/{copies.LISTS[split]}"
    return lambda files: files.update({path: files[path] + f"{line}\n".encode()})


def with_photo(content):
    return lambda files: files.update({"train_val/train_val_imgs/000004-01.JPG": content})


def assert_refused(tmp_path, copy, error, message):
    with pytest.raises(error, match=message):
        build(tmp_path, copy)
    assert not list((tmp_path / "datasets").rglob("*1.0.0*"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("900 1 2 0.7", "the columns `series photo_a photo_b"),
        ("900 1 2", "the columns `series photo_a photo_b"),
        ("900 1 2 0.7 1 2 3", "the columns `series photo_a photo_b"),
        ("900 1 2 1.2 1 2", r"a probability in \[0, 1\] instead of '1.2'"),
        ("900 1 2 nan 1 2", r"a probability in \[0, 1\] instead of 'nan'"),
        ("900 1 2 0.7 2 1", r"the better \(lower\) rank"),
        ("900 1 2 0.3 1 2", r"the better \(lower\) rank"),
        ("2 1 2 0.7 1 2", "each pair once"),
        ("900 2 1 0.7 1 2", "two photos with photo_a < photo_b"),
        ("900 0 1 0.7 1 2", "a positive integer instead of '0'"),
        ("<!DOCTYPE html>", "the columns `series photo_a photo_b"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, expected):
    copy = broken(tmp_path, with_line("train", line))
    rows = len(copies.small_lists()["train"])
    message = rf"train_pairlist.txt, line {rows + 1}: .*Expected {expected}.*Received: '{line}'"
    assert_refused(tmp_path, copy, ValueError, message)


def test_a_photo_with_two_ranks_is_refused():
    with pytest.raises(ValueError, match="list, line 2: Expected rank 1 for photo 1, as in an"):
        pair_lists.read_pair_list("1 1 2 0.7 1 2\n1 1 3 0.7 2 3\n", "list")


def test_a_series_in_two_splits_is_refused(tmp_path):
    copy = broken(tmp_path, with_line("validation", "7 1 2 0.7 1 2"))
    message = r"series 7 in train_pairlist.txt, line 13, and in val_pairlist.txt, line 5"
    assert_refused(tmp_path, copy, ValueError, message)


def test_a_truncated_zip_is_refused(tmp_path):
    copy = broken(tmp_path, lambda files: None, copies.write_zips)
    content = (copy / "train_val.zip").read_bytes()
    (copy / "train_val.zip").write_bytes(content[: len(content) // 2])
    message = (
        rf"Expected a complete zip file at .*train_val.zip. Received: .*{len(content) // 2} bytes"
    )
    assert_refused(tmp_path, copy, ValueError, message)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_missing_list_is_named(tmp_path, split):
    path = f"train_val/{copies.LISTS[split]}"
    copy = broken(tmp_path, lambda files: files.pop(path))
    assert_refused(
        tmp_path, copy, FileNotFoundError, f"(?s)Expected {copies.LISTS[split]}.*Download"
    )


def test_two_different_lists_are_refused(tmp_path):
    other = {"old/train_pairlist.txt": b"1 1 2 0.7 1 2\n"}
    copy = broken(tmp_path, lambda files: files.update(other))
    message = (
        "Expected one train_pairlist.txt. Received several that differ: .*old/train_pairlist.txt"
    )
    assert_refused(tmp_path, copy, ValueError, message)


def test_two_different_photos_of_a_name_are_refused(tmp_path):
    other = {"old/000004-01.jpg": copies.encode_photo("another")}
    copy = broken(tmp_path, lambda files: files.update(other))
    assert_refused(tmp_path, copy, ValueError, "Expected one photo 000004-01.JPG.*old/000004-01")


def test_a_whole_photo_stands_in_for_a_broken_one_of_the_same_name(tmp_path, small):
    files = copies.draw_files(copies.small_lists())
    copies.write_zips(tmp_path / "copy", files)
    copies.write_folders(tmp_path / "copy", {"images/000004-01.JPG": b"cut"})
    assert records_of(build(tmp_path, tmp_path / "copy")) == records_of(small)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda files: files.pop("train_val/train_val_imgs/000004-01.JPG"), "missing"),
        (with_photo(b""), "not a photo, but 0 bytes"),
        (
            with_photo(b"<!DOCTYPE html><p>Not found"),
            "not a photo, but 27 bytes that begin with b'<!DOCT",
        ),
        (with_photo(copies.encode_photo("x", (90, 90))[:-60]), "truncated"),
    ],
)
def test_a_lost_photo_is_left_out_with_its_pairs_and_counted(tmp_path, small, change, reason):
    builder = build(tmp_path, broken(tmp_path, change))
    (name, received), = builder.info.metadata["left_out_photos"].items()  # fmt: skip
    assert name == "000004-01.JPG"
    assert reason in received
    assert f"left out photos: 1: {name}" in preparation.describe(builder)
    lost, whole = ({e["series_id"]: e for e in examples_of(b, "train")} for b in (builder, small))
    assert lost.keys() == whole.keys()
    assert lost[b"000004"]["photos"]["file_name"].tolist() == [b"000004-02.JPG", b"000004-03.JPG"]
    assert lost[b"000004"]["photos"]["rank"].tolist() == (
        whole[b"000004"]["photos"]["rank"][1:].tolist()
    )
    pairs = whole[b"000004"]["pairs"]
    assert lost[b"000004"]["pairs"]["preference"].tolist() == [pairs["preference"][2]]
    assert lost[b"000004"]["pairs"]["first"].tolist() == [0]


def test_a_series_without_a_pair_is_left_out(tmp_path):
    path = "train_val/train_val_imgs/000001-02.JPG"
    builder = build(tmp_path, broken(tmp_path, lambda files: files.pop(path)))
    assert builder.info.metadata["left_out_series"] == ["000001"]
    assert builder.info.splits["train"].num_examples == 79


@pytest.mark.parametrize("content", [None, b"<html>"])
def test_more_than_one_in_a_hundred_lost_photos_stop_the_build(tmp_path, content):
    def change(files):
        for number in (2, 4, 6):  # Of 214 photos.
            path = f"train_val/train_val_imgs/{number:06d}-01.JPG"
            files.pop(path) if content is None else files.update({path: content})

    copy = broken(tmp_path, change)
    assert_refused(tmp_path, copy, ValueError, "at least 99% of the 214 photos.* 3 are missing")


def test_a_damaged_member_of_a_zip_is_left_out(tmp_path):
    copy = broken(tmp_path, lambda files: None, copies.write_zips)
    content = (copy / "train_val.zip").read_bytes()
    photo = copies.encode_photo("000004-01")
    (copy / "train_val.zip").write_bytes(content.replace(photo, photo[:-9] + bytes(9)))
    metadata = build(tmp_path, copy).info.metadata
    assert list(metadata["left_out_photos"]) == ["000004-01.JPG"]
    assert "CRC" in metadata["left_out_photos"]["000004-01.JPG"]


# Where nothing is there.


def test_without_a_copy_one_message_tells_all(tmp_path, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(FileNotFoundError) as error:
        build(tmp_path, None)
    message = str(error.value)
    for part in (
        str(tmp_path / "datasets/downloads/manual"), "Name or service not known",
        "train_val.zip", "test.zip",
        "http://phototriage.cs.princeton.edu", "--manual_dir", "train_pairlist.txt",
        "000001-01.JPG", "research use; cite the paper; do not redistribute",
    ):  # fmt: skip
        assert part in message


def test_downloaded_zips_are_taken(tmp_path, monkeypatch, small):
    copies.write_zips(tmp_path / "server", copies.draw_files(copies.small_lists()))
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO())
    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download",
        lambda self, urls: {name: tmp_path / "server" / f"{name}.zip" for name in urls},
    )
    assert records_of(build(tmp_path, None)) == records_of(small)


def test_a_mistyped_folder_is_refused(tmp_path):
    message = "Expected --manual_dir to be an existing folder.*nowhere"
    with pytest.raises(FileNotFoundError, match=message):
        build(tmp_path, tmp_path / "nowhere")


def test_a_mistyped_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a dataset name.*photo_triage/review'"):
        build(tmp_path, None, "photo_triage/review")


def test_a_killed_build_starts_again_cleanly(tmp_path, small_copy, small):
    code = (
        "import sys, time; from tfds_series import photo_triage, preparation\n"
        "make = photo_triage.photo_triage_dataset_builder._make_example\n"
        "def slow(*args):\n    print('made', flush=True); time.sleep(0.1); return make(*args)\n"
        "photo_triage.photo_triage_dataset_builder._make_example = slow\n"
        "preparation.prepare('photo_triage', sys.argv[1], sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "datasets"), str(small_copy)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    while "made" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    parent = tmp_path / "datasets/photo_triage/pairs"
    assert [path.name.split(".")[0] for path in parent.iterdir()] == ["incomplete"]
    assert records_of(build(tmp_path, small_copy)) == records_of(small)
    assert [path.name for path in parent.iterdir()] == ["1.0.0"]


def test_a_build_that_another_process_has_overtaken_is_no_failure(
    tmp_path, small_copy, small, monkeypatch
):
    finish = Builder.download_and_prepare

    def overtaken(self, **settings):
        finish(self, **settings)
        raise OSError("Directory not empty")

    monkeypatch.setattr(Builder, "download_and_prepare", overtaken)
    assert records_of(build(tmp_path, small_copy)) == records_of(small)


# Downstream.


def test_ties_and_unpublished_labels_weigh_nothing(small):
    for split, labelled in (("train", 159), ("test", 0)):
        series = small.as_dataset(split=split)
        batches = SeriesBatches(series, BatchOptions(image_size=8, pack_size=8))
        assert sum(batch[2].numpy().sum() for batch in batches.as_dataset()) == labelled
    annotations = Annotations.from_examples(small.as_dataset(split="train"))
    preferences = annotations.preferences
    assert len(preferences) == 160
    told = np.where(preferences == 0.5, 0.9, preferences)
    everything = np.ones((1, annotations.series_count))
    for predictions in (preferences, told):
        assert pair_accuracy(predictions, annotations)(everything) == [1.0]


def test_the_best_of_what_is_left_is_right(tmp_path, small):
    ranks = {e["series_id"]: e["photos"]["rank"] for e in examples_of(small, "train")}
    best = int(np.argmin(ranks[b"000004"])) + 1
    path = f"train_val/train_val_imgs/000004-{best:02d}.JPG"
    builder = build(tmp_path, broken(tmp_path, lambda files: files.pop(path)))
    annotations = Annotations.from_examples(builder.as_dataset(split="train"))
    top_1 = series_top(annotations.preferences, annotations)
    assert top_1(np.ones((1, annotations.series_count)))[0] > 0.99


def test_training_on_no_pair_is_refused(tmp_path, small_copy):
    build(tmp_path, small_copy)
    with pytest.raises(ValueError, match=r"Expected pairs to train on.* at least 1\.0"):
        train(
            tmp_path / "run",
            SeriesDataset.open("photo_triage", tmp_path / "datasets"),
            "tiny",
            {"image_size": 32},
            Recipe(min_majority_share=1.0),
        )


def run(script, *flags):
    result = subprocess.run(
        [sys.executable, ROOT / script, *flags], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_prepare_and_train_end_to_end(tmp_path, small_copy):
    data_dir = f"--data_dir={tmp_path / 'datasets'}"
    sheet = tmp_path / "sheet.png"
    output = run(
        "prepare.py",
        "--dataset=photo_triage",
        data_dir,
        f"--manual_dir={small_copy}",
        f"--sheet={sheet}",
    )
    table = [line.split() for line in output.splitlines()]
    assert ["train", "80", "200", "160", "1"] in table
    assert ["published", "4560", "12019", "12075", "91"] in table
    assert ["published", "195", "503", "483", "1"] in table
    assert ["published", "967", "-", "2585", "0"] in table
    assert sheet.exists()
    run(
        "train.py",
        "--flagfile=configs/photo_triage.flags",
        data_dir,
        "--preset=tiny",
        "--override=image_size=32",
        "--epochs=1",
        f"--workdir={tmp_path / 'run'}",
    )
    assert (tmp_path / "run" / "best.keras").exists()


def test_the_evaluation_split_has_labels(small):
    assert preparation.labelled_split(small) == "validation"


# The real pair lists.


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Built from the real lists of train and val, with a tiny photo of each name."""
    folder = tmp_path_factory.mktemp("real")
    lists = {
        split: (copies.REAL_LISTS / copies.LISTS[split]).read_text().splitlines()
        for split in ("train", "validation")
    }
    copies.write_zips(folder / "copy", copies.draw_files(lists))
    return build(folder, folder / "copy"), lists


@needs_real_lists
def test_real_counts(real):
    builder, _ = real
    assert preparation.count(builder) == {
        "train": (4560, 12019, 12075, 91),
        "validation": (195, 503, 483, 1),
    }
    assert builder.info.metadata["left_out_photos"] == {}


SIZES = {
    "train": {2: 2791, 3: 1043, 4: 464, 5: 155, 6: 78, 7: 23, 8: 6},
    "validation": {2: 122, 3: 45, 4: 22, 5: 3, 6: 1, 7: 1, 8: 1},
}


@needs_real_lists
@pytest.mark.parametrize(
    ("split", "strong", "mean"), [("train", 6776, 0.738), ("validation", 292, 0.750)]
)
def test_real_invariants(real, split, strong, mean):
    builder, lists = real
    sizes, agreements = {}, []
    rows = set()
    for example in examples_of(builder, split):
        photos, pairs = example["photos"], example["pairs"]
        count = len(photos["rank"])
        sizes[count] = sizes.get(count, 0) + 1
        places = list(zip(pairs["first"], pairs["second"], strict=True))
        assert places == list(itertools.combinations(range(count), 2))
        first, second = (photos["rank"][pairs[name]] for name in ("first", "second"))
        preference = pairs["preference"]
        untied = preference != 0.5
        assert ((preference > 0.5) == (first < second))[untied].all()
        assert ((preference >= np.float32(0.01)) & (preference <= np.float32(0.99))).all()
        agreements.extend(np.maximum(preference, 1 - preference))
        rows.update(
            f"{int(example['series_id'])} {a + 1} {b + 1} {p:.3f} {photos['rank'][a]} "
            f"{photos['rank'][b]}"
            for (a, b), p in zip(places, preference, strict=True)
        )
    assert sizes == SIZES[split]
    assert (np.array(agreements) >= np.float32(0.7)).sum() == strong
    assert np.mean(agreements) == pytest.approx(mean, abs=5e-4)
    assert rows == set(lists[split])


@needs_real_lists
def test_no_real_series_is_in_both_splits(real):
    train, validation = (
        {each["series_id"] for each in examples_of(real[0], split)} for split in SIZES
    )
    assert not train & validation


# Reviews.


def bradley_terry(wins, steps=20_000):
    """Probabilities by Hunter's minorisation and maximisation (2004, equation 3)."""
    meetings = wins + wins.T
    worth = np.ones(len(wins))
    for _ in range(steps):
        share = meetings / (worth[:, None] + worth[None, :])
        worth = wins.sum(axis=1) / share.sum(axis=1)
        worth /= worth.sum()
    return worth[:, None] / (worth[:, None] + worth[None, :])


def listed_series(preference):
    """A listed series of which `preference(a, b)` gives each pair's, for a < b from 0."""
    count = preference.shape[0]
    pairs = list(itertools.combinations(range(count), 2))
    return pair_lists.ListedSeries(
        "list, line 1",
        dict.fromkeys(range(1, count + 1), 1),
        {(a + 1, b + 1): round(float(preference[a, b]), 3) for a, b in pairs},
    )


def random_votes(rng, strengths):
    """Reviews as drawn, and wins with 0.99 of a vote for the preferred and 0.01 for the other."""
    entries, wins = [], np.zeros((len(strengths), len(strengths)))
    for a, b in itertools.combinations(range(len(strengths)), 2):
        for _ in range(rng.integers(7, 14)):
            is_first = rng.random() < 1 / (1 + np.exp(strengths[b] - strengths[a]))
            preferred, other = (a, b) if is_first else (b, a)
            entries.append((preferred, other))
            wins[preferred, other] += 0.99
            wins[other, preferred] += 0.01
    return entries, wins


@pytest.mark.parametrize("seed", [0, 1, 2, 10, 4, 5, 6])  # Of 2, 3, 4, 5, 6, 7 and 8 photos.
def test_the_permutation_is_recovered(seed):
    rng = np.random.default_rng(seed)
    count = 2 + seed % 7
    strengths = rng.permutation(np.linspace(-0.3 * count, 0.3 * count, count))
    entries, wins = random_votes(rng, strengths)
    series = listed_series(np.clip(bradley_terry(wins), 0.01, 0.99))
    number_of_photo = rng.permutation(count)
    voted = [reviews.Review(number_of_photo[a], number_of_photo[b]) for a, b in entries]
    expected = {int(number): photo + 1 for photo, number in enumerate(number_of_photo)}
    assert reviews.align(voted, series) == expected


@pytest.mark.parametrize(
    ("voted", "preference"),
    [
        ([], 0.7),  # Nobody voted.
        ([(0, 1)] * 5 + [(1, 0)] * 5, 0.5),  # A tie: either order matches.
        ([(0, 1)] * 9 + [(1, 0)], 0.6),  # Other votes than those of the list.
        ([(0, 2)] * 7 + [(2, 0)] * 3, 0.7),  # A photo that the list does not have.
    ],
)
def test_no_alignment_is_made_up(voted, preference):
    series = listed_series(np.array([[0.5, preference], [1 - preference, 0.5]]))
    assert reviews.align([reviews.Review(*each) for each in voted], series) is None


def test_votes_that_do_not_connect_the_photos_align_nothing():
    series = listed_series(np.array([[0.5, 0.7, 0.7], [0.3, 0.5, 0.5], [0.3, 0.5, 0.5]]))
    assert reviews.align([reviews.Review(0, 1)] * 7 + [reviews.Review(1, 0)] * 3, series) is None


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """Series 1 reviewed under other numbers, series 2 a tie, series 3 not; series 4 is broken."""
    folder = tmp_path_factory.mktemp("reviewed")
    strengths = {1: np.log([4, 1, 2]), 2: np.log([1, 1]), 3: np.log([1, 2]), 4: np.log([1, 2])}
    lists = {
        "train": [row for n in (1, 2, 3, 4) for row in copies.rows_of_series(n, strengths[n])],
        "validation": copies.rows_of_series(5, [0.0, 1.0]),
    }
    entries = {
        1: copies.votes_of(strengths[1], 15, [2, 0, 1]),
        2: copies.votes_of(strengths[2], 10, [0, 1]),
    }
    entries[1][0] |= {"userChoice": "LEFT", "reason": ["sharp", "too dark"]}
    files = copies.draw_files(lists, reviews=entries)
    files["train_val/reviews_trainval/reviews_trainval/000004.json"] = b"{"
    copies.write_folders(folder / "copy", files)
    builder = build(folder, folder / "copy", "photo_triage/reviews")
    return builder, {int(each["series_id"]): each for each in examples_of(builder, "train")}


def test_votes_and_reasons_of_an_aligned_series(reviewed):
    example = reviewed[1][1]
    assert example["aligned"]
    # 15 votes a pair at 4:1, 4:2 and 1:2.
    assert example["pairs"]["left_votes"].tolist() == [12, 10, 5]
    assert example["pairs"]["right_votes"].tolist() == [3, 5, 10]
    reasons = {name: values.tolist() for name, values in example["reasons"].items()}
    assert reasons["text"][:2] == [b"sharp", b"too dark"]
    # The first review preferred photo 1 to photo 2, of pair 0.
    assert reasons["photo"][:2] == [0, 1]
    assert reasons["pair"][:2] == [0, 0]
    assert reasons["is_praise"][:2] == [True, False]


def test_reasons_of_others_are_kept_without_a_photo(reviewed):
    tied, silent, unreadable = (reviewed[1][number] for number in (2, 3, 4))
    for example in (tied, silent, unreadable):
        assert not example["aligned"]
        assert example["pairs"]["left_votes"].tolist() == [-1]
        assert example["pairs"]["right_votes"].tolist() == [-1]
    assert tied["reasons"]["text"].tolist() == [b"0 or 1 is fine"]
    assert tied["reasons"]["photo"].tolist() == tied["reasons"]["pair"].tolist() == [-1]
    assert silent["reasons"]["text"].tolist() == []


def test_reviews_are_reported(reviewed):
    builder, _ = reviewed
    assert builder.info.metadata["aligned_series"] == 1
    assert list(builder.info.metadata["unreadable_reviews"]) == ["000004"]


def test_a_copy_without_reviews_is_refused(tmp_path, small_copy):
    with pytest.raises(FileNotFoundError, match="Expected reviews_trainval"):
        build(tmp_path, small_copy, "photo_triage/reviews")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"reviews": [{}]}', b"\xff",
                                     b'{"reviews": [{"userChoice": "LEFT"}]}'])  # fmt: skip
def test_broken_reviews_are_refused(content):
    with pytest.raises(ValueError, match="Expected JSON like"):
        reviews.read_reviews(content)


def test_reviews_without_a_choice_are_passed_over():
    entries = [{"compareID1": 0, "compareID2": 1, "userChoice": side} for side in ("", "RIGHT")]
    content = json.dumps({"reviews": entries}).encode()
    assert reviews.read_reviews(content) == [reviews.Review(1, 0)]


def test_photos_with_a_table_profile_are_converted(tmp_path):
    profile = table_profile(b"RGB ", lambda rgb: rgb**2)
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 150)).save(file, "JPEG", icc_profile=profile)
    builder = build(tmp_path, broken(tmp_path, with_photo(file.getvalue())))
    example = next(e for e in examples_of(builder, "train") if e["series_id"] == b"000004")
    converted = Image.open(io.BytesIO(example["photos"]["photo_bytes"][0]))
    assert converted.format == "PNG"
    assert converted.getpixel((20, 15)) != (90, 120, 150)
