"""From files to shots: the files of one press of the shutter, and exact copies."""

from __future__ import annotations

import collections
import hashlib
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from keras_series.ranking.metadata import read_metadata
from keras_series.ranking.shots import Metadata, Shot
from keras_series.utils import detect_format

_HASHED_BYTES = 1 << 20


def find_shots(metadata: Mapping[pathlib.Path, Metadata], hashes: Mapping) -> list[Shot]:
    """Returns the shots that files are of. Each file is in one of them.

    Args:
        metadata: `Metadata` by path.
        hashes: Values of `file_hash` by path. A file without one has no copies.

    Returns:
        List of `Shot` without thumbnails, see `find_copies` and `pair_files`.
    """
    copies = dict(find_copies({path: hashes.get(path, path) for path in metadata}))
    return [
        Shot(
            path,
            metadata[path],
            other_files=tuple(others),
            copies=tuple(copy for file in (path, *others) for copy in copies[file]),
        )
        for path, others in pair_files(copies, metadata)
    ]


def file_hash(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits.

    Args:
        path: Path of a file.

    Raises:
        OSError: If the file cannot be read.
    """
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_HASHED_BYTES):
            found.update(block)
    return found.hexdigest()


def find_copies(
    hashes: Mapping[pathlib.Path, object],
) -> list[tuple[pathlib.Path, list[pathlib.Path]]]:
    """Returns each file with its exact copies.

    Of several copies the file with the shortest name comes first, since the names of copies are
    longer: `IMG_1.jpg` and `IMG_1 (1).jpg`. Of names of one length it is the file in the folder
    with most files that have no copy, since the rest of its series is there rather than in a folder
    of copies of the best.

    Args:
        hashes: Values of `file_hash` by path.

    Returns:
        List of tuples `(path, copies)` in the order of `hashes`.
    """
    files: dict[object, list[pathlib.Path]] = {}
    for path, content in hashes.items():
        files.setdefault(content, []).append(path)
    alone = collections.Counter(path.parent for path, *copies in files.values() if not copies)

    def order(path):
        return len(path.name), -alone[path.parent], path

    sorted_copies = (sorted(paths, key=order) for paths in files.values())
    return [(first, copies) for first, *copies in sorted_copies]


def pair_files(
    paths: Iterable[pathlib.Path], metadata: Mapping[pathlib.Path, Metadata] | None = None
) -> list[tuple[pathlib.Path, list[pathlib.Path]]]:
    """Returns the file to judge of each shot, with the other files of the shot.

    RAW files belong to the photo (JPEG, HEIC, ...) of the same name without the suffix, in the same
    folder, the folder above, one below or one beside it. Both must have the same capture time and
    camera; in the same folder these may also be unknown. The photo is judged, since it is what the
    photographer sees. Two photos are two shots, even if one is an edited version of the other.

    Args:
        paths: Paths of files.
        metadata: `Metadata` by path. By default they are read where names agree.

    Returns:
        List of tuples `(path, other files)` in the order of `paths`.
    """
    paths = list(paths)
    same_name: dict[str, list[pathlib.Path]] = {}
    for path in paths:
        same_name.setdefault(path.stem.lower(), []).append(path)
    others: dict[pathlib.Path, list[pathlib.Path]] = {path: [] for path in paths}
    for files in same_name.values():
        if len(files) > 1:
            known = metadata or {path: read_metadata(path) for path in files}
            for raw, photo in _owners(files, known).items():
                others[photo] += [raw, *others.pop(raw)]
    return list(others.items())


def _owners(
    files: Sequence[pathlib.Path], metadata: Mapping[pathlib.Path, Metadata]
) -> dict[pathlib.Path, pathlib.Path]:
    """Returns the file that is judged by each RAW file that is not judged."""
    raws = [path for path in files if _is_raw(path)]
    photos = [path for path in files if path not in raws]
    owners: dict[pathlib.Path, pathlib.Path] = {}
    for place, raw in enumerate(raws):
        # A RAW file that is alone may have been converted to another.
        candidates = [*photos, *(other for other in raws[:place] if other not in owners)]
        found = [path for path in candidates if _are_of_one_shot(raw, path, metadata)]
        found.sort(key=lambda path: (path in raws, path.parent != raw.parent))
        if found:
            owners[raw] = found[0]
    return owners


def _is_raw(path: pathlib.Path) -> bool:
    try:
        return detect_format(path) == "RAW"
    except OSError:
        return False


def _are_of_one_shot(
    first: pathlib.Path, second: pathlib.Path, metadata: Mapping[pathlib.Path, Metadata]
) -> bool:
    folders = {first.parent, second.parent, first.parent.parent, second.parent.parent}
    if first.parent != second.parent and len(folders) > 3:
        return False
    times = metadata[first].time, metadata[second].time
    cameras = sorted((metadata[first].camera, metadata[second].camera), key=len)
    # Programs that convert files leave out the serial number.
    if not cameras[1].startswith(cameras[0]):
        return False
    if None in times:
        return first.parent == second.parent
    # Programs also leave out fractions of a second and the zone.
    clocks = [time.clock for time in times]
    if 0 in (clocks[0].microsecond, clocks[1].microsecond):
        clocks = [clock.replace(microsecond=0) for clock in clocks]
    return clocks[0] == clocks[1]
