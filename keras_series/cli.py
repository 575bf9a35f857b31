"""What the scripts share."""

import ast
import os
import pathlib
import sys

from absl import app, flags, logging

USER_ERRORS = (ValueError, ImportError, OSError)


def run(main, *required, passes_on=False):
    """Runs `main()` as a script whose flags are defined with absl.

    `--flagfile` is absl's own. Stray arguments and missing flags are refused with the usage. What a
    user can mend (`USER_ERRORS`) ends the script with its message alone and exit code 1;
    `--verbosity=1` shows where it came from.

    Args:
        main: Function without arguments. It should import TensorFlow itself, so that `--help`
            answers at once.
        *required: Names of the flags that must be given.
        passes_on: Whether options that are not flags of the script are taken, and given to `main`
            as a list: those of another program, which is to refuse what it does not know either.
    """
    # TensorFlow reads it when it is imported; its remarks on the processor help nobody here.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    flags.mark_flags_as_required(required)
    parser = {"flags_parser": _parse_known} if passes_on else {}
    app.run(lambda argv: _main(main, argv[1:], passes_on), **parser)


def _parse_known(argv):
    try:
        rest = flags.FLAGS(argv, known_only=True)
    except flags.Error as error:
        app.usage(shorthelp=True, detailed_error=error, exitcode=1)
    return [argument for argument in rest if argument != "--"]


def _main(main, rest, passes_on):
    if rest and not (passes_on and rest[0].startswith("-")):
        raise app.UsageError(f"Expected flags only. Received: {' '.join(rest)}")
    if not flags.FLAGS["verbosity"].present:
        # TFDS and TensorFlow tell every file that they open.
        logging.set_verbosity(logging.WARNING)
    try:
        main(rest) if passes_on else main()
    except USER_ERRORS as error:
        logging.debug("Where it came from:", exc_info=True)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def keep_flags(module, path, changeable=(), started=True):
    """Writes a script's flags to a file that `--flagfile` reads, so that the run can be repeated.

    Args:
        module: Name of the script's module, its `__name__`.
        path: File to write. Its folder is made.
        changeable: Names of flags that may differ from what the file has.
        started: Whether there is a run to go on with. The flags of one that failed before its first
            epoch are replaced.

    Raises:
        ValueError: If the file is there with other flags: the folder is another run's.
    """
    path = pathlib.Path(path)
    given = _flag_lines(module)
    if started and path.exists():
        kept = path.read_text(encoding="utf-8").splitlines()
        prefixes = tuple(f"--{name}=" for name in changeable)
        differing = [line for line in set(given) ^ set(kept) if not line.startswith(prefixes)]
        if differing:
            raise ValueError(
                f"Expected the flags that the run in {path.parent} was started with, to go on with "
                f"it, or another --workdir. Received differing ones: {' '.join(sorted(differing))}"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(given) + "\n", encoding="utf-8")


def _flag_lines(module):
    own = flags.FLAGS.get_flags_for_module(sys.modules[module])
    lines = [line for flag in own for line in flag.serialize().splitlines()]
    return sorted(line for line in lines if line)


def parse_settings(texts):
    """Named settings from texts as `image_size=96`; what is no Python literal is text.

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


def load_best(workdir):
    """The best model of a run's folder.

    Raises:
        FileNotFoundError: If the folder has none.
    """
    path = pathlib.Path(workdir) / "best.keras"
    if not path.exists():
        raise FileNotFoundError(
            f"Expected a trained model at {path}. Received: no such file. "
            f"Train one first: python train.py --workdir={workdir} ..."
        )
    import keras

    import keras_series.models  # noqa: F401  (registers the classes that the file names)

    return keras.saving.load_model(path, compile=False)
