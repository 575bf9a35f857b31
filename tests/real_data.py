"""Real photos and annotations, which are no part of the project: where they are, if anywhere.

KERAS_SERIES_TEST_DATA names a folder with `photos/`, `photo_triage/` and `biq2021/` in it, any of
which may be missing.
"""

import os
import pathlib

import pytest

VARIABLE = "KERAS_SERIES_TEST_DATA"


def real_data(*parts: str) -> pathlib.Path | None:
    """The file or folder in the folder of real data; None where there is none."""
    folder = os.environ.get(VARIABLE)
    path = pathlib.Path(folder, *parts) if folder else None
    return path if path and path.exists() else None


def real_photos() -> list[pathlib.Path]:
    """The real photos by name; none where there are none."""
    folder = real_data("photos")
    return sorted(folder.glob("*.jpg")) if folder else []


def needs_real_data(*parts: str) -> pytest.MarkDecorator:
    """Marks a test that is skipped where that file or folder is missing."""
    reason = f"needs {VARIABLE} to name a folder that has {'/'.join(parts)}"
    return pytest.mark.skipif(real_data(*parts) is None, reason=reason)
