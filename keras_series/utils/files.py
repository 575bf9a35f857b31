"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib


@contextlib.contextmanager
def replacing(path):
    """A path beside `path` to write to; moved to `path` once the block has ended without an error.

    Args:
        path: The file to make or replace. Its folder must exist.

    Yields:
        A `pathlib.Path` with the same suffix, in the same folder.

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
