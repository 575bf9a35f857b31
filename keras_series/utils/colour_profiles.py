"""Photos whose colour profile only a colour management module can convert, converted by Pillow.

Exported models convert profiles with a matrix. Profiles that are tables, and CMYK profiles, are
converted here, before the bytes reach a model.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageCms, ImageOps

# Names of the tags that a matrix profile has, and a grey one.
_MATRIX_TAG, _GREY_TAG = b"rXYZ", b"kTRC"


def to_srgb(image: Image.Image) -> Image.Image:
    """Converts an image to sRGB by its embedded profile, with LittleCMS.

    Args:
        image: Pillow image of any mode.

    Returns:
        An image of the mode `"RGB"`. If there is no profile, or none that fits the image, its
        colours are taken for sRGB.
    """
    profile = image.info.get("icc_profile")
    if profile:
        if image.mode not in ("RGB", "L", "CMYK"):
            image = image.convert("RGB")
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # Viewers ignore a profile that cannot be used.
    return image.convert("RGB")


def with_srgb_colours(photo_bytes: bytes) -> bytes:
    """Returns a photo that a model shows in the right colours.

    Args:
        photo_bytes: Encoded photo.

    Returns:
        `photo_bytes`, or a PNG in sRGB if the photo has a profile that models cannot convert.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(photo_bytes)) as image:
            warnings.simplefilter("ignore")
            if not _needs_conversion(image):
                return photo_bytes
            upright = ImageOps.exif_transpose(image)
            upright.info["icc_profile"] = image.info["icc_profile"]
            file = io.BytesIO()
            to_srgb(upright).save(file, "PNG", compress_level=1, icc_profile=None)
            return file.getvalue()
    # Pillow raises errors of many types on damaged photos. The model says what is wrong with them.
    except Exception:
        return photo_bytes


def _needs_conversion(image):
    profile = image.info.get("icc_profile") or b""
    tags = profile[128 : 132 + 12 * int.from_bytes(profile[128:132], "big")]
    is_read_by_models = _MATRIX_TAG in tags or _GREY_TAG in tags
    is_profile = profile[36:40] == b"acsp"
    return is_profile and (image.mode == "CMYK" or not is_read_by_models)
