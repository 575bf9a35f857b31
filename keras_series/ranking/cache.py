"""What is known of photos from earlier runs, in an SQLite database."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_series.ranking.capture_time import CaptureTime
from keras_series.ranking.folders import real_path
from keras_series.ranking.shots import Metadata
from keras_series.utils import keras_home

# Raised when what is kept changes, or how it is made from a file.
_VERSION = 1
# "ksrk": a file with another number belongs to another program.
_APPLICATION = 0x6B73726B
_HEADER = b"SQLite format 3\0"
_HEADER_BYTES = 72
_THUMBNAIL_SHAPE = (64, 64)
_MOST_INTEGER = 2**63 - 1
# A photo takes about 5 KB, so this is a gigabyte.
_MOST_PHOTOS = 200_000
_SECONDS_BETWEEN_WRITES = 3.0
# How long to wait for another process that writes.
_SECONDS_LOCKED = 10.0
_TABLES = """
create table if not exists files (
    path blob primary key, size integer, modified integer, inode integer, content blob
);
create table if not exists photos (
    content blob, model text, size integer, embedding blob, score real, reason text,
    thumbnail blob, metadata text, used integer, primary key (content, model)
);
create index if not exists by_use on photos (used);
"""
# `OverflowError` is that of a number that SQLite cannot take, such as a time after the year 2262.
_ERRORS = (sqlite3.Error, OSError, ValueError, KeyError, TypeError, OverflowError)
_COLUMNS = "photos.content, embedding, score, reason, thumbnail, metadata"


class FileKey(NamedTuple):
    """What tells that a file has not changed, without reading it.

    Attributes:
        path: Bytes, the path of the file without links.
        size: Integer, in bytes.
        modified: Integer, the time of the last change in nanoseconds.
        inode: Integer, the last 63 bits of the number of the file in its file system.
    """

    path: bytes
    size: int
    modified: int
    inode: int

    @classmethod
    def of(cls, path: str | os.PathLike) -> FileKey:
        """Returns the key of a file.

        Args:
            path: Path of an existing file.

        Raises:
            OSError: If the file cannot be found.
        """
        status = os.stat(path)
        # SQLite's integers have a sign, and some file systems use all 64 bits.
        identity = status.st_size, status.st_mtime_ns, status.st_ino & _MOST_INTEGER
        return cls(os.fsencode(real_path(path)), *identity)

    def digest(self) -> bytes:
        """Returns 32 bytes that stand for the file as it is."""
        return hashlib.sha256(repr(tuple(self)).encode()).digest()


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedPhoto:
    """What the network and the file say of a photo.

    Attributes:
        content: Bytes, SHA-256 of the file. Empty if it cannot be read. For the file of a shot that
            is not judged it is the digest of its `FileKey`, so that the file need not be read.
        embedding: float32 array `[128]`. `None` for a photo that is not valid.
        score: Float in (0, 1), P(the photo is preferred to the mean training photo). `None` for a
            photo that is not valid.
        reason: String, why the photo is not valid. `None` for a valid photo.
        thumbnail: uint8 array `[64, 64]`, see `Shot`. `None` if there is none.
        metadata: `Metadata`.
    """

    content: bytes = b""
    embedding: np.ndarray | None = None
    score: float | None = None
    reason: str | None = None
    thumbnail: np.ndarray | None = None
    metadata: Metadata = dataclasses.field(default_factory=Metadata)

    @property
    def is_judged(self) -> bool:
        """Whether the network was asked."""
        return self.embedding is not None or self.reason is not None


def default_cache() -> pathlib.Path:
    """Returns the file of the cache, in the folder `keras_series` of `KERAS_HOME` or `~/.keras`."""
    return keras_home() / "keras_series" / "ranking.sqlite"


class Cache:
    """The embeddings, scores, thumbnails and metadata of photos, by content and by file.

    A photo is known by the SHA-256 of its file and the model. A file is known by its path, size,
    time of change and inode, so that a known file is not read. Several processes and threads may
    use a database at once. The least recently used photos are dropped once there are more than
    200,000, which takes about a gigabyte.

    Nothing that goes wrong with the database ends a run: the cache says so once, and knows nothing
    from then on. A damaged database is set aside, with `.damaged` added to its name.

    Args:
        path: File of the database. It is created if it does not exist.
        model: String that differs between models.
        warn: Function that is called with a line of text. Defaults to `print`.

    Raises:
        ValueError: If the file belongs to another program.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        model: str,
        warn: Callable[[str], None] = print,
    ):
        self.path = pathlib.Path(path)
        self._model = model
        self._warn = warn
        self._lock = threading.RLock()
        self._written = time.monotonic()
        self._waiting: list[tuple[FileKey, EncodedPhoto]] = []
        self._database: sqlite3.Connection | None = None
        self._is_set_aside = False
        check_cache_file(self.path)
        self._try(self._open)
        if self._is_set_aside:
            self._try(self._open)

    def find_files(self, keys: Sequence[FileKey]) -> dict[bytes, EncodedPhoto]:
        """Returns the photos of files that have not changed, by the paths of their keys.

        Args:
            keys: `FileKey` of each file.
        """
        return self._try(self._find_files, keys) or {}

    def find_content(self, content: bytes) -> EncodedPhoto | None:
        """Returns the photo with a content, or `None` if it is not known.

        Args:
            content: Bytes, SHA-256 of a file.
        """
        return self._try(self._find_content, content)

    def add(self, key: FileKey, photo: EncodedPhoto) -> None:
        """Keeps a photo. Photos are written to the disk every few seconds.

        Args:
            key: `FileKey` of the file.
            photo: `EncodedPhoto`.
        """
        with self._lock:
            if self._database is None:
                return
            self._waiting.append((key, photo))
            if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
                self._try(self._write)

    def close(self, used: Sequence[bytes] = ()) -> None:
        """Writes what is not on the disk yet, and drops the least recently used photos.

        Args:
            used: SHA-256 of the photos that are in use. Defaults to those that were added.
        """
        self._try(self._write)
        self._try(self._mark_used, used)
        self._try(self._prune)
        with self._lock:
            self._disconnect()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_SECONDS_LOCKED, check_same_thread=False)
        self._database = database
        (application,) = database.execute("pragma application_id").fetchone()
        if application != _APPLICATION:
            # First of all, since it must be in the file itself if the process is killed.
            database.execute(f"pragma application_id = {_APPLICATION}")
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        (version,) = database.execute("pragma user_version").fetchone()
        if version not in (0, _VERSION):
            database.executescript("drop table if exists files; drop table if exists photos;")
        if version != _VERSION:
            database.executescript(
                f"begin immediate; {_TABLES} pragma user_version = {_VERSION}; commit"
            )

    def _find_files(self, keys: Sequence[FileKey]) -> dict[bytes, EncodedPhoto]:
        query = (
            f"select path, {_COLUMNS} from files join photos on files.content = photos.content "
            "where path = ? and files.size = ? and modified = ? and inode = ? and model = ?"
        )
        rows = (self._database.execute(query, (*key, self._model)).fetchone() for key in keys)
        return {path: _photo(*row) for path, *row in filter(None, rows)}

    def _find_content(self, content: bytes) -> EncodedPhoto | None:
        query = f"select {_COLUMNS} from photos where content = ? and model = ?"
        row = self._database.execute(query, (content, self._model)).fetchone()
        return _photo(*row) if row else None

    def _write(self) -> None:
        # One short transaction, since other processes wait for its end.
        with self._database:
            for key, photo in self._waiting:
                # The answer of the network is worth more than none.
                verb = "replace" if photo.is_judged else "ignore"
                self._database.execute(
                    f"insert or {verb} into photos values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    self._photo_row(key, photo),
                )
            self._database.executemany(
                "insert or replace into files values (?, ?, ?, ?, ?)",
                [(*key, photo.content) for key, photo in self._waiting],
            )
        self._waiting.clear()
        self._written = time.monotonic()

    def _photo_row(self, key: FileKey, photo: EncodedPhoto) -> tuple:
        embedding, thumbnail = (
            None if array is None else array.tobytes()
            for array in (photo.embedding, photo.thumbnail)
        )
        return (
            photo.content, self._model, key.size, embedding, photo.score, photo.reason, thumbnail,
            _metadata_text(photo.metadata), _today(),
        )  # fmt: skip

    def _mark_used(self, contents: Sequence[bytes]) -> None:
        today = _today()
        with self._database:
            # All but the first run of a day change nothing.
            self._database.executemany(
                "update photos set used = ? where content = ? and model = ? and used < ?",
                [(today, content, self._model, today) for content in contents],
            )

    def _prune(self) -> None:
        for table, oldest_first, most in (
            ("photos", "used, rowid", _MOST_PHOTOS),
            ("files", "rowid", 2 * _MOST_PHOTOS),
        ):
            (count,) = self._database.execute(f"select count(*) from {table}").fetchone()
            if count > most:
                with self._database:
                    self._database.execute(
                        f"delete from {table} where rowid in "
                        f"(select rowid from {table} order by {oldest_first} limit ?)",
                        (count - most,),
                    )

    def _try(self, function: Callable, *arguments: object) -> object:
        """Returns the result of a function, and goes on without the database if it fails."""
        with self._lock:
            if self._database is None and function != self._open:
                return None
            try:
                return function(*arguments)
            except _ERRORS as error:
                self._give_up(error)
                return None

    def _give_up(self, error: Exception) -> None:
        self._disconnect()
        # Errors of operation are those of the disk, of rights and of locks.
        if not isinstance(error, (sqlite3.OperationalError, OSError)):
            self._is_set_aside = self._set_aside()
        if self._is_set_aside:
            self._warn(f"The cache {self.path} is damaged ({error}). It is now {self._damaged}.")
        else:
            self._warn(f"Going on without the cache {self.path}: {error}.")

    def _disconnect(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        self._waiting.clear()

    @property
    def _damaged(self) -> pathlib.Path:
        return self.path.with_name(f"{self.path.name}.damaged")

    def _set_aside(self) -> bool:
        try:
            os.replace(self.path, self._damaged)
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except OSError:
            return False
        return True


def check_cache_file(path: str | os.PathLike) -> None:
    """Raises an error if a file belongs to another program.

    Args:
        path: File of a cache, which need not exist.

    Raises:
        ValueError: If it is a folder, or no SQLite database, or one of another program.
    """
    if pathlib.Path(path) == default_cache():
        return
    try:
        with open(path, "rb") as file:
            head = file.read(_HEADER_BYTES)
    except IsADirectoryError as error:
        raise ValueError(f"Expected --cache to be a file. Received: {os.fspath(path)!r}") from error
    except OSError:
        return  # The cache says so itself, unless it is only that there is none yet.
    is_ours = head.startswith(_HEADER) and head[68:] == _APPLICATION.to_bytes(4, "big")
    if head and not is_ours:
        raise ValueError(
            f"Expected --cache to be a new file, or the cache of an earlier run. "
            f"Received: {os.fspath(path)!r}"
        )


def _photo(content, embedding, score, reason, thumbnail, metadata) -> EncodedPhoto:
    return EncodedPhoto(
        content,
        None if embedding is None else np.frombuffer(embedding, "float32"),
        score,
        reason,
        None if thumbnail is None else np.frombuffer(thumbnail, "uint8").reshape(_THUMBNAIL_SHAPE),
        _metadata(metadata),
    )


def _metadata_text(metadata: Metadata) -> str:
    return json.dumps(dataclasses.asdict(metadata), default=datetime.datetime.isoformat)


def _metadata(text: str) -> Metadata:
    fields = json.loads(text)
    time_and_tag = fields.pop("time")
    if time_and_tag is None:
        return Metadata(**fields)
    time = datetime.datetime.fromisoformat(time_and_tag["time"])
    return Metadata(CaptureTime(time, time_and_tag["tag"]), **fields)


def _today() -> int:
    """Returns the days since 1970."""
    return int(time.time() // 86400)
