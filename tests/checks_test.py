"""What ends a run before its first step."""

import collections

import keras
import pytest
import tensorflow as tf

from keras_series.training import checks


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((1000,)), keras.layers.Dense(1000, use_bias=False)])


def examples(*photos):
    return tf.data.Dataset.from_tensors({"photos": {"photo_bytes": list(photos)}})


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path, model):
    checks.check_folder(tmp_path / "new" / "run", model)
    assert list((tmp_path / "new" / "run").iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path, model):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Expected a --workdir that can be written"):
        checks.check_folder(tmp_path / "file" / "run", model)


def test_a_full_disk(tmp_path, model, monkeypatch):
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: usage(43_000_000))
    # Eleven copies of a million weights of four bytes.
    with pytest.raises(OSError, match=r"Expected 44 MB of free disk space .* Received: 43 MB"):
        checks.check_folder(tmp_path, model)


def test_photos_that_cannot_be_decoded():
    good = tf.io.encode_png(tf.zeros([8, 8, 3], tf.uint8)).numpy()
    checks.check_photos(examples(b"no photo", good), "name/1.0.0")
    with pytest.raises(ValueError, match=r"name/1\.0\.0\. Received: 2 .* first: not an image"):
        checks.check_photos(examples(b"no photo", b""), "name/1.0.0")
