"""Photos read and encoded, by a network that counts what it is given."""

import io
import os
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from keras_series.export import ExportedModel
from keras_series.ranking import encoding
from keras_series.ranking.cache import Cache
from keras_series.ranking.encoding import KnownFiles, encode_photos, find_known_shots
from keras_series.ranking.lazy_model import LazyModel
from tests.examples import encode_grey
from tests.shared_export import shared_export


class CountingModel:
    """A network whose embedding of a photo is the number of its bytes."""

    batch_size = 4

    def __init__(self):
        self.batches = []

    def encode(self, photo_bytes):
        self.batches.append(len(photo_bytes))
        return [
            (np.full(128, len(each), "float32"), 0.5, None)
            if each.startswith(b"\x89PNG")
            else (None, None, "not an image")
            for each in photo_bytes
        ]


def write_photos(folder, count):
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.png")
        paths[-1].write_bytes(encode_grey(number))
    return paths


def encode(paths, cache, model=None):
    """Encodes photos with a new connection; returns them and how many passed the network."""
    model = model or CountingModel()
    known = Cache(cache, "model")
    try:
        encoded = encode_photos(paths, KnownFiles.find(paths, known), model, known)
    finally:
        known.close()
    assert list(encoded) == list(paths)
    return encoded, sum(model.batches)


def test_photos_pass_the_network_once(tmp_path):
    paths = write_photos(tmp_path, 10)
    encoded, passed = encode(paths, tmp_path / "c")
    assert passed == 10
    assert [photo.embedding[0] for photo in encoded.values()] == [
        path.stat().st_size for path in paths
    ]
    again, passed = encode(paths, tmp_path / "c")
    assert passed == 0
    for path in paths:
        np.testing.assert_array_equal(again[path].embedding, encoded[path].embedding)
        np.testing.assert_array_equal(again[path].thumbnail, encoded[path].thumbnail)


def test_known_files_are_not_opened(tmp_path, monkeypatch):
    paths = write_photos(tmp_path, 3)
    encode(paths, tmp_path / "c")
    monkeypatch.setattr(encoding, "_load", None)
    assert encode(paths, tmp_path / "c")[1] == 0


def test_changed_and_moved_files(tmp_path):
    paths = write_photos(tmp_path, 3)
    encode(paths, tmp_path / "c")
    status = paths[0].stat()
    paths[0].write_bytes(encode_grey(99))
    os.utime(paths[0], ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    paths[1] = paths[1].rename(tmp_path / "moved.png")
    encoded, passed = encode(paths, tmp_path / "c")
    assert passed == 1
    assert encoded[paths[0]].thumbnail[0, 0] == 99
    assert encoded[paths[1]].thumbnail[0, 0] == 1


def test_broken_files_have_a_reason(tmp_path):
    (photo,) = write_photos(tmp_path, 1)
    (tmp_path / "text.jpg").write_bytes(b"text")
    paths = [tmp_path / "missing.jpg", photo, tmp_path / "text.jpg", tmp_path]
    encoded, _ = encode(paths, tmp_path / "c")
    assert [each.reason for each in encoded.values()] == [
        "unreadable: No such file or directory", None, "not an image", "unreadable: Is a directory",
    ]  # fmt: skip


def test_errors_of_readers_stop_no_other_photo(tmp_path, monkeypatch):
    paths = write_photos(tmp_path, 3)

    def read_photo(path):
        if path == paths[1]:
            raise ImportError("pip install it")
        return path.read_bytes()

    monkeypatch.setattr(encoding, "read_photo", read_photo)
    encoded, _ = encode(paths, tmp_path / "c")
    assert [each.reason for each in encoded.values()] == [None, "pip install it", None]
    # It may be installed by the next run.
    monkeypatch.undo()
    assert encode(paths, tmp_path / "c")[0][paths[1]].reason is None


def test_files_of_a_shot_are_read_once(tmp_path, monkeypatch):
    paths = write_photos(tmp_path, 2)
    raw = tmp_path / "0.cr2"
    raw.write_bytes(b"II*\0\x10\0\0\0CR\2\0")
    copy = shutil.copy(paths[0], tmp_path / "0 (copy).png")
    known = Cache(tmp_path / "c", "model")
    for _ in range(2):
        files = KnownFiles.find([*paths, raw, copy], known)
        shots = find_known_shots([*paths, raw, copy], files, known)
        assert [(shot.path, shot.other_files, shot.copies) for shot in shots] == [
            (paths[0], (raw,), (copy,)), (paths[1], (), ()),
        ]  # fmt: skip
        encode_photos([shot.path for shot in shots], files, CountingModel(), known)
        known.close()
        known = Cache(tmp_path / "c", "model")
        for name in ("read_metadata", "_hash_or_nothing"):
            monkeypatch.setattr(encoding, name, None)
    known.close()
    monkeypatch.undo()
    # The RAW file is judged once it is alone.
    assert encode([raw], tmp_path / "c")[0][raw].reason is not None


def test_an_interrupted_run_goes_on(tmp_path):
    paths = write_photos(tmp_path, 10)

    class Interrupted(CountingModel):
        def encode(self, photo_bytes):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().encode(photo_bytes)

    with pytest.raises(KeyboardInterrupt):
        encode(paths, tmp_path / "c", Interrupted())
    assert encode(paths, tmp_path / "c")[1] == 2


def test_what_waits_for_the_network_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "_WAITING_BYTES", 300_000)
    monkeypatch.setattr(encoding, "_BATCH_BYTES", 300_000)
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(encode_grey(number) + bytes(100_000))
    loaded = threading.Semaphore(0)
    ahead = []

    class Slow(CountingModel):
        def encode(self, photo_bytes):
            while loaded.acquire(timeout=0.2):
                ahead.append(1)
            return super().encode(photo_bytes)

    load = encoding._load
    monkeypatch.setattr(encoding, "_load", lambda *given: (load(*given), loaded.release())[0])
    model = Slow()
    encode(paths, tmp_path / "c", model)
    assert max(model.batches) <= 3
    assert sum(ahead) == 12


def test_results_do_not_depend_on_the_batches(tmp_path_factory):
    version = shared_export(tmp_path_factory)
    photos = [draw(number) for number in range(9)] + [b"no photo"]
    together = LazyModel(version, 32).encode(photos)
    alone = [LazyModel(version, 32).encode([photo])[0] for photo in photos[:2]]
    exported = ExportedModel(version).describe(photos)
    np.testing.assert_allclose(
        [each[0] for each in together[:9]], exported["embedding"][:9], atol=1e-5
    )
    assert together[9] == (None, None, "not an image")
    for one, among in zip(alone, together, strict=False):
        np.testing.assert_array_equal(one[0], among[0])
        assert one[1:] == among[1:]


def draw(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()
