"""ICC profiles of the matrix kind, made from the primaries and curves of the standards."""

import struct

import numpy as np

# Chromaticities x, y of red, green, blue and white.
PRIMARIES = {
    "srgb": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    "display_p3": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
    "adobe_rgb": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290),
    "prophoto": (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.3457, 0.3585),
    "rec2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
}
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def parametric(kind: int, *parameters: float) -> bytes:
    """Returns a curve of the type `para`."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(_fixed, parameters))


def curve(*values: int) -> bytes:
    """Returns a curve of the type `curv`: none for linear, one for a gamma, or a table."""
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def to_d50(primaries) -> np.ndarray:
    """Returns the matrix from linear RGB to XYZ at D50, adapted by Bradford's transform."""
    points = [
        (x / y, 1, (1 - x - y) / y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)
    ]
    columns, white = np.array(points[:3]).T, np.array(points[3])
    matrix = columns * np.linalg.solve(columns, white)
    scale = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ matrix


def _assemble(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78),
        b"wtpt": _xyz(_D50),
        b"cprt": b"text\0\0\0\0x\0",
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I", start + len(body)) + b"lcms\x02\x40\0\0mntr" + space + b"XYZ "
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + table + body


def make_profile(primaries, tone: bytes) -> bytes:
    """Returns an RGB profile of primaries and one curve for all channels."""
    matrix = to_d50(primaries)
    tags = {}
    for place, name in enumerate((b"r", b"g", b"b")):
        tags[name + b"XYZ"], tags[name + b"TRC"] = _xyz(matrix[:, place]), tone
    return _assemble(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """Returns a grey profile of a gamma."""
    return _assemble(b"GRAY", {b"kTRC": parametric(0, gamma)})


def _srgb_table(count: int) -> bytes:
    x = np.arange(count) / (count - 1)
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return curve(*np.round(65535 * linear).astype(int))


_SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# The spaces of cameras, phones and editors, and each form of a curve.
PROFILES = {
    "display_p3": make_profile(PRIMARIES["display_p3"], _SRGB_CURVE),
    "adobe_rgb": make_profile(PRIMARIES["adobe_rgb"], curve(563)),
    "prophoto": make_profile(PRIMARIES["prophoto"], curve(461)),
    "rec2020": make_profile(
        PRIMARIES["rec2020"],
        parametric(4, 1 / 0.45, 1 / 1.0993, 0.0993 / 1.0993, 1 / 4.5, 0.08145, 0, 0),
    ),
    "table": make_profile(PRIMARIES["display_p3"], _srgb_table(1024)),
    "table_of_two": make_profile(PRIMARIES["srgb"], curve(0, 65535)),
    "linear": make_profile(PRIMARIES["srgb"], curve()),
    "power": make_profile(PRIMARIES["srgb"], parametric(0, 2.0)),
    "offset": make_profile(PRIMARIES["srgb"], parametric(1, 2.2, 0.9, 0.1)),
    "raised": make_profile(PRIMARIES["srgb"], parametric(2, 2.2, 0.9, 0.05, 0.02)),
}


def _lab(rgb: np.ndarray) -> np.ndarray:
    """Returns CIE L*a*b* at D50 of sRGB values in [0, 1]."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ to_d50(PRIMARIES["srgb"]).T / _D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def table_profile(space: bytes, to_rgb, grid: int = 9) -> bytes:
    """Returns a profile that is a table, `A2B0` of the type `mft1`, from a space to Lab.

    Args:
        space: `b"RGB "` or `b"CMYK"`.
        to_rgb: Function from values of the space in [0, 1], `[..., channels]`, to sRGB.
        grid: Number of points of the table in each dimension.
    """
    channels = len(space.strip())
    points = np.stack(np.meshgrid(*[np.linspace(0, 1, grid)] * channels, indexing="ij"), axis=-1)
    lab = _lab(to_rgb(points).reshape(-1, 3))
    encoded = np.clip(np.round(lab * [2.55, 1, 1] + [0, 128, 128]), 0, 255).astype(np.uint8)
    ramp = bytes(range(256))
    identity = b"".join(_fixed(value) for value in np.eye(3).ravel())
    table = b"mft1\0\0\0\0" + bytes([channels, 3, grid, 0]) + identity
    table += ramp * channels + encoded.tobytes() + ramp * 3
    profile = _assemble(space, {b"A2B0": table})
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    return profile[:12] + kind + profile[16:20] + b"Lab " + profile[24:]
