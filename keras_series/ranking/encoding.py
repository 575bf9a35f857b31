"""Files looked up, read and encoded, many at a time and in bounded memory."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

from tqdm import tqdm

from keras_series.ranking.cache import Cache, EncodedPhoto, FileKey
from keras_series.ranking.lazy_model import LazyModel
from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.pairing import find_shots
from keras_series.ranking.photo_bytes import read_photo
from keras_series.ranking.shots import Metadata, Shot
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


@dataclasses.dataclass(frozen=True)
class KnownFiles:
    """What the cache knows of files, as they are now.

    Attributes:
        keys: `FileKey` by path. Files that cannot be found are missing.
        photos: `EncodedPhoto` by path, for the files that are known.
    """

    keys: dict[pathlib.Path, FileKey]
    photos: dict[pathlib.Path, EncodedPhoto]

    @classmethod
    def find(cls, paths: Iterable[pathlib.Path], cache: Cache) -> KnownFiles:
        """Looks for files in the cache.

        Args:
            paths: Files of any format.
            cache: `Cache`.
        """
        keys = {}
        for path in paths:
            with contextlib.suppress(OSError):
                keys[path] = FileKey.of(path)
        found = cache.find_files(list(keys.values()))
        photos = {path: found[key.path] for path, key in keys.items() if key.path in found}
        return cls(keys, photos)

    def hashes(self) -> dict[pathlib.Path, bytes]:
        """Returns the SHA-256 by path, for the files of which it is known."""
        return {
            path: photo.content
            for path, photo in self.photos.items()
            if photo.content != self.keys[path].digest()
        }


def find_known_shots(paths: Sequence[pathlib.Path], known: KnownFiles, cache: Cache) -> list[Shot]:
    """Returns the shots that files are of, see `find_shots`, and reads no more than is needed.

    Only files of one size can be copies, and only files of one name can be of one shot.

    Args:
        paths: Files of any format.
        known: `KnownFiles` of the paths.
        cache: `Cache`, which keeps what is read of files that are not judged.

    Returns:
        List of `Shot`, whose metadata are known for some only.
    """
    sizes = collections.Counter(key.size for key in known.keys.values())
    names = collections.Counter(path.stem.lower() for path in paths)
    hashes = known.hashes()
    metadata = {path: photo.metadata for path, photo in known.photos.items()}
    same_size = [
        path for path, key in known.keys.items() if sizes[key.size] > 1 and path not in hashes
    ]
    same_name = [path for path in paths if names[path.stem.lower()] > 1 and path not in metadata]
    with concurrent.futures.ThreadPoolExecutor(_workers()) as pool:
        found = pool.map(_hash_or_nothing, same_size)
        shown = tqdm(found, total=len(same_size), unit=" files compared", disable=None, leave=False)
        hashes.update(zip(same_size, shown, strict=True))
        metadata.update(zip(same_name, pool.map(read_metadata, same_name), strict=True))
    hashes = {path: content for path, content in hashes.items() if content}
    shots = find_shots({path: metadata.get(path, Metadata()) for path in paths}, hashes)
    read = {*same_size, *same_name}
    for path in (path for shot in shots for path in (*shot.other_files, *shot.copies)):
        if path in known.keys and (path in read or path not in known.photos):
            key = known.keys[path]
            content = hashes.get(path, key.digest())
            cache.add(key, EncodedPhoto(content, metadata=metadata.get(path, Metadata())))
    return shots


def encode_photos(
    paths: Sequence[pathlib.Path], known: KnownFiles, model: LazyModel, cache: Cache
) -> dict[pathlib.Path, EncodedPhoto]:
    """Encodes photos, of which the known ones are not read again.

    Threads read files ahead of the network and make thumbnails. The photos that wait for it are
    limited by their number and by their bytes.

    Args:
        paths: Files of any format.
        known: `KnownFiles` of the paths.
        model: `LazyModel`.
        cache: `Cache` of the model.

    Returns:
        `EncodedPhoto` by path, in the order of the paths.
    """
    encoded = {path: known.photos.get(path, EncodedPhoto()) for path in paths}
    # A file that was the other one of a shot is known, but not by the network.
    unknown = [path for path, photo in encoded.items() if not photo.is_judged]
    loaded_ahead = _load_ahead(unknown, cache, 2 * model.batch_size)
    count = len(paths)
    shown = tqdm(
        total=count, initial=count - len(unknown), unit=" photos", disable=None, leave=False
    )
    with shown as progress:
        for batch in _batches(loaded_ahead, model.batch_size):
            for loaded, photo in _encode_batch(batch, model):
                encoded[loaded.path] = photo
                if loaded.key is not None:
                    cache.add(loaded.key, photo)
            progress.update(len(batch))
    return encoded


def _load_ahead(
    paths: Iterable[pathlib.Path], cache: Cache, most_photos: int
) -> Iterator[_LoadedPhoto]:
    """Yields photos in the order of their paths, while threads load the following ones."""
    waiting: collections.deque = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(_workers()) as pool:
        try:
            for path in paths:
                waiting.append((_expected_size(path), pool.submit(_load, path, cache)))
                while len(waiting) > most_photos or _bytes_of(waiting) > _WAITING_BYTES:
                    yield waiting.popleft()[1].result()
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            pool.shutdown(cancel_futures=True)


def _workers() -> int:
    return os.cpu_count() or 1


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
        known = cache.find_content(content)
        if known is not None and known.is_judged:
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


def _hash_or_nothing(path: pathlib.Path) -> bytes:
    try:
        return _hash(path)
    except OSError:
        return b""


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
