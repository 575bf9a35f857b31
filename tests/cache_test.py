"""What a second run knows of photos, whatever happens to the database."""

import concurrent.futures
import datetime
import multiprocessing
import os
import sqlite3
import stat

import numpy as np
import pytest

from keras_series.ranking import CaptureTime, Metadata, cache
from keras_series.ranking.cache import Cache, EncodedPhoto, FileKey

ZONE = datetime.timezone(datetime.timedelta(hours=2))
TIME = CaptureTime(datetime.datetime(2024, 5, 3, 12, 0, 1, 250000, ZONE), "DateTimeOriginal")


def photo(number=0, **fields):
    rng = np.random.default_rng(number)
    return EncodedPhoto(
        content=bytes([number % 256]) * 32,
        embedding=rng.normal(size=128).astype("float32"),
        score=0.1,
        thumbnail=rng.integers(0, 256, (64, 64), dtype="uint8"),
        metadata=Metadata(TIME, "Canon R5 12", -0.5, 3.25),
        **fields,
    )


def key(number=0):
    return FileKey(b"/caf\xe9/%d.jpg" % number, 1000 + number, 1_600_000_000_123_456_789, number)


def assert_equal(actual, expected):
    for name in ("content", "score", "reason", "metadata"):
        assert getattr(actual, name) == getattr(expected, name)
    np.testing.assert_array_equal(actual.embedding, expected.embedding)
    np.testing.assert_array_equal(actual.thumbnail, expected.thumbnail)


def fill(path, numbers, model="model"):
    messages = []
    database = Cache(path, model, messages.append)
    for number in numbers:
        database.add(key(number), photo(number))
    database.close()
    return messages


def known(path, numbers, model="model"):
    """The numbers of the photos that the cache knows, and what it had to say."""
    messages = []
    database = Cache(path, model, messages.append)
    found = database.find_files([key(number) for number in numbers])
    database.close()
    return sorted(int(name[6:-4]) for name in found), messages


def test_photos_come_back_as_they_were(tmp_path):
    fill(tmp_path / "a" / "c.sqlite", [3])
    database = Cache(tmp_path / "a" / "c.sqlite", "model")
    (found,) = database.find_files([key(3)]).values()
    assert_equal(found, photo(3))
    assert_equal(database.find_content(photo(3).content), photo(3))
    assert database.find_content(bytes(32)) is None
    database.close()


def test_a_photo_that_is_not_valid_comes_back(tmp_path):
    broken = EncodedPhoto(b"b" * 32, reason="truncated")
    database = Cache(tmp_path / "c.sqlite", "model")
    database.add(key(), broken)
    database.close()
    found = Cache(tmp_path / "c.sqlite", "model").find_content(b"b" * 32)
    assert (found.embedding, found.score, found.reason) == (None, None, "truncated")
    assert (found.thumbnail, found.metadata) == (None, Metadata())


@pytest.mark.parametrize("field", ["path", "size", "modified", "inode"])
def test_a_changed_file_is_not_known(field, tmp_path):
    fill(tmp_path / "c.sqlite", [1])
    value = b"/other" if field == "path" else 99
    database = Cache(tmp_path / "c.sqlite", "model")
    assert not database.find_files([key(1)._replace(**{field: value})])
    database.close()


def test_an_inode_of_64_bits(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    status = list(os.stat(tmp_path / "a.jpg"))
    status[stat.ST_INO] = 2**64 - 5
    monkeypatch.setattr(os, "stat", lambda path: os.stat_result(status))
    found = FileKey.of(tmp_path / "a.jpg")
    monkeypatch.undo()
    database = Cache(tmp_path / "c.sqlite", "model", warn=pytest.fail)
    assert database.find_files([found]) == {}
    database.close()


def test_a_time_that_sqlite_cannot_keep(tmp_path):
    lines = []
    database = Cache(tmp_path / "c.sqlite", "model", warn=lines.append)
    assert database.find_files([key(1)._replace(modified=2**63)]) == {}
    assert len(lines) == 1


def test_models_do_not_mix(tmp_path):
    fill(tmp_path / "c.sqlite", [1], "one")
    assert known(tmp_path / "c.sqlite", [1], "two") == ([], [])
    fill(tmp_path / "c.sqlite", [1], "two")
    assert known(tmp_path / "c.sqlite", [1], "one") == ([1], [])


def test_keys_follow_links(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"photo")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "folder").symlink_to(tmp_path)
    keys = {FileKey.of(tmp_path / name) for name in ("a.jpg", "link.jpg", "folder/a.jpg")}
    assert keys == {FileKey.of(os.path.relpath(tmp_path / "a.jpg"))}


def test_the_least_recently_used_photos_are_dropped(tmp_path, monkeypatch):
    path = tmp_path / "c.sqlite"
    monkeypatch.setattr(cache, "_today", lambda: 100)
    fill(path, range(5))
    monkeypatch.setattr(cache, "_today", lambda: 101)
    monkeypatch.setattr(cache, "_MOST_PHOTOS", 3)
    database = Cache(path, "model")
    database.add(key(5), photo(5))
    database.close(used=[photo(1).content, photo(2).content])
    assert known(path, range(6)) == ([1, 2, 5], [])


def damage_start(path):
    path.write_bytes(b"no database" * 100)


def damage_pages(path):
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [damage_start, damage_pages])
def test_a_damaged_database_is_set_aside(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = cache.default_cache()
    fill(path, range(40))
    damage(path)
    found, messages = known(path, range(40))
    assert found == []
    assert len(messages) == 1
    assert "damaged" in messages[0]
    assert path.with_name("ranking.sqlite.damaged").exists()
    assert fill(path, range(3)) == []
    assert known(path, range(3)) == ([0, 1, 2], [])


@pytest.mark.parametrize("content", [b"\xff\xd8 a photo", b"SQLite format 3\0" + bytes(100)])
def test_files_of_others_are_refused(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="Expected --cache to be a new file"):
        Cache(tmp_path / "a", "model")
    assert (tmp_path / "a").read_bytes() == content


def test_an_older_version_is_emptied(tmp_path, monkeypatch):
    fill(tmp_path / "c.sqlite", [1])
    monkeypatch.setattr(cache, "_VERSION", 2)
    assert known(tmp_path / "c.sqlite", [1]) == ([], [])


def test_a_locked_database_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_SECONDS_LOCKED", 0.1)
    fill(tmp_path / "c.sqlite", [1])
    other = sqlite3.connect(tmp_path / "c.sqlite")
    other.execute("begin immediate")
    (message,) = fill(tmp_path / "c.sqlite", [2])
    assert "Going on without the cache" in message
    other.close()
    assert known(tmp_path / "c.sqlite", [1, 2]) == ([1], [])


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    (message,) = fill(tmp_path / "file" / "c.sqlite", [1])
    assert "Going on without the cache" in message


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        parts = [tmp_path / "c.sqlite"] * 2, [range(100), range(50, 150)]
        assert list(pool.map(fill, *parts)) == [[], []]
    assert known(tmp_path / "c.sqlite", range(150)) == (list(range(150)), [])
