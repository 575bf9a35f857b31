"""The export of the trained network that comes with the package, made on first use."""

from __future__ import annotations

import hashlib
import pathlib

from keras_series.export.saved_model import export
from keras_series.models import load_pretrained, pretrained_card, pretrained_weights
from keras_series.utils import keras_home

# Raised when an export of the same weights changes, so that an earlier one is not used.
_VERSION = 2


def pretrained_export(name: str = "lite") -> pathlib.Path:
    """Returns the folder of an exported version of a trained network that comes with the package.

    The first call exports it to `keras_series/` in `KERAS_HOME` (by default `~/.keras`), which
    takes seconds. Later calls find it there. `export.py --check=FOLDER` checks it.

    Args:
        name: String, one of `keras_series.models.PRETRAINED`. Defaults to `"lite"`.

    Raises:
        ValueError: If the name is invalid.
        OSError: If the folder cannot be written.
    """
    content_hash = hashlib.sha256(pretrained_weights(name).read_bytes()).hexdigest()
    base = keras_home() / "keras_series" / f"{name}-{content_hash[:12]}"
    version = base / str(_VERSION)
    if not version.exists():
        print(f"Exporting the network {name} to {version}, once ...", flush=True)
        try:
            export(
                load_pretrained(name),
                base,
                _VERSION,
                provenance=pretrained_card(name),
                check=False,
            )
        except FileExistsError:  # Another process was faster.
            pass
        except OSError as error:
            raise OSError(
                f"Could not write {base}: {error}. Set KERAS_HOME to a folder that can be "
                f"written, or pass --model=VERSION after export.py --pretrained={name}"
            ) from error
    return version
