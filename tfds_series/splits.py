"""The split of a photo, by its content alone."""

SPLITS = ("train", "validation", "test")


def split_of(content_hash: str) -> str:
    """Returns the split of a photo: `"test"` for two in ten, `"validation"` for one in ten.

    All datasets of single photos use it, so a photo is in the same split of each.

    Args:
        content_hash: String, SHA-256 hash of the photo's bytes in hexadecimal.

    Example:

    >>> split_of("0000000a"), split_of("00000002"), split_of("00000009")
    ('test', 'validation', 'train')
    """
    place = int(content_hash[:8], 16) % 10
    return "test" if place < 2 else "validation" if place == 2 else "train"
