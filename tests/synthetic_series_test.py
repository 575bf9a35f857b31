"""Tests of tfds_series.synthetic_series.

They cover the generated examples (pairs, preferences, ranks, sizes, determinism, splits), each
degradation and its growth with severity, worker processes, and series made of the user's own
photographs.
"""

import collections
import importlib.resources
import io
import itertools
import struct
import warnings

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image, ImageFilter

from tests.photo_trees import write_tricky_tree
from tfds_series import preparation
from tfds_series.synthetic_series import (
    Builder,
    SyntheticSeriesConfig,
    degradations,
    photo_folder,
    scenes,
    series,
)
from tfds_series.workers import ordered_map

# TFDS reads its metadata through a method that the newest protobuf calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:label.. is deprecated:DeprecationWarning")

KINDS = (
    "defocus", "camera_shake", "under_exposure", "over_exposure",
    "noise", "jpeg_blocks", "tilted_horizon", "cut_off",
)  # fmt: skip
TINY = SyntheticSeriesConfig(
    name="tiny", train_series=12, validation_series=4, test_series=4, photo_size=64
)


class SyntheticSeriesTest(tfds.testing.DatasetBuilderTestCase):
    """Builds a tiny config through TFDS's own checks."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [TINY]  # noqa: RUF012
    SPLITS = {"train": 12, "validation": 4, "test": 4}  # noqa: RUF012
    SKIP_TF1_GRAPH_MODE = True


class PhotosTest(SyntheticSeriesTest):
    """Builds series of the six drawn photos in dummy_data through TFDS's own checks."""

    BUILDER_CONFIG_NAMES_TO_TEST = [  # noqa: RUF012
        SyntheticSeriesConfig(
            name="tiny_photos", scenes="photos", photo_size=64,
            train_series=3, validation_series=1, test_series=4,
        )
    ]  # fmt: skip
    SPLITS = {"train": 4, "validation": 1, "test": 4}  # noqa: RUF012


def generate(config, split="train"):
    builder = Builder.__new__(Builder)
    builder._builder_config = config
    return dict(builder._generate_examples(split, None))


@pytest.fixture(scope="module")
def examples():
    return generate(TINY)


@pytest.fixture(scope="module")
def photo():
    """A drawn landscape photo of 240 x 180 pixels."""
    pixels = scenes.draw_scene(np.random.default_rng(8), 240)
    return np.asarray(Image.fromarray(pixels).resize((240, 180)))


def degraded(photo, kind, severity, seed=1):
    return degradations.degrade(photo, kind, severity, np.random.default_rng(seed))


# The examples.


def test_every_pair_once_with_the_first_before_the_second(examples):
    for example in examples.values():
        count = len(example["photos"])
        pairs = [(pair["first"], pair["second"]) for pair in example["pairs"]]
        assert 2 <= count <= 8
        assert pairs == list(itertools.combinations(range(count), 2))


def test_preference_is_the_sigmoid_of_the_difference_of_severities(examples):
    for example in examples.values():
        severity = np.array([photo["severity"] for photo in example["photos"]])
        for pair in example["pairs"]:
            difference = severity[pair["second"]] - severity[pair["first"]]
            expected = 1 / (1 + np.exp(-3.0 * difference))
            np.testing.assert_allclose(pair["preference"], expected, rtol=1e-6)


def test_ranks_follow_severities(examples):
    for example in examples.values():
        photos = sorted(example["photos"], key=lambda photo: photo["rank"])
        severities = [photo["severity"] for photo in photos]
        assert severities == sorted(severities)
        assert photos[0]["rank"] == 1


def test_photos_decode_to_the_wanted_size(examples):
    for example in examples.values():
        for entry in example["photos"]:
            with Image.open(io.BytesIO(entry["photo_bytes"])) as image:
                assert (max(image.size), image.mode) == (64, "RGB")


def test_faults_are_of_the_eight_kinds_or_none(examples):
    entries = [entry for example in examples.values() for entry in example["photos"]]
    for entry in entries:
        assert entry["degradation"] in (*KINDS, "none")
        assert (entry["degradation"] == "none") == (entry["severity"] == 0)


def test_same_seed_gives_the_same_bytes_and_another_seed_others(examples):
    assert generate(TINY) == examples
    other = generate(SyntheticSeriesConfig(name="other", train_series=2, photo_size=64, seed=1))
    assert all(other[key] != examples[key] for key in other)


def test_processes_do_not_change_the_examples():
    tasks = [(i, 7) for i in range(80)]
    assert list(ordered_map(divmod_pair, tasks, 2)) == [divmod(*task) for task in tasks]


def divmod_pair(task):
    return divmod(*task)


def test_splits_share_no_photo(examples):
    def photo_bytes(examples):
        return {p["photo_bytes"] for e in examples.values() for p in e["photos"]}

    held_out = [photo_bytes(generate(TINY, split)) for split in ("validation", "test")]
    splits = [photo_bytes(examples), *held_out]
    assert len(set.union(*splits)) == sum(map(len, splits))


def test_label_statistics_resemble_peoples():
    rng = np.random.default_rng(0)
    preferences = []
    for _ in range(500):
        severities = np.array(
            [severity for _, severity in series.draw_faults(series.SeriesOptions(), rng)]
        )
        preferences += [pair["preference"] for pair in series.pair_preferences(severities, 3.0)]
    confidence = np.maximum(preferences, 1 - np.array(preferences))
    assert 0.72 < confidence.mean() < 0.79  # PhotoTriage: 0.74 and 0.75.


def test_metadata_files_are_read_by_tfds(tmp_path):
    info = Builder(config="scenes", data_dir=tmp_path).info
    assert "severity" in info.description
    assert "keras-series" in info.citation
    files = importlib.resources.files("tfds_series.synthetic_series")
    assert all((files / name).is_file() for name in ("README.md", "TAGS.txt", "CITATIONS.bib"))


def test_faults_are_as_frequent_as_their_chances():
    chances = {"noise": 0.6, "cut_off": 0.3, "defocus": 0.1}
    options, rng = series.SeriesOptions(kind_chances=chances), np.random.default_rng(0)
    kinds = [kind for _ in range(3000) for kind, _ in series.draw_faults(options, rng)]
    counts = collections.Counter(kind for kind in kinds if kind != "none")
    shares = {kind: count / counts.total() for kind, count in counts.items()}
    assert shares == pytest.approx(chances, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_series_of_one_kind_are_as_frequent_as_stated(share):
    options, rng = series.SeriesOptions(one_kind_share=share), np.random.default_rng(0)
    faults = [series.draw_faults(options, rng) for _ in range(300)]
    large = [{kind for kind, _ in each} - {"none"} for each in faults if len(each) > 5]
    assert {len(kinds) == 1 for kinds in large} == {share == 1.0}


def test_invalid_scenes_are_refused():
    with pytest.raises(ValueError, match="Expected scenes to be"):
        SyntheticSeriesConfig(name="wrong", scenes="video")


@pytest.mark.parametrize(
    "chances", [{}, {"noise": 0.9}, {"noise": 1.5, "cut_off": -0.5}, {"noise": 0.5, "rain": 0.5}]
)
def test_invalid_chances_are_refused(chances):
    with pytest.raises(ValueError, match="Expected probabilities of some of"):
        SyntheticSeriesConfig(name="wrong", kind_chances=chances)


# The degradations.


def test_the_eight_kinds():
    assert tuple(degradations.DEGRADATIONS) == KINDS


@pytest.mark.parametrize("kind", [*KINDS, "none"])
def test_severity_zero_leaves_the_photo_and_never_changes_the_input(photo, kind):
    before = photo.copy()
    np.testing.assert_array_equal(degraded(photo, kind, 0.0), photo)
    degraded(photo, kind, 0.7)
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(160, 120), (120, 160), (97, 97), (900, 600)])
def test_size_and_aspect(photo, kind, size):
    resized = np.asarray(Image.fromarray(photo).resize(size))
    result = degraded(resized, kind, 0.8)
    assert result.dtype == np.uint8
    if kind in ("tilted_horizon", "cut_off"):
        height, width = result.shape[:2]
        assert width < size[0]
        assert abs(width - height * size[0] / size[1]) < 2.5
    else:
        assert result.shape == resized.shape


def detail(photo):
    """The mean absolute difference of neighbours, in both directions."""
    values = photo.astype(float).mean(-1)
    return np.abs(np.diff(values, axis=0)).mean() + np.abs(np.diff(values, axis=1)).mean()


def roughness(photo):
    smooth = np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(3)), float)
    return (photo - smooth).std()


def error_of(photo, reference):
    return np.abs(photo.astype(float) - reference).mean()


MEASURES = {
    "defocus": lambda result, photo: -detail(result),
    "camera_shake": lambda result, photo: -detail(result),
    "under_exposure": lambda result, photo: -result.mean(),
    "over_exposure": lambda result, photo: result.mean(),
    "noise": lambda result, photo: roughness(result),
    "jpeg_blocks": error_of,
    "tilted_horizon": lambda result, photo: -result.shape[1],
    "cut_off": lambda result, photo: -result.shape[1],
}


@pytest.mark.parametrize("kind", KINDS)
def test_more_severe_is_measurably_worse(photo, kind):
    results = [degraded(photo, kind, severity) for severity in (0.0, 0.3, 0.6, 0.9)]
    values = [MEASURES[kind](result, photo) for result in results]
    assert np.all(np.diff(values) > 0), values


@pytest.mark.parametrize("kind", KINDS)
def test_a_severity_of_a_third_survives_being_made_small(photo, kind):
    large = np.asarray(Image.fromarray(photo).resize((1200, 900), Image.Resampling.BICUBIC))
    result = Image.fromarray(degraded(large, kind, 0.3)).resize((128, 96), Image.Resampling.BOX)
    small = Image.fromarray(large).resize((128, 96), Image.Resampling.BOX)
    assert error_of(np.asarray(result), np.asarray(small, float)) > 0.7


def test_defocus_has_the_deviation_of_its_circle():
    edge = np.zeros((60, 200, 3), np.uint8)
    edge[:, 100:] = 255
    profile = np.diff(degraded(edge, "defocus", 0.8)[30, :, 0].astype(float))
    place = np.arange(199)
    middle = (profile * place).sum() / profile.sum()
    deviation = np.sqrt((profile * (place - middle) ** 2).sum() / profile.sum())
    assert deviation == pytest.approx(0.8 * 0.024 * 200 / 2, rel=0.15)


def test_under_exposure_halves_the_light_every_stop():
    grey = np.full((8, 8, 3), 200, np.uint8)
    severity = 1 / 3.4
    expected = 255 * ((200 / 255) ** 2.2 / 2 - 0.004 * severity) ** (1 / 2.2)
    assert abs(degraded(grey, "under_exposure", severity)[0, 0, 0] - expected) <= 1


@pytest.mark.parametrize("kind", ["tilted_horizon", "cut_off", "camera_shake", "defocus"])
@pytest.mark.parametrize("shape", [(90, 160), (160, 90), (100, 100)])
def test_no_black_borders(kind, shape):
    white = np.full((*shape, 3), 255, np.uint8)
    for seed, severity in itertools.product(range(4), (0.1, 0.5, 1.0)):
        assert degraded(white, kind, severity, seed).min() == 255


def test_tilt_turns_a_horizon_by_its_angle():
    photo = np.full((300, 400, 3), 255, np.uint8)
    photo[150:] = 0
    result = degraded(photo, "tilted_horizon", 0.6)
    rows = (result[..., 0] > 127).sum(0)
    slope = np.polyfit(np.arange(len(rows)), rows, 1)[0]
    assert np.degrees(np.arctan(abs(slope))) == pytest.approx(0.6 * 20, abs=0.3)


def test_cut_off_takes_a_growing_share_of_the_subject():
    photo = np.zeros((200, 200, 3), np.uint8)
    photo[50:150, 50:150] = 255
    for seed in range(6):
        shares = [(degraded(photo, "cut_off", s, seed) > 0).sum() / 30000 for s in (0.3, 0.6, 1.0)]
        assert 1 > shares[0] > shares[1] > shares[2]
        assert shares[2] == pytest.approx(0.3, abs=0.25)


@pytest.mark.parametrize(
    ("photo", "kind", "severity", "message"),
    [
        (np.zeros((4, 4), np.uint8), "noise", 0.5, "Expected a uint8 photo"),
        (np.zeros((4, 4, 3)), "noise", 0.5, "Expected a uint8 photo"),
        (np.zeros((4, 4, 3), np.uint8), "rain", 0.5, "Expected kind to be one of"),
        (np.zeros((4, 4, 3), np.uint8), "noise", 1.5, "Expected a severity"),
    ],
)
def test_degrade_refuses(photo, kind, severity, message):
    with pytest.raises(ValueError, match=message):
        degraded(photo, kind, severity)


# The user's own photos.


@pytest.fixture
def folder(tmp_path):
    """Twelve photos in two folders, a copy of one, a broken one and a text."""
    manual = tmp_path / "manual"
    (manual / "trip" / "day").mkdir(parents=True)
    for index in range(12):
        pixels = scenes.draw_scene(np.random.default_rng(index), 96)
        name = f"trip/{index}.png" if index % 2 else f"trip/day/{index}.JPG"
        Image.fromarray(pixels).save(manual / name)
    (manual / "copy.png").write_bytes((manual / "trip/1.png").read_bytes())
    (manual / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    (manual / "notes.txt").write_text("nothing")
    return manual


def build_photos(tmp_path, manual):
    config = SyntheticSeriesConfig(
        name="my_photos", scenes="photos", photo_size=48,
        train_series=10, validation_series=3, test_series=3,
    )  # fmt: skip
    builder = Builder(config=config, data_dir=tmp_path / "data")
    download = tfds.download.DownloadConfig(manual_dir=manual, register_checksums=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        builder.download_and_prepare(download_config=download)
    return builder


def test_photos_of_a_folder_become_disjoint_splits(tmp_path, folder):
    builder = build_photos(tmp_path, folder)
    sources = {}
    for split in ("train", "validation", "test"):
        examples = tfds.as_numpy(builder.as_dataset(split=split))
        sources[split] = {example["series_id"].decode()[:16] for example in examples}
        assert sources[split]
    assert len(set.union(*sources.values())) == sum(map(len, sources.values())) == 12


def test_photos_are_never_modified_and_broken_ones_are_named(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    photos, left_out = photo_folder.find_photos(folder)
    assert left_out.keys() == {"broken.jpg", "notes.txt"}
    assert left_out["broken.jpg"].startswith("unreadable: ")
    named = photo_folder.describe_left_out(left_out)
    assert named == f"'broken.jpg' ({left_out['broken.jpg']}), 1 that are not images"
    assert len(photos) == len({photo.content_hash for photo in photos}) == 12
    assert before == {path: path.read_bytes() for path in before}


def test_files_of_a_server_and_links_are_as_for_ranking(tmp_path):
    write_tricky_tree(tmp_path)
    photos, left_out = photo_folder.find_photos(tmp_path / "photos")
    assert photos == []  # These have only first bytes.
    assert left_out["raw.CR2"] == "format not supported"
    assert left_out["b/photo"] == "unreadable: damaged header"
    assert not any("@eaDir" in name or "again" in name for name in left_out)


def test_tiff_is_read(tmp_path):
    Image.new("RGB", (30, 20), "red").save(tmp_path / "scan.tif")
    photos, left_out = photo_folder.find_photos(tmp_path)
    assert len(photos) == 1
    assert left_out == {}


def photo_that_states_a_size(size):
    """A grey JPEG of which the first pixels are stored, with the size of a larger one."""
    file = io.BytesIO()
    Image.new("L", (64, 64)).save(file, "JPEG")
    content = bytearray(file.getvalue())
    place = content.find(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", *size[::-1])
    return bytes(content)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("broken"), IndexError("index")])
def test_no_error_stops_the_other_photos(error, folder, monkeypatch):
    read_scene = photo_folder.read_scene

    def fail(path, edge):
        if path.name == "3.png":
            raise error
        return read_scene(path, edge)

    monkeypatch.setattr(photo_folder, "read_scene", fail)
    photos, left_out = photo_folder.find_photos(folder)
    assert len(photos) == 11
    assert left_out["trip/3.png"] == f"unreadable: {error or 'MemoryError'}"


@pytest.mark.parametrize("size", [(20000, 10008), (65000, 65000)])
def test_photos_of_more_than_200_megapixels_are_left_out(size, tmp_path):
    (tmp_path / "a.jpg").write_bytes(photo_that_states_a_size(size))
    _, left_out = photo_folder.find_photos(tmp_path)
    reason = f"unreadable: Expected at most 200000000 pixels. Received: {size}"
    assert left_out == {"a.jpg": reason}
    assert Image.MAX_IMAGE_PIXELS == 89_478_485


def test_a_photo_of_199_megapixels(tmp_path):
    Image.new("L", (16320, 12240)).save(tmp_path / "a.jpg")
    assert photo_folder.read_scene(tmp_path / "a.jpg", 64).shape == (48, 64, 3)


def test_a_photo_keeps_its_split_when_others_join():
    photos = [photo_folder.SourcePhoto(str(i), f"{i * 2654435761 % 2**32:08x}") for i in range(60)]
    few, all_photos = (photo_folder.split_photos(part) for part in (photos[:40], photos))
    for split in few:
        assert set(few[split]) <= set(all_photos[split])


def test_photos_are_read_upright(tmp_path):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    scene = photo_folder.read_scene(tmp_path / "turned.jpg", 60)
    assert scene.shape == (60, 40, 3)
    assert scene[:25].mean() > 240 > 20 > scene[35:].mean()


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    (tmp_path / "manual").mkdir()
    with pytest.raises(AssertionError, match="three different photographs of your own"):
        build_photos(tmp_path, tmp_path / "manual")


def test_too_few_photos_are_refused(tmp_path):
    manual = tmp_path / "manual"
    manual.mkdir()
    Image.new("RGB", (30, 20), "red").save(manual / "one.png")
    with pytest.raises(ValueError, match="at least 3 different photos"):
        build_photos(tmp_path, manual)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_beam_makes_the_same_dataset(tmp_path, folder):
    examples = []
    for name, options in (("cores", None), ("beam", ["--runner=DirectRunner"])):
        builder = preparation.prepare("synthetic_series/photos", tmp_path / name, folder, options)
        examples.append(list(tfds.as_numpy(builder.as_dataset(split="validation"))))
    for one, other in zip(*examples, strict=True):
        assert one["series_id"] == other["series_id"]
        for a, b in zip(one["photos"]["photo_bytes"], other["photos"]["photo_bytes"], strict=True):
            assert a == b


def test_beam_is_for_series_that_are_made(tmp_path):
    with pytest.raises(ValueError, match=r"Expected --beam with synthetic_series\. Received: biq"):
        preparation.prepare("biq2021", tmp_path, beam_options=[])
