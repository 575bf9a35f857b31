"""Exported models: written, checked and loaded.

Names are loaded on first use, so that `ExportedModel` loads no other package of the library.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bradley_terry": ["bradley_terry_strengths", "rank_by"],
        "exported_head": ["ExportedHead"],
        "exported_model": ["ExportedModel", "check_exported"],
        "folding": ["fold_batch_norms", "fold_encoder"],
        "golden": ["check", "seconds_per_photo"],
        "pretrained": ["pretrained_export"],
        "saved_model": ["export", "next_version"],
        "serving_module": ["ServingModule"],
        "signatures": ["SIGNATURES", "Signature", "Tensor"],
        "warmup": ["read_warmup", "replay_warmup", "write_warmup"],
    },
)
