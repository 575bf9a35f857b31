"""Checks of arguments, with messages that list what is allowed."""

from collections.abc import Iterable


def check_option(name: str, value: object, options: Iterable) -> None:
    """Raises an error unless an argument is one of its options.

    Args:
        name: String, name of the argument.
        value: The value that was passed.
        options: Iterable of the allowed values.

    Raises:
        ValueError: If `value` is not among `options`. The message lists them.

    Example:

    >>> check_option("pooling", "median", ("average", "maximum"))
    Traceback (most recent call last):
    ValueError: Expected `pooling` to be one of: 'average', 'maximum'. Received: pooling='median'
    """
    if value not in options:
        listed = ", ".join(repr(option) for option in options)
        raise ValueError(f"Expected `{name}` to be one of: {listed}. Received: {name}={value!r}")
