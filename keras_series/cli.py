"""What the scripts share."""

from __future__ import annotations

import ast
import dataclasses
import io
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from absl import app, flags, logging

from keras_series.training import Recipe
from keras_series.utils import import_tensorflow, keras_home

if TYPE_CHECKING:
    from keras_series.data import MixedDataset, SeriesDataset

USER_ERRORS = (ValueError, ImportError, OSError)
# The flags that are defined here belong to the script that calls.
flags.disclaim_key_flags()


def run(
    main: Callable,
    *required: str,
    passes_on: bool = False,
    takes_arguments: bool = False,
    only_exports: Callable[[], bool] = lambda: False,
    backends: Sequence[str] | None = ("tensorflow",),
) -> None:
    """Runs a function as a script whose flags are defined with absl.

    `--flagfile` is absl's own flag. Missing flags are refused with the usage, and so are positional
    arguments unless the script takes some. Errors that a user can fix (`USER_ERRORS`) end the
    script with their message and exit code 1; `--verbosity=1` shows the traceback. Where the
    encoding of the standard output lacks a character of a file name, the character is escaped.

    Args:
        main: Function without arguments, or of a list if `passes_on` or `takes_arguments`. It
            should import TensorFlow itself, so that `--help` answers at once.
        *required: Names of the required flags.
        passes_on: Whether unknown options are passed to `main` as a list, for another program that
            refuses those it does not know. Defaults to `False`.
        takes_arguments: Whether the positional arguments are passed to `main` as a list. Defaults
            to `False`.
        only_exports: Function without arguments that is called once the flags are read. Whether the
            script runs exported models and no other convolutions, so that oneDNN may keep what it
            makes of their weights, see docs/pipelines.md. Defaults to a function that returns
            `False`.
        backends: Names of the Keras backends that the script runs on; an empty list for a script
            that uses TensorFlow without Keras; `None` for one that may need neither and calls
            `import_tensorflow` itself. Defaults to TensorFlow's.
    """
    # TensorFlow reads them on import. Its remarks on the processor do not help users, and without
    # oneDNN it takes twice as long on processors without AVX-512.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    flags.mark_flags_as_required(required)
    parser = {"flags_parser": _parse_known} if passes_on else {}

    def start(argv):
        rest = argv[1:]
        if rest and not takes_arguments and not (passes_on and rest[0].startswith("-")):
            raise app.UsageError(f"Expected flags only. Received: {' '.join(rest)}")
        _prepare(only_exports())
        _main(main, [rest] if passes_on or takes_arguments else [], backends)

    app.run(start, **parser)


def _parse_known(argv):
    try:
        rest = flags.FLAGS(argv, known_only=True)
    except flags.Error as error:
        app.usage(shorthelp=True, detailed_error=error, exitcode=1)
    return [argument for argument in rest if argument != "--"]


def _prepare(only_exports):
    if not flags.FLAGS["verbosity"].present:
        # TFDS and TensorFlow log every file that they open.
        logging.set_verbosity(logging.WARNING)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if only_exports:
        os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")


def _main(main, arguments, backends):
    try:
        if backends is not None:
            import_tensorflow()  # It imports Keras, which refuses unknown backends.
        if backends:
            _check_keras(backends)
        main(*arguments)
    except USER_ERRORS as error:
        logging.debug("Traceback:", exc_info=True)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _check_keras(backends):
    """Raises an error unless Keras is set up as a script needs it."""
    place = f"{keras_home() / 'keras.json'} or in the environment"
    try:
        import keras
    except (ImportError, ValueError) as error:
        raise ImportError(
            f"Expected KERAS_BACKEND={' or '.join(backends)}, installed, in {place}. "
            f"Received: {str(error).splitlines()[0]}"
        ) from error
    if keras.config.backend() not in backends:
        raise ValueError(
            f"Expected KERAS_BACKEND={' or '.join(backends)} in {place}. "
            f"Received: {keras.config.backend()}"
        )
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f'Expected "image_data_format": "channels_last" in {place}. '
            f"Received: {keras.config.image_data_format()}"
        )


class _PathParser(flags.ArgumentParser):
    def parse(self, argument):
        return os.path.expanduser(argument)


def define_path(name: str, help: str, default: str | None = None) -> flags.FlagHolder:
    """Defines a flag for a path, in which `~` is the home folder of the user.

    Shells expand `~` at the beginning of a word only, and so not in `--workdir=~/runs`.

    Args:
        name: String, name of the flag.
        help: String, text for `--help`.
        default: String, default path. Defaults to `None`.
    """
    return flags.DEFINE(_PathParser(), name, default, help, serializer=flags.ArgumentSerializer())


def define_paths(name: str, help: str) -> flags.FlagHolder:
    """Defines a flag for a list of paths, which is repeated for each, see `define_path`.

    Args:
        name: String, name of the flag.
        help: String, text for `--help`.
    """
    return flags.DEFINE_multi(_PathParser(), flags.ArgumentSerializer(), name, [], help)


def exported_or_pretrained(model: str | None) -> str:
    """Returns the folder of an exported version: the given one, or that of the shipped network.

    Args:
        model: Value of a flag `--model`, `None` where it is not given.
    """
    if model:
        return model
    from keras_series.export import pretrained_export

    return os.fspath(pretrained_export())


@dataclasses.dataclass(frozen=True)
class TrainingFlags:
    """The flags of a script that trains, see `define_training_flags`."""

    dataset: flags.FlagHolder
    mixture: flags.FlagHolder
    data_dir: flags.FlagHolder
    train_split: flags.FlagHolder
    override: flags.FlagHolder
    recipe: dict[str, flags.FlagHolder]

    def open_dataset(self) -> SeriesDataset | MixedDataset:
        """Opens the dataset, or several with the share of each."""
        from keras_series.data import MixedDataset, SeriesDataset

        names, shares = self.dataset.value.split(","), self.mixture.value
        datasets = [SeriesDataset.open(name, self.data_dir.value) for name in names]
        if len(datasets) == 1 and not shares:
            return datasets[0]
        try:
            shares = [float(share) for share in shares] or None
        except ValueError as error:
            raise ValueError(
                f"Expected numbers separated by commas in --mixture. Received: {shares}"
            ) from error
        return MixedDataset(datasets, shares)

    def read_overrides(self) -> dict[str, object]:
        """Returns the arguments of the preset that `--override` changes."""
        return parse_settings(self.override.value)

    def read_recipe(self) -> Recipe:
        """Returns the `Recipe` that the flags describe."""
        return Recipe(**{name: holder.value for name, holder in self.recipe.items()})


def define_training_flags() -> TrainingFlags:
    """Defines the flags of a script that trains: the dataset, and each field of `Recipe`."""
    return TrainingFlags(
        dataset=flags.DEFINE_string(
            "dataset",
            None,
            "TFDS name with a split validation, such as synthetic_series/scenes; or several names, "
            "separated by commas, to train on together. Validation is on the first.",
        ),
        mixture=flags.DEFINE_list(
            "mixture",
            [],
            "The share of each dataset that an epoch has, such as 1,0.5: each series of the first "
            "once, and half of the series of the second, drawn anew for each epoch. Defaults to "
            "1 for each.",
        ),
        data_dir=define_path(
            "data_dir", "Folder of prepared datasets. Defaults to ~/tensorflow_datasets."
        ),
        train_split=flags.DEFINE_string(
            "train_split", "train", "Split to train on, such as train[:1000]."
        ),
        override=flags.DEFINE_multi_string(
            "override",
            [],
            "Changes an argument of the preset, such as image_size=96, arrangement=channel or "
            "weights=/path/to/file.h5. May be repeated.",
        ),
        recipe={field.name: _define_recipe_flag(field) for field in dataclasses.fields(Recipe)},
    )


def _define_recipe_flag(field):
    name, default, help = field.name, field.default, field.metadata["help"]
    bounds = field.metadata.get("lower"), field.metadata.get("upper")
    if options := field.metadata.get("options"):
        return flags.DEFINE_enum(name, default, options, help)
    if isinstance(default, bool):
        return flags.DEFINE_boolean(name, default, help)
    if isinstance(default, int):
        return flags.DEFINE_integer(name, default, help, *bounds)
    return flags.DEFINE_float(name, default, help, *bounds)


def keep_flags(
    module: str, path: str | os.PathLike, changeable: Iterable[str] = (), started: bool = True
) -> None:
    """Writes a script's flags to a file that `--flagfile` reads, so that the run can be repeated.

    Args:
        module: Name of the script's module, its `__name__`.
        path: File to write. Its folder is created if it does not exist.
        changeable: Names of flags that may differ from those in the file.
        started: Whether there is a run to resume. The flags of a run that failed before its first
            epoch are replaced. Defaults to `True`.

    Raises:
        ValueError: If the file has other flags, since the folder belongs to another run.
    """
    path = pathlib.Path(path)
    given = _flag_lines(module)
    if started and path.exists():
        kept = path.read_text(encoding="utf-8").splitlines()
        prefixes = tuple(f"--{name}=" for name in changeable)
        differing = [line for line in set(given) ^ set(kept) if not line.startswith(prefixes)]
        if differing:
            raise ValueError(
                f"Expected the flags that the run in {path.parent} was started with, to resume it, "
                f"or another --workdir. Received different ones: {' '.join(sorted(differing))}"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(given) + "\n", encoding="utf-8")


def _flag_lines(module):
    own = flags.FLAGS.get_flags_for_module(sys.modules[module])
    lines = [line for flag in own for line in flag.serialize().splitlines()]
    return sorted(line for line in lines if line)


def parse_settings(texts: Sequence[str]) -> dict[str, object]:
    """Returns named settings from texts such as `image_size=96`.

    Args:
        texts: Strings `name=value`. A value that is not a Python literal is a string.

    Raises:
        ValueError: If a text has no `=`.

    Example:

    >>> parse_settings(["image_size=96", "arrangement=channel", "weights=None"])
    {'image_size': 96, 'arrangement': 'channel', 'weights': None}
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"Expected a setting as name=value. Received: {text!r}")
        try:
            settings[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            settings[name] = value
    return settings
