"""When a photo was taken, according to its EXIF data."""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
from collections.abc import Mapping

from PIL import ExifTags

from keras_series.ranking.exif import read_exif

# The tags of a time, with those of its fraction of a second and of its zone. The tag `DateTime` is
# that of the last edit and says nothing about the capture.
_TAGS = {
    "DateTimeOriginal": ("SubsecTimeOriginal", "OffsetTimeOriginal"),
    "DateTimeDigitized": ("SubsecTimeDigitized", "OffsetTimeDigitized"),
}
# EXIF asks for "2019:10:07 10:00:00". Programs also write slashes, dashes and ISO 8601, and blanks
# instead of zeros.
_TIME = re.compile(
    r"\s*(\d{4})[:/.-]\s*(\d{1,2})[:/.-]\s*(\d{1,2})[\sT]\s*(\d{1,2}):\s*(\d{1,2}):\s*(\d{1,2})"
    r"(?:[.,](?P<fraction>\d+))?\s*(?P<zone>Z|[+-]\d{1,2}:?\d{2})?",
    re.ASCII,
)
_ZONE = re.compile(r"\s*(?:Z|([+-])(\d{1,2}):?(\d{2}))\s*$", re.ASCII)
# A clock without power starts at the first of January of such a year, at midnight.
_LAST_YEAR_OF_A_RESET = 2000


@dataclasses.dataclass(frozen=True)
class CaptureTime:
    """When a photo was taken.

    Attributes:
        time: `datetime.datetime` by the camera's clock, with a time zone if the photo states one.
        tag: String, the EXIF tag that the time is from: `"DateTimeOriginal"` or
            `"DateTimeDigitized"`.
    """

    time: datetime.datetime
    tag: str

    @property
    def has_zone(self) -> bool:
        """Whether the time zone is known."""
        return self.time.tzinfo is not None

    @property
    def clock(self) -> datetime.datetime:
        """The time that the camera's clock showed, without a time zone."""
        return self.time.replace(tzinfo=None)

    def seconds_since(self, other: CaptureTime) -> float:
        """Returns the seconds from another time to this one.

        If one of the two has no time zone, both are taken for times of the same zone.

        Args:
            other: `CaptureTime`.
        """
        if self.has_zone and other.has_zone:
            return (self.time - other.time).total_seconds()
        return (self.clock - other.clock).total_seconds()

    def __str__(self) -> str:
        """Returns the time with the digits and the time zone that are known."""
        text = str(self.clock)
        if self.clock.microsecond:
            text = text.rstrip("0")
        return text + str(self.time)[len(str(self.clock)) :]


def capture_time(path: str | os.PathLike) -> CaptureTime | None:
    """Returns when a photo was taken according to its EXIF data.

    This is `DateTimeOriginal` or, if it is missing or invalid, `DateTimeDigitized`, with the
    fraction of a second and the time zone if they are known. Midnight of the first of January of a
    year up to 2000 is no time, since clocks without power start there.

    Args:
        path: File of any format.

    Returns:
        A `CaptureTime`, or `None` if the time is unknown.
    """
    return find_capture_time(read_exif(path))


def find_capture_time(tags: Mapping[int, object]) -> CaptureTime | None:
    """Returns when a photo was taken, see `capture_time`.

    Args:
        tags: Values by the numbers of the EXIF tags, see `read_exif`.
    """
    times = (_read_time(tags, tag) for tag in _TAGS)
    return next((time for time in times if time is not None), None)


def _read_time(tags: Mapping[int, object], tag: str) -> CaptureTime | None:
    fraction_tag, zone_tag = _TAGS[tag]
    found = _TIME.match(_text(tags, tag))
    if not found:
        return None
    zones = _text(tags, zone_tag), found["zone"] or "", _text(tags, "OffsetTime")
    fraction = found["fraction"] or _text(tags, fraction_tag).strip()
    try:
        time = datetime.datetime(*map(int, found.groups()[:6]))
    except ValueError:  # Zeros, or the 31st of February.
        return None
    if time == datetime.datetime(time.year, 1, 1) and time.year <= _LAST_YEAR_OF_A_RESET:
        return None
    zone = next((zone for zone in map(_parse_zone, zones) if zone is not None), None)
    return CaptureTime(time.replace(microsecond=_microseconds(fraction), tzinfo=zone), tag)


def _text(tags: Mapping[int, object], name: str) -> str:
    """Returns the value of a tag, and an empty string if it is missing or not a text."""
    value = tags.get(getattr(ExifTags.Base, name))
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _microseconds(digits: str) -> int:
    """Returns the microseconds of the digits after the decimal point."""
    found = re.match(r"\d+", digits, re.ASCII)
    return int(found[0][:6].ljust(6, "0")) if found else 0


def _parse_zone(text: str) -> datetime.timezone | None:
    found = _ZONE.match(text.rstrip("\0"))
    if not found:
        return None
    sign, hours, minutes = found.groups(default="0")
    offset = datetime.timedelta(hours=int(hours), minutes=int(minutes))
    # The zones in use reach from -12:00 to +14:00.
    if offset > datetime.timedelta(hours=14) or int(minutes) > 59:
        return None
    return datetime.timezone(-offset if sign == "-" else offset)
