"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary path, and renames it to `path` if the block ends without an error.

    Args:
        path: File to create or replace. Its folder must exist.

    Yields:
        A `pathlib.Path` in the same folder and with the same suffix as `path`.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "numbers.json")
    >>> with replacing(path) as partial:
    ...     _ = partial.write_text("[1, 2]")
    >>> path.read_text(), [file.name for file in path.parent.iterdir()]
    ('[1, 2]', ['numbers.json'])
    """
    path = pathlib.Path(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
