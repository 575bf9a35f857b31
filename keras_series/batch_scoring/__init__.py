"""Libraries of photos, scored by Apache Beam.

Names are loaded on first use, so that importing the package does not import Beam.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "rows": ["SCHEMA", "WriteRows", "model_identity", "read_paths"],
        "transforms": [
            "COUNTS",
            "SavedModelHandler",
            "ScorePhotos",
            "check_job",
            "read_counts",
            "score_library",
        ],
    },
)
