"""Folders of photos to ranked series.

Names are loaded on first use, so that a second run over the same photos needs no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "capture_time": ["CaptureTime", "capture_time"],
        "output": ["format_series", "printable"],
        "results": ["RankedPhoto", "RankedSeries"],
        "shots": ["Metadata", "Shot"],
    },
)
