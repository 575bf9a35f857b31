"""Libraries of photos scored with Beam: each file is accounted for once, whatever it contains."""

import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import apache_beam as beam
import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from PIL import Image

import score_photos
from keras_series.batch_scoring import (
    COUNTS,
    SavedModelHandler,
    ScorePhotos,
    WriteRows,
    check_job,
    read_counts,
    score_library,
)
from keras_series.batch_scoring import rows as parquet_rows
from keras_series.export import ServingModule
from keras_series.models import from_preset
from tests.photo_trees import write_tricky_tree
from tests.shared_export import ROUNDING

ROOT = pathlib.Path(__file__).parents[1]
BROKEN = {"empty.jpg": b"", "page.jpg": b"<html>no photo</html>"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    keras.utils.set_random_seed(3)
    model = from_preset("tiny", image_size=48)
    model.set_reference(np.linspace(-1, 1, 128).astype("float32"))
    module, folder = ServingModule(model), tmp_path_factory.mktemp("exported")
    # As `export` does, without its checks, which take longer than these tests.
    tf.saved_model.save(module, folder, signatures=module.signatures())
    return str(folder)


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """A fast model: the score is the number of bytes, valid above 500."""
    spec = tf.TensorSpec([None], tf.string, name="photo_bytes")

    @tf.function(input_signature=[spec])
    def score_and_embed(photo_bytes):
        length = tf.cast(tf.strings.length(photo_bytes), tf.float32)
        valid = length > 500
        outputs = {"score": length, "embedding": length[:, tf.newaxis], "valid": valid}
        return {**outputs, "reason": tf.where(valid, 0, 4)}

    folder = tmp_path_factory.mktemp("stub")
    module = tf.Module()
    module.score_and_embed = score_and_embed
    tf.saved_model.save(module, folder, signatures={"score_and_embed": score_and_embed})
    return str(folder)


@pytest.fixture
def library(tmp_path):
    """Five photos in two folders, and four broken or unreadable files among them."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number in range(5):
        (folder / ("more" if number % 2 else "") / f"{number}.jpg").write_bytes(draw(number))
    for name, content in {**BROKEN, "truncated.jpg": draw(9)[:200]}.items():
        (folder / name).write_bytes(content)
    (folder / "locked.jpg").write_bytes(draw(8))
    return folder


@pytest.fixture
def locked(monkeypatch):
    """Makes files named `locked.jpg` unreadable, even for root."""
    opened = FileSystems.open

    def refuse(path, *args, **kwargs):
        if path.endswith("locked.jpg"):
            raise PermissionError(f"Permission denied: {path}")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(FileSystems, "open", refuse)


def draw(seed, size=(96, 72)):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, "jpeg")
    return file.getvalue()


def run(library, model, output, **settings):
    options = score_photos.parse_options([])
    return score_library(f"{library}/**.jpg", model, str(output), options, **settings)


def read(output):
    return pq.read_table(output).sort_by("path").to_pylist()


def counts(**numbers):
    return {**dict.fromkeys(COUNTS, 0), **numbers}


def call(exported, paths):
    score = tf.saved_model.load(exported).signatures["score_and_embed"]
    outputs = score(photo_bytes=tf.constant([pathlib.Path(path).read_bytes() for path in paths]))
    return {name: value.numpy() for name, value in outputs.items()}


def test_every_file_is_accounted_for(library, locked, exported, tmp_path):
    output = tmp_path / "scores"
    expected = counts(found=9, scored=5, undecodable=3, unreadable=1)
    assert run(library, exported, output) == expected
    rows = read(output)
    assert [row["path"] for row in rows] == sorted(map(str, library.rglob("*.jpg")))
    errors = {pathlib.Path(row["path"]).name: row["error"] for row in rows if not row["valid"]}
    assert "Permission denied" in errors.pop("locked.jpg")
    expected = {"empty.jpg": "empty", "page.jpg": "not an image", "truncated.jpg": "truncated"}
    assert errors == expected
    assert all(row["score"] is row["embedding"] is None for row in rows if not row["valid"])
    assert_scores_match_the_signature(exported, [row for row in rows if row["valid"]])


def assert_scores_match_the_signature(exported, rows):
    expected = call(exported, [row["path"] for row in rows])
    for name in ("score", "embedding"):
        values = [row[name] for row in rows]
        np.testing.assert_allclose(values, expected[name], atol=ROUNDING)
    assert all(row["error"] is None for row in rows)
    assert np.ptp(expected["score"]) > 1e-3


def test_a_second_run_does_nothing_and_a_third_scores_new_photos(library, locked, stub, tmp_path):
    output = tmp_path / "scores"
    run(library, stub, output)
    first = set(output.iterdir())
    assert run(library, stub, output) == counts(found=9, done=9)
    assert set(output.iterdir()) == first
    (library / "new.jpg").write_bytes(draw(7))
    assert run(library, stub, output) == counts(found=10, done=9, scored=1)
    [added] = set(output.iterdir()) - first
    assert [row["path"] for row in read(added)] == [str(library / "new.jpg")]


def test_parts_make_the_whole(library, stub, tmp_path):
    runs = [run(library, stub, tmp_path, part=part, parts=3) for part in range(3)]
    assert sum(counted["found"] for counted in runs) == 9
    assert max(counted["found"] for counted in runs) < 9
    paths = [row["path"] for file in tmp_path.glob("*.parquet") for row in read(file)]
    assert sorted(paths) == sorted(map(str, library.rglob("*.jpg")))


def test_file_names_need_not_be_text(stub, tmp_path):
    (tmp_path / "photos").mkdir()
    try:
        pathlib.Path(os.fsdecode(bytes(tmp_path) + b"/photos/caf\xe9.jpg")).write_bytes(draw(1))
    except OSError:
        pytest.skip("needs a file system that takes any name")
    assert run(tmp_path / "photos", stub, tmp_path)["scored"] == 1
    [row] = read(next(tmp_path.glob("*.parquet")))
    assert row["path"].endswith(r"caf\udce9.jpg")
    assert run(tmp_path / "photos", stub, tmp_path) == counts(found=1, done=1)


def test_failed_run_leaves_nothing(library, stub, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(FileSystems, "rename", fail)
    with pytest.raises(Exception, match="disk full"):
        run(library, stub, tmp_path / "scores")
    assert list((tmp_path / "scores").iterdir()) == []


def test_a_folder_is_never_read_as_a_glob(stub, tmp_path):
    parent = tmp_path / "a [b] * ? c"
    write_tricky_tree(parent)
    (tmp_path / "a b" / "photos").mkdir(parents=True)
    (tmp_path / "a b" / "photos" / "other.jpg").write_bytes(draw(1))
    options, output = score_photos.parse_options([]), str(parent / "scores [2024]")
    photos = str(parent / "photos")
    first = score_library(photos, stub, output, options)
    assert first == counts(found=6, undecodable=6, skipped=6)
    assert score_library(photos, stub, output, options) == counts(found=6, done=6, skipped=6)
    [file] = pathlib.Path(output).iterdir()
    assert r"caf\udce9.jpg" in {pathlib.Path(row["path"]).name for row in read(file)}


def test_the_parts_of_a_folder_make_the_whole(stub, tmp_path):
    write_tricky_tree(tmp_path)
    photos, options = str(tmp_path / "photos"), score_photos.parse_options([])
    parts = [
        score_library(photos, stub, str(tmp_path / "scores"), options, part, 3) for part in range(3)
    ]
    totals = {name: sum(part[name] for part in parts) for name in COUNTS}
    assert totals == counts(found=6, undecodable=6, skipped=6)


@pytest.mark.parametrize("name", ["scores [2024]", "s*", "[a-z]", "a]b[c", "what?"])
def test_names_of_outputs(name, library, stub, exported, tmp_path):
    output = tmp_path / name
    assert run(library, stub, output)["done"] == 0
    (output / ".run-1.partial").touch()
    parquet_rows.remove_partial(str(output), "run")
    assert len(list(output.iterdir())) == 1
    with pytest.raises(ValueError, match="those of another model"):
        run(library, exported, output)


@pytest.mark.parametrize("name", ["scores [2024]", "s*", "[a-z]", "a]b[c", "what?", "plain"])
def test_an_escaped_path_matches_itself(name, tmp_path):
    for each in (name, "scores 2", "scores 2024", "so", "b", "abc", "whats"):
        (tmp_path / each).touch()
    matched = FileSystems.match([parquet_rows._escaped(str(tmp_path / name))])[0].metadata_list
    assert [file.path for file in matched] == [str(tmp_path / name)]


def test_leftovers_of_a_killed_run_are_ignored(library, stub, tmp_path):
    output = tmp_path / "scores"
    output.mkdir()
    (output / ".scores-killed.partial").write_bytes(b"PAR1 half a file")
    assert run(library, stub, output)["done"] == 0
    assert len(read(output)) == 9


def test_own_pipeline(library, stub, tmp_path):
    (library / "vanishing.jpg").write_bytes(b"")
    files = FileSystems.match([f"{library}/*.jpg"])[0].metadata_list
    (library / "vanishing.jpg").unlink()
    files.append(FileMetadata(str(library / "film.jpg"), 2**40))
    pipeline = beam.Pipeline(options=score_photos.parse_options([]))
    rows = pipeline | beam.Create(files) | ScorePhotos(stub)
    _ = rows | beam.Filter(lambda row: not row["valid"]) | WriteRows(tmp_path / "invalid")
    result = pipeline.run()
    result.wait_until_finish()
    assert read_counts(result) == counts(scored=4, undecodable=3, unreadable=2)
    errors = {pathlib.Path(row["path"]).name: row["error"] for row in read(tmp_path / "invalid")}
    assert len(errors) == 5
    assert "No such file" in errors["vanishing.jpg"]
    assert re.search("Expected at most .* Received: 1099511627776", errors["film.jpg"])


def test_examples_of_the_page_run(exported, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    library.rename("my_photos")
    run("my_photos", exported, "scores")
    page = (
        (ROOT / "docs" / "beam.md").read_text(encoding="utf-8").replace("exported/demo/1", exported)
    )
    names = {}
    for example in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(example, names)
    assert len(names["best_first"]) == 6
    assert sorted(names["series_best_first"]) == sorted(names["best_first"])[:4]
    assert re.match(r"0\.\d{3} my_photos/\d\.jpg", next(tmp_path.glob("good*")).read_text())


class RecordingHandler(SavedModelHandler):
    """Records the sizes of its batches in this process, and runs no model."""

    batches = []  # noqa: RUF012  (Beam copies handlers; the class is the same)

    def load_model(self):
        self.batches.clear()

    def run_inference(self, batch, model, inference_args=None):
        self.batches.append([len(photo_bytes) for photo_bytes in batch])
        return [None] * len(batch)


def batches(sizes, **bounds):
    """Returns the batches into which Beam puts photos of these sizes in bytes."""
    handler = RecordingHandler("", **bounds)
    with beam.Pipeline(options=score_photos.parse_options([])) as pipeline:
        photos = [(number, bytes(size)) for number, size in enumerate(sizes)]
        created = pipeline | beam.Create(photos, reshuffle=False)
        _ = created | RunInference(KeyedModelHandler(handler))
    return RecordingHandler.batches


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([10] * 7, [[10] * 3, [10] * 3, [10]]),
        ([0] * 5, [[0] * 3, [0] * 2]),
        ([400, 400, 400, 100], [[400, 400], [400, 100]]),
        ([5000, 10, 5000], [[5000], [10], [5000]]),
    ],
)
def test_batches_are_bounded_by_photos_and_bytes(sizes, expected):
    assert batches(sizes, max_batch_size=3, max_batch_bytes=900) == expected


@pytest.mark.parametrize("bounds", [(0, 10), (10, 9)])
def test_bounds_must_hold_a_photo(bounds):
    with pytest.raises(ValueError, match="at least one photo"):
        SavedModelHandler("", max_batch_size=bounds[0], max_batch_bytes=bounds[1])


def test_invalid_jobs_are_refused_before_they_start(library, exported, tmp_path):
    photos = f"{library}/*.jpg"
    with pytest.raises(ValueError, match=r"Received: none match .*\.gif"):
        check_job(f"{library}/*.gif", exported, "scores")
    with pytest.raises(FileNotFoundError, match=r"saved_model\.pb in it.*Received: '.*photos'"):
        check_job(photos, str(library), "scores")
    with pytest.raises(ValueError, match=r"signatures missing, as.*Received: .*score_and_embed"):
        check_job(photos, exported, "scores", signature="missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"photos \(JPEG, .*\) in '.*empty'\. Received: none"):
        check_job(str(tmp_path / "empty"), exported, "scores")
    check_job(str(library), exported, str(tmp_path / "scores"))
    with pytest.raises(OSError, match=r"empty\.jpg"):
        check_job(photos, exported, f"{library}/empty.jpg/scores")
    with pytest.raises(OSError, match=r"a writable folder\. Received: '.*/empty\.jpg'"):
        check_job(photos, exported, f"{library}/empty.jpg")


def test_rows_of_two_models_are_not_mixed(library, stub, exported, tmp_path):
    output, moved = tmp_path / "scores", tmp_path / "moved"
    run(library, stub, output)
    shutil.copytree(stub, moved)
    assert run(library, str(moved), output)["done"] == 9
    with pytest.raises(ValueError, match=r"Received: '.*scores', which has those of another model"):
        run(library, exported, output)


def test_misspelt_options_of_beam_are_refused():
    with pytest.raises(ValueError, match=r"or a --runner\. Received: rnner"):
        score_photos.parse_options(["--rnner=FlinkRunner"])
    options = score_photos.parse_options(["--runner=PortableRunner", "--its_own=1"])
    assert options.get_all_options()["runner"] == "PortableRunner"


def script(*flags):
    return subprocess.run(
        [sys.executable, ROOT / "score_photos.py", *flags], capture_output=True, text=True, cwd=ROOT
    )


def test_script(library, stub, tmp_path):
    flags = f"--photos={library}/*.jpg", f"--model={stub}", f"--output={tmp_path / 'scores'}"
    done = script(*flags, "--batch_size=2", "--direct_runner_bundle_repeat=1")
    assert done.returncode == 0, done.stderr
    numbers = re.findall(r"^(\w.*?)  +(\d+)$", done.stdout, re.MULTILINE)
    expected = {"photos found": "7", "already done": "0", "scored": "4", "not decodable": "3"}
    assert dict(numbers) == {**expected, "unreadable": "0"}
    assert f"Written to: {tmp_path / 'scores'}" in done.stdout
    assert "apitools" not in done.stderr


def test_script_has_nothing_to_do(capsys):
    told = score_photos.format_counts(counts(found=7, done=7), "scores")
    assert told == "Nothing to do: all 7 photos are in scores already."


def test_summary_of_a_folder():
    told = score_photos.format_counts(counts(found=7, scored=7, skipped=12), "scores")
    assert re.search(r"^skipped +12$", told, re.MULTILINE)
    told = score_photos.format_counts(counts(found=7, scored=7), "scores")
    assert "skipped" not in told


def test_script_refuses_unknown_flags(library, stub):
    flags = f"--photos={library}/*.gif", f"--model={stub}", "--output=scores"
    assert "Expected flags only. Received: stray" in script(*flags, "stray").stderr
    assert "or a --runner. Received: batch_sze" in script(*flags, "--batch_sze=3").stderr
    failed = script(*flags)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith("error: Expected a local folder of photos,")


def test_missing_beam_is_named():
    code = (
        "import sys; sys.modules['apache_beam'] = None\n"
        "try: import keras_series.batch_scoring.transforms\n"
        "except ImportError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "pip install '.[beam]'" in told.stdout


def write_library(folder, photos=1000):
    """Writes small JPEGs to ten folders. One in twenty is broken, in one of five ways."""
    ways = [b"", b"<html>no photo</html>", draw(0)[:200], bytes(5000), None]
    for number in range(photos):
        path = folder / f"{number % 10}" / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        way, is_photo = number // 20 % len(ways), number % 20
        content = draw(number) if is_photo else ways[way]
        if content is None:
            path.symlink_to("/proc/self/mem")  # It opens, and reading it fails, for root too.
        else:
            path.write_bytes(content)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs an unreadable file")
def test_a_thousand_photos(exported, tmp_path):
    write_library(tmp_path / "photos")
    photos = f"--photos={tmp_path}/photos/**.jpg"
    flags = photos, f"--model={exported}", f"--output={tmp_path}/scores"
    for numbers in ("1000 0 950 40 10", None):
        started = time.monotonic()
        told = script(*flags).stdout
        print(f"{told}{time.monotonic() - started:.1f} s")
        if numbers:
            assert re.findall(r"  +(\d+)$", told, re.MULTILINE) == numbers.split()
        else:
            assert told.startswith("Nothing to do: all 1000 photos")
    assert len({row["path"] for row in read(tmp_path / "scores")}) == 1000
