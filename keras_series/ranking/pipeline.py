"""From folders of photos to ranked series, on the screen and in files."""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from keras_series.export import ExportedModel, pretrained_export
from keras_series.ranking.folders import find_series
from keras_series.ranking.order import RankedPhoto, rank_series
from keras_series.ranking.output import format_series, printable, write_page, write_table
from keras_series.utils import count_left_out


def rank_folder(
    photos: str | os.PathLike,
    model: str | os.PathLike | None = None,
    gap: float | None = None,
    batch_size: int = 32,
    html: str | os.PathLike | None = None,
    csv: str | os.PathLike | None = None,
) -> dict[str, list[RankedPhoto]]:
    """Ranks the photos of a folder with an exported model, and prints each series as it is ranked.

    Photos are read and never changed.

    Args:
        photos: Folder of photos. Each folder in it with photos is a series.
        model: Folder of an exported version. Defaults to the network that comes with the package,
            which is exported on first use, once photos are found.
        gap: Float, at least 0, in seconds, see `find_series`. Defaults to `None`.
        batch_size: Integer, number of photos per call. Defaults to 32.
        html: HTML page to create or replace. Defaults to none.
        csv: CSV table to create or replace. Defaults to none.

    Returns:
        Lists of `RankedPhoto`, best first, by the name of the series.

    Raises:
        ValueError: If there are no photos, or an output cannot be written.
        FileNotFoundError: If there is no exported model.
    """
    page, table = _output("html", html, ".html", ".htm"), _output("csv", csv, ".csv")
    series, found = find_series(photos, gap)
    ranked = _rank_all(ExportedModel(model or pretrained_export(), batch_size), series)
    if found.left_out:
        print(f"Files skipped: {printable(count_left_out(found.left_out))}.")
    if found.links:
        print(f"Links followed out of the folder: {printable(_first_names(found.links))}.")
    if page:
        write_page(ranked, page)
    if table:
        write_table(ranked, table)
    return ranked


def _rank_all(model: ExportedModel, series: Mapping[str, Sequence[pathlib.Path]]) -> dict:
    ranked = {}
    total = sum(map(len, series.values()))
    with tqdm(total=total, unit=" photos", disable=None, leave=False) as progress:
        for name, paths in series.items():
            ranked[name] = rank_series(model, paths, progress)
            progress.write(format_series(name, ranked[name]))
    reasons = collections.Counter(
        photo.reason for photos in ranked.values() for photo in photos if photo.reason
    )
    counts = "".join(f", {count} {reason}" for reason, count in reasons.most_common())
    print(f"\n{total} photos in {len(series)} series{counts}.")
    return ranked


def _first_names(paths: Sequence[pathlib.Path], most: int = 5) -> str:
    """Returns the first paths as a text, and how many more there are."""
    more = [f"{len(paths) - most} more"] if len(paths) > most else []
    return ", ".join([*map(str, paths[:most]), *more])


def _output(flag: str, path: str | os.PathLike | None, *suffixes: str) -> pathlib.Path | None:
    """Returns the path of a file to write, in an existing folder; `None` if it is not wanted."""
    if not path:
        return None
    path = pathlib.Path(path).expanduser()
    # Another suffix may be that of a photo, which must not be overwritten.
    if path.suffix.lower() not in suffixes or path.is_dir():
        expected = " or ".join(suffixes)
        raise ValueError(f"Expected --{flag} to be a file {expected}. Received: {str(path)!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"Expected a writable folder. Received: {str(path.parent)!r}")
    return path
