"""Prepares a dataset of photo series and shows what it is.

    python prepare.py --dataset=synthetic_series/scenes --sheet=scenes.png

Done once: typed again, it only shows. Your own photographs become series without any label by

    python prepare.py --dataset=synthetic_series/photos --manual_dir=/path/to/photos

and a copy of PhotoTriage, zipped or not, becomes the dataset of the paper by

    python prepare.py --dataset=photo_triage --manual_dir=/path/to/copy
"""

from absl import flags

from keras_series import cli

_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "TFDS name: synthetic_series/scenes, or many_scenes with four times the series, "
    "synthetic_series/photos, photo_triage, or photo_triage/reviews with the reviewers' votes and "
    "reasons.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where TFDS keeps prepared datasets. By default ~/tensorflow_datasets."
)
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir",
    None,
    "Folder of what a dataset cannot download: your photographs for synthetic_series/photos, your "
    "copy for photo_triage. It is only read. By default downloads/manual in --data_dir.",
)
_SHEET = flags.DEFINE_string("sheet", None, "PNG to draw the first series of --split on.")
_PHOTOS = flags.DEFINE_string(
    "photos", None, "Folder to write the photos of the first series of --split to."
)
_SPLIT = flags.DEFINE_string(
    "split",
    None,
    "Split that --sheet and --photos take series from. By default test, or validation where the "
    "labels of test are not published.",
)
_SERIES = flags.DEFINE_integer("series", 4, "How many series --sheet and --photos take.", 1)


def main():
    from tfds_series import preparation

    builder = preparation.prepare(_DATASET.value, _DATA_DIR.value, _MANUAL_DIR.value)
    print(f"\n{preparation.describe(builder)}")
    if _SHEET.value or _PHOTOS.value:
        split = _SPLIT.value or preparation.labelled_split(builder)
        examples = preparation.first_series(builder, split, _SERIES.value)
    if _SHEET.value:
        preparation.draw_contact_sheet(examples, _SHEET.value)
        print(f"Contact sheet: {_SHEET.value}")
    if _PHOTOS.value:
        preparation.write_photos(examples, _PHOTOS.value)
        print(f"Photos: {_PHOTOS.value}")
    print(f"Dataset: {builder.data_path} (remove it to build it anew)")


if __name__ == "__main__":
    cli.run(main, "dataset")
