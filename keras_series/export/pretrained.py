"""The export of the trained network that comes with the package, made on first use."""

from __future__ import annotations

import hashlib
import pathlib

from keras_series.utils import import_tensorflow, keras_home

# Where `keras_series.models.pretrained_weights` finds the weights. To import that function is to
# import Keras, which takes seconds.
_WEIGHTS = pathlib.Path(__file__).parents[1] / "models" / "weights"
# Raised when an export of the same weights changes, so that an earlier one is not used.
_VERSION = 3


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
    weights = _WEIGHTS / f"{name}.weights.h5"
    if not weights.exists():
        from keras_series.models import pretrained_weights

        weights = pretrained_weights(name)  # It says which names there are.
    content_hash = hashlib.sha256(weights.read_bytes()).hexdigest()
    base = keras_home() / "keras_series" / f"{name}-{content_hash[:12]}"
    version = base / str(_VERSION)
    if not version.exists():
        _export(name, version)
    return version


def _export(name: str, version: pathlib.Path) -> None:
    import_tensorflow()
    from keras_series.export.saved_model import export
    from keras_series.models import load_pretrained, pretrained_card

    print(f"Exporting the network {name} to {version}, once ...", flush=True)
    base, card = version.parent, pretrained_card(name)
    try:
        export(load_pretrained(name), base, _VERSION, provenance=card, check=False)
    except FileExistsError:  # Another process was faster.
        pass
    except OSError as error:
        raise OSError(
            f"Could not write {base}: {error}. Set KERAS_HOME to a folder that can be "
            f"written, or pass --model=VERSION after export.py --pretrained={name}"
        ) from error
