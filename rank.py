"""Ranks the photos of a folder, the best first, with an exported model.

    python rank.py --model=exported/demo/1 --photos=my_photos

Each folder below --photos that has photos is a series. Photos are read, never written. The exported
model decodes them itself, so this needs TensorFlow alone: it is the example to start from.
"""

import pathlib

from absl import flags

from keras_series import cli

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model, <base>/<version>.")
_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos; each folder in it is a series.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Photos judged at a time.", lower_bound=1)

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}


def find_series(folder):
    """The photos below a folder: a dictionary of folders to lists of paths, in order of name.

    Raises:
        ValueError: If it is no folder or has no photos.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise ValueError(f"Expected --photos to be a folder. Received: {str(folder)!r}")
    series = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            series.setdefault(path.parent, []).append(path)
    if not series:
        expected = ", ".join(sorted(SUFFIXES))
        raise ValueError(f"Expected photos ({expected}) in {str(folder)!r}. Received: none")
    return series


def score_photos(model, paths, batch_size):
    """The scores of photos by an exported model.

    Args:
        model: What `tf.saved_model.load` gives.
        paths: Files of any format; those that cannot be read or decoded get no score.
        batch_size: Photos in a call.

    Yields:
        For each path its score, a float in (0, 1), or `None`.
    """
    import tensorflow as tf

    score = model.signatures["score"]
    for start in range(0, len(paths), batch_size):
        photo_bytes = [_read(path) for path in paths[start : start + batch_size]]
        outputs = score(photo_bytes=tf.constant(photo_bytes))
        for value, valid in zip(outputs["score"].numpy(), outputs["valid"].numpy(), strict=True):
            yield float(value) if valid else None


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""  # No photo either: the model says so, and the others are judged.


def print_series(name, paths, scores):
    """Prints a series as a table, the best photo first, what could not be read last."""
    rows = sorted(
        zip(scores, paths, strict=True), key=lambda row: (row[0] is None, -(row[0] or 0.0))
    )
    print(f"\n{name}\n{'rank':>6}  {'score':>6}  photo")
    for rank, (score, path) in enumerate(rows, start=1):
        if score is None:
            print(f"{'-':>6}  {'-':>6}  {path.name} (could not be read as a photo)")
        else:
            print(f"{rank:>6}  {score:>6.3f}  {path.name}")


def main():
    series = find_series(_PHOTOS.value)
    if not (pathlib.Path(_MODEL.value) / "saved_model.pb").exists():
        raise ValueError(
            "Expected --model to be the folder of an exported version, with saved_model.pb in it. "
            f"Received: {_MODEL.value!r}"
        )
    import tensorflow as tf

    model = tf.saved_model.load(_MODEL.value)
    unread = 0
    for folder, paths in series.items():
        scores = list(score_photos(model, paths, _BATCH_SIZE.value))
        print_series(folder, paths, scores)
        unread += scores.count(None)
    total = sum(map(len, series.values()))
    print(f"\n{total} photos in {len(series)} series, {unread} could not be read.")


if __name__ == "__main__":
    cli.run(main, "model", "photos")
