"""Photos read and encoded, many at a time and in bounded memory."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

from tqdm import tqdm

from keras_series.ranking.cache import Cache, EncodedPhoto, FileKey
from keras_series.ranking.lazy_model import LazyModel
from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.photo_bytes import read_photo
from keras_series.ranking.similarity import thumbnail
from keras_series.utils import UNREADABLE, with_srgb_colours

# Bytes of photos that wait for the network, and bytes of a batch. One photo may exceed them.
_WAITING_BYTES = 96 << 20
_BATCH_BYTES = 96 << 20
# Photos that are converted before they are encoded become larger than their files.
_CONVERTED = (".heic", ".heif", ".hif", ".avif")
_GROWTH = 8
_HASHED_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, eq=False)
class _LoadedPhoto:
    """A file that was read.

    `photo` lacks the answer of the network unless `photo_bytes` is `None`. `key` is `None` if the
    result is not to be kept, since the file may be readable next time.
    """

    path: pathlib.Path
    photo: EncodedPhoto
    key: FileKey | None = None
    photo_bytes: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.photo_bytes or b"")


def encode_photos(
    paths: Sequence[pathlib.Path], model: LazyModel, cache: Cache
) -> dict[pathlib.Path, EncodedPhoto]:
    """Encodes photos, of which those in the cache are not read again.

    Threads read files ahead of the network and make thumbnails. The photos that wait for it are
    limited by their number and by their bytes.

    Args:
        paths: Files of any format.
        model: `LazyModel`.
        cache: `Cache` of the model.

    Returns:
        `EncodedPhoto` by path, in the order of the paths.
    """
    keys = _find_keys(paths)
    known = cache.find_files([key for key in keys.values() if key is not None])
    encoded = {path: known.get(key.path) if key else None for path, key in keys.items()}
    unknown = [path for path in paths if encoded[path] is None]
    shown = tqdm(
        total=len(paths),
        initial=len(paths) - len(unknown),
        unit=" photos",
        disable=None,
        leave=False,
    )
    with shown as progress:
        for batch in _batches(_load_ahead(unknown, cache, 2 * model.batch_size), model.batch_size):
            for loaded, photo in _encode_batch(batch, model):
                encoded[loaded.path] = photo
                if loaded.key is not None:
                    cache.add(loaded.key, photo)
            progress.update(len(batch))
    return encoded


def _find_keys(paths: Iterable[pathlib.Path]) -> dict[pathlib.Path, FileKey | None]:
    keys = {}
    for path in paths:
        try:
            keys[path] = FileKey.of(path)
        except OSError:
            keys[path] = None
    return keys


def _load_ahead(
    paths: Iterable[pathlib.Path], cache: Cache, most_photos: int
) -> Iterator[_LoadedPhoto]:
    """Yields photos in the order of their paths, while threads load the following ones."""
    workers = os.cpu_count() or 1
    waiting: collections.deque = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers, "load") as pool:
        try:
            for path in paths:
                waiting.append((_expected_size(path), pool.submit(_load, path, cache)))
                while len(waiting) > most_photos or _bytes_of(waiting) > _WAITING_BYTES:
                    yield waiting.popleft()[1].result()
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            pool.shutdown(cancel_futures=True)


def _bytes_of(waiting: Iterable[tuple[int, concurrent.futures.Future]]) -> int:
    return sum(future.result().size if future.done() else expected for expected, future in waiting)


def _expected_size(path: pathlib.Path) -> int:
    try:
        size = os.path.getsize(path)
    except OSError:
        return 0
    return size * _GROWTH if path.suffix.lower() in _CONVERTED else size


def _load(path: pathlib.Path, cache: Cache) -> _LoadedPhoto:
    try:
        key = FileKey.of(path)
        content = _hash(path)
        if known := cache.find_content(content):
            return _LoadedPhoto(path, known, key)
        photo_bytes = with_srgb_colours(read_photo(path))
        photo = EncodedPhoto(
            content, thumbnail=thumbnail(photo_bytes), metadata=read_metadata(path)
        )
        return _LoadedPhoto(path, photo, key, photo_bytes)
    except OSError as error:
        reason = f"{UNREADABLE}: {error.strerror or error}"
    # Damaged files make their readers raise errors of many types, and none may stop the others.
    except Exception as error:
        reason = str(error) or type(error).__name__
    return _LoadedPhoto(path, EncodedPhoto(reason=reason, metadata=read_metadata(path)))


def _hash(path: pathlib.Path) -> bytes:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while part := file.read(_HASHED_BYTES):
            digest.update(part)
    return digest.digest()


def _batches(photos: Iterable[_LoadedPhoto], most: int) -> Iterator[list[_LoadedPhoto]]:
    """Yields lists of up to `most` photos and of bounded size, and then one of what is left."""
    batch: list[_LoadedPhoto] = []
    for photo in photos:
        batch.append(photo)
        if len(batch) == most or sum(each.size for each in batch) > _BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _encode_batch(
    batch: Sequence[_LoadedPhoto], model: LazyModel
) -> Iterator[tuple[_LoadedPhoto, EncodedPhoto]]:
    new = [loaded for loaded in batch if loaded.photo_bytes is not None]
    answers = iter(model.encode([loaded.photo_bytes for loaded in new]) if new else ())
    for loaded in batch:
        photo = loaded.photo
        if loaded.photo_bytes is not None:
            embedding, score, reason = next(answers)
            photo = dataclasses.replace(photo, embedding=embedding, score=score, reason=reason)
        yield loaded, photo
