"""Which photos of a folder are a series."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from tqdm import tqdm

from keras_series.ranking.capture_time import capture_time
from keras_series.utils import FORMATS, FoundFiles, count_left_out, find_photos


def find_series(
    folder: str | os.PathLike, gap: float | None = None
) -> tuple[dict[str, list[pathlib.Path]], FoundFiles]:
    """Finds the photos in a folder, at any depth, as series.

    `keras_series.utils.find_photos` says which files are photos, and `capture_time` when they were
    taken.

    Args:
        folder: Folder of photos.
        gap: Float, at least 0, in seconds. With it the photos of a folder are sorted by capture
            time, and a new series begins wherever more than `gap` seconds lie between two photos.
            Two photos are compared by their cameras' clocks unless both state a time zone. Photos
            without a capture time form a separate series. Defaults to `None`: each folder with
            photos is a series, sorted by name.

    Returns:
        Lists of paths by the name of the series, and the `FoundFiles` of the folder. The name of a
        series that begins at a capture time ends with it, with the time zone if that is known.

    Raises:
        ValueError: If `folder` is not a folder or has no photos.
    """
    folder = pathlib.Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"Expected a folder of photos. Received: {str(folder)!r}")
    found = find_photos(folder)
    if not found.photos:
        received = count_left_out(found.left_out) or "none"
        raise ValueError(
            f"Expected photos ({', '.join(FORMATS)}) in {str(folder)!r}. Received: {received}"
        )
    series: dict[str, list[pathlib.Path]] = {}
    for path in found.photos:
        series.setdefault(str(path.parent), []).append(path)
    if gap is not None:
        split = [_split_at_gaps(parent, paths, gap) for parent, paths in series.items()]
        series = {name: paths for part in split for name, paths in part.items()}
    return series, found


def _split_at_gaps(
    parent: str, paths: Sequence[pathlib.Path], gap: float
) -> dict[str, list[pathlib.Path]]:
    shown = tqdm(paths, unit=" photos looked at", disable=None, leave=False)
    times = {path: capture_time(path) for path in shown}
    known = [path for path in paths if times[path]]
    # Times with and without a zone cannot be ordered with one another, clocks can.
    all_have_zones = all(times[path].has_zone for path in known)
    known.sort(key=lambda path: times[path].time if all_have_zones else times[path].clock)
    series: dict[str, list[pathlib.Path]] = {}
    latest = None
    for path in known:
        if latest is None or abs(times[path].seconds_since(latest)) > gap:
            name = f"{parent}, {times[path]}"
        latest = times[path]
        series.setdefault(name, []).append(path)
    unknown = [path for path in paths if not times[path]]
    return series | ({f"{parent}, time unknown": unknown} if unknown else {})
