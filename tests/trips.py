"""Trips: folders of photos as several cameras leave them, with the truth of what belongs together.

The photos are small and their scenes drawn. The generator decides everything, so that a seed is a
trip.
"""

import dataclasses
import datetime
import io
import itertools
import pathlib

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin
from PIL.ExifTags import Base

from tests.raw_files import make_dng
from tfds_series.synthetic_series.degradations import (
    DEGRADATIONS,
    degrade,
    over_exposure,
    under_exposure,
)
from tfds_series.synthetic_series.scenes import draw_scene
from tfds_series.synthetic_series.series import take_photo

NOON = datetime.datetime(2024, 5, 3, 12)
EDGE = 176


@dataclasses.dataclass
class Camera:
    """A camera, and how its clock is set.

    Attributes:
        name: Maker, model and serial number.
        prefix: String, how the names of its files begin.
        offset: Float, seconds by which its clock is ahead.
        zone: Hours from UTC that its photos state. `None` if they state none.
        subseconds: Whether its times have fractions of a second.
        kind: String, suffix of its files.
        number: Integer, that of the latest file.
    """

    name: tuple[str, str, str]
    prefix: str
    offset: float = 0.0
    zone: float | None = None
    subseconds: bool = True
    kind: str = "jpg"
    number: int = 0


@dataclasses.dataclass
class Trip:
    """What a trip has.

    Attributes:
        folder: `pathlib.Path` of the photos.
        group: The group of each file that is a photo, by path. RAW files and copies have that of
            the photo.
        kind: The kind of each group, as in `RankedSeries`.
        raws: Paths of the photo by that of its RAW file.
        copies: Paths of the photo by that of its exact copy.
        broken: Paths of files that cannot be decoded.
    """

    folder: pathlib.Path
    group: dict[pathlib.Path, int] = dataclasses.field(default_factory=dict)
    kind: dict[int, str] = dataclasses.field(default_factory=dict)
    raws: dict[pathlib.Path, pathlib.Path] = dataclasses.field(default_factory=dict)
    copies: dict[pathlib.Path, pathlib.Path] = dataclasses.field(default_factory=dict)
    broken: list[pathlib.Path] = dataclasses.field(default_factory=list)


def make_trip(folder: pathlib.Path, seed: int, events: int = 24, heic: bool = False) -> Trip:
    """Writes the photos of a trip to a new folder.

    Args:
        folder: Folder to create.
        seed: Integer, decides the trip.
        events: Integer, number of times that somebody takes photos.
        heic: Whether the phone writes HEIC files, which needs `pillow-heif`. Defaults to JPEG.
    """
    folder.mkdir(parents=True)
    return _Photographers(folder, seed, heic).shoot(events)


class _Photographers:
    def __init__(self, folder, seed, heic):
        self.rng = np.random.default_rng(seed)
        self.trip = Trip(folder)
        self.cameras = [
            Camera(("Canon", "EOS R5", "11"), "IMG_", zone=2, number=9990),
            # An hour and some minutes ahead, without a zone, in full seconds.
            Camera(("NIKON", "Z 6", "22"), "DSC_", 3600 + 420, subseconds=False, number=40),
            # Home time.
            Camera(("Apple", "iPhone", ""), "P", zone=-5, kind="heic" if heic else "jpg"),
        ]
        self.seconds = 0.0
        self.group = 0

    def shoot(self, events: int) -> Trip:
        kinds = [
            self.burst, self.panning, self.handheld, self.single, self.bracket, self.panorama,
            self.simultaneous, self.without_exif, self.in_passing,
        ]  # fmt: skip
        for event in range(events):
            camera = self.cameras[self.rng.integers(3)]
            kinds[event % len(kinds)](camera)
            self.seconds += self.rng.uniform(40, 600)
        self.leave_copies()
        self.leave_broken_files()
        return self.trip

    def burst(self, camera, count=None, scene=None):
        """A burst that crosses full seconds; one frame is as if somebody ran into it."""
        rate = self.rng.uniform(10, 120)
        scene = self.scene() if scene is None else scene
        count = count or int(self.rng.choice([2, 5, 12, 30, 60], p=[0.3, 0.3, 0.25, 0.1, 0.05]))
        self.begin("series")
        for frame in range(count):
            photo = self.spoil(self.small(take_photo(scene, self.rng)))
            self.write(camera, photo)
            if frame + 1 < count:
                self.seconds += 1 / rate

    def panning(self, camera):
        """A burst in which the camera follows a subject before a background that moves."""
        wide = self.scene(2 * EDGE, landscape=True)
        step = self.rng.uniform(0.02, 0.08)
        subject = np.asarray(Image.fromarray(self.scene()).resize((60, 80)))
        self.begin("series")
        for frame in range(8):
            photo = _window(wide, frame * step).copy()
            photo[30:110, 50:110] = subject
            self.write(camera, photo)
            self.seconds += 0.1

    def handheld(self, camera):
        scene = self.scene()
        self.begin("series")
        for _ in range(self.rng.integers(2, 8)):
            self.write(camera, self.spoil(self.small(take_photo(scene, self.rng))))
            self.seconds += self.rng.uniform(0.8, 12)

    def single(self, camera):
        self.begin("single")
        self.write(camera, self.small(self.scene()))

    def bracket(self, camera):
        """A bracket, at times after a photo of the same, at times without the tag of the bias."""
        scene, count = self.scene(), int(self.rng.choice([2, 3, 5]))
        if self.rng.random() < 0.4:
            self.begin("single")
            self.write(camera, self.small(take_photo(scene, self.rng)), bias=0.0)
            self.seconds += self.rng.uniform(4, 15)
        self.begin("bracket")
        step = self.rng.choice([1.0, 2.0] if count < 5 else [0.7, 1.0])
        order = np.asarray([0, -1, 1, -2, 2][:count] if count > 2 else [0, -1])
        if self.rng.random() < 0.5:
            order = np.sort(order)
        tagged = self.rng.random() < 0.7
        for stops in order * step:
            photo = self.small(take_photo(scene, self.rng))
            change = under_exposure if stops < 0 else over_exposure
            photo = change(photo, abs(stops) / (3.4 if stops < 0 else 2.8), self.rng)
            self.write(camera, photo, bias=float(stops) if tagged else None, stops=float(stops))
            self.seconds += 0.25

    def panorama(self, camera):
        wide = self.scene(3 * EDGE, landscape=True)
        share = self.rng.uniform(0.35, 0.6)
        starts = np.arange(self.rng.integers(3, int(2 / share) + 2)) * share
        sign = self.rng.choice([-1, 1])
        self.begin("panorama")
        for start in starts[::sign]:
            self.write(camera, _window(wide, start))
            self.seconds += self.rng.uniform(1.2, 4)

    def simultaneous(self, camera):
        """Two cameras whose clocks agree, of different subjects."""
        other = self.cameras[(self.cameras.index(camera) + 1) % 3]
        start = self.seconds
        self.burst(camera, 4)
        self.seconds = start + 0.05
        self.burst(other, 6)

    def without_exif(self, camera):
        """A series that a program has stripped of its EXIF data."""
        scene = self.scene()
        self.begin("series")
        for _ in range(self.rng.integers(3, 6)):
            self.write(camera, self.small(take_photo(scene, self.rng)), has_exif=False)

    def in_passing(self, camera):
        """Two subjects a few seconds apart."""
        for _ in range(2):
            self.burst(camera, int(self.rng.integers(2, 5)))
            self.seconds += self.rng.uniform(3, 8)

    def leave_copies(self):
        paths = [path for path in self.trip.group if path not in self.trip.raws]
        for path in self.rng.choice(np.asarray(paths, object), 4, replace=False):
            copy = path.with_name(f"{path.stem} (1){path.suffix}")
            copy.write_bytes(path.read_bytes())
            self.trip.copies[copy] = path
            self.trip.group[copy] = self.trip.group[path]

    def leave_broken_files(self):
        for name, content in {"broken.jpg": b"\xff\xd8\xff\xe0", "cut.jpg": None}.items():
            path = self.trip.folder / name
            if content is None:
                content = next(p for p in self.trip.group if p.suffix == ".jpg").read_bytes()[:700]
            path.write_bytes(content)
            self.trip.broken.append(path)

    def begin(self, kind):
        self.group += 1
        self.trip.kind[self.group] = kind

    def scene(self, edge=EDGE * 11 // 10, landscape=False):
        while True:
            scene = draw_scene(self.rng, edge)
            if not landscape or scene.shape[0] * 1.3 < scene.shape[1]:
                return scene

    def small(self, scene):
        return np.asarray(ImageOps.contain(Image.fromarray(scene), (EDGE, EDGE)))

    def spoil(self, photo):
        if self.rng.random() > 0.3:
            return photo
        kind = self.rng.choice([kind for kind in DEGRADATIONS if kind not in ("cut_off",)])
        return degrade(photo, str(kind), float(self.rng.uniform(0.1, 0.5)), self.rng)

    def write(self, camera, photo, has_exif=True, bias=0.0, stops=0.0):
        camera.number = camera.number % 9999 + 1
        path = self.trip.folder / f"{camera.prefix}{camera.number:04d}.{camera.kind}"
        exif = self.exif(camera, bias, stops) if has_exif else Image.Exif()
        path.write_bytes(self.encode(Image.fromarray(photo), camera.kind, exif))
        self.trip.group[path] = self.group
        if has_exif and camera.prefix == "IMG_" and self.rng.random() < 0.5:
            self.write_raw(path, photo, camera)

    def write_raw(self, path, photo, camera):
        preview = io.BytesIO()
        Image.fromarray(photo).save(preview, "JPEG")
        time = f"{self.clock(camera):%Y:%m:%d %H:%M:%S}"
        raw = path.with_suffix(".DNG")
        height, width = photo.shape[:2]
        raw.write_bytes(
            make_dng(preview.getvalue(), (width, height), time=time, camera=camera.name)
        )
        self.trip.raws[raw] = path
        self.trip.group[raw] = self.group

    def encode(self, photo, kind, exif):
        file = io.BytesIO()
        if kind == "heic":
            import pillow_heif

            pillow_heif.from_pillow(photo).save(file, exif=exif.tobytes(), quality=80)
            return file.getvalue()
        # As cameras do: the pixels lie on their side, and the tag says how to turn them.
        orientation = int(self.rng.choice([1, 3, 6, 8])) if photo.height > photo.width else 1
        turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90,
                 8: Image.Transpose.ROTATE_270}  # fmt: skip
        if orientation != 1 and len(exif):
            photo = photo.transpose(turns[orientation])
            exif[Base.Orientation] = orientation
        photo.save(file, "JPEG", quality=88, exif=exif.tobytes())
        return file.getvalue()

    def clock(self, camera):
        hours = 2 if camera.zone is None else camera.zone
        return NOON + datetime.timedelta(seconds=self.seconds + camera.offset, hours=hours)

    def exif(self, camera, bias, stops):
        time = self.clock(camera)
        exif = Image.Exif()
        exif[Base.Make], exif[Base.Model] = camera.name[:2]
        tags = exif.get_ifd(ExifTags.IFD.Exif)
        tags[Base.BodySerialNumber] = camera.name[2]
        tags[Base.DateTimeOriginal] = f"{time:%Y:%m:%d %H:%M:%S}"
        if camera.subseconds:
            tags[Base.SubsecTimeOriginal] = f"{time:%f}"[:3]
        if camera.zone is not None:
            tags[Base.OffsetTimeOriginal] = f"{camera.zone:+03d}:00"
        if bias is not None:
            tags[Base.ExposureBiasValue] = TiffImagePlugin.IFDRational(round(bias * 10), 10)
        denominator = round(100 * 2**-stops)
        tags[Base.ExposureTime] = TiffImagePlugin.IFDRational(1, denominator)
        tags[Base.FNumber] = TiffImagePlugin.IFDRational(4, 1)
        tags[Base.ISOSpeedRatings] = 200
        return exif


def _window(wide, start):
    """A part of a wide scene, `start` times its own width from the left."""
    height = min(wide.shape[0], round(EDGE * 0.75))
    left = round(start * EDGE)
    left = min(left, wide.shape[1] - EDGE)
    top = (wide.shape[0] - height) // 2
    return wide[top : top + height, left : left + EDGE]


def pairwise_f1(found: list[set], truth: dict) -> float:
    """F1 of the pairs that are together in a group, over the photos of `truth`."""
    groups = {}
    for path, group in truth.items():
        groups.setdefault(group, set()).add(path)
    true = _pairs(groups.values())
    found = _pairs([group & truth.keys() for group in found])
    return 2 * len(true & found) / max(len(true) + len(found), 1)


def _pairs(groups):
    return {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}
