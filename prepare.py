"""Prepares a dataset of photo series and shows its contents.

    python prepare.py --dataset=synthetic_series/scenes --sheet=scenes.png

A dataset is prepared only once. If it exists, the command only shows it. To make series of your own
photographs, which need no labels:

    python prepare.py --dataset=synthetic_series/photos --manual_dir=/path/to/photos

To prepare the dataset of the paper from a copy of PhotoTriage, zipped or not:

    python prepare.py --dataset=photo_triage --manual_dir=/path/to/copy
"""

from absl import flags

from keras_series import cli

_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "TFDS name: synthetic_series/scenes, synthetic_series/many_scenes with four times as many "
    "training series, synthetic_series/photos, photo_triage, or photo_triage/reviews with the "
    "reviewers' votes and reasons.",
)
_DATA_DIR = cli.define_path(
    "data_dir", "Directory of prepared TFDS datasets. Defaults to ~/tensorflow_datasets."
)
_MANUAL_DIR = cli.define_path(
    "manual_dir",
    "Folder of the files that you provide: your photographs for synthetic_series/photos, your copy "
    "of PhotoTriage for photo_triage. It is only read. Defaults to downloads/manual in --data_dir.",
)
_SHEET = cli.define_path("sheet", "PNG file for a contact sheet of the first series of --split.")
_PHOTOS = cli.define_path("photos", "Folder to write the photos of the first series of --split to.")
_SPLIT = flags.DEFINE_string(
    "split",
    None,
    "Split from which --sheet and --photos take series. Defaults to test, or to validation if the "
    "labels of test are not published.",
)
_BEAM = flags.DEFINE_boolean(
    "beam",
    False,
    "Make synthetic_series by Apache Beam (extra beam), on any number of machines. Other options, "
    "such as --runner and --direct_num_workers, are passed on to it.",
)
_SERIES = flags.DEFINE_integer("series", 4, "Number of series in --sheet and --photos.", 1)


def main(beam_options: list[str]) -> None:
    """Prepares the dataset, prints its counts, and writes the contact sheet and the photos."""
    from tfds_series import preparation

    if beam_options and not _BEAM.value:
        raise ValueError(f"Expected known flags without --beam. Received: {beam_options}")
    builder = preparation.prepare(
        _DATASET.value, _DATA_DIR.value, _MANUAL_DIR.value, beam_options if _BEAM.value else None
    )
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
    cli.run(main, "dataset", passes_on=True, backends=())
