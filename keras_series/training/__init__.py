"""Training: a dataset in, the folder of a run out.

Names are loaded on first use, so that `Recipe` can be read without importing TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "calibration": ["calibrate", "fit_temperature"],
        "checkpoints": ["Checkpoints", "Place"],
        "devices": ["Cluster", "distributed"],
        "environment": ["describe_environment"],
        "loop": ["train"],
        "losses": ["PairCrossentropy"],
        "metrics": ["PairAccuracy"],
        "optimizers": ["MultiRateSGD"],
        "rates": ["RATES", "InputWait", "RateLogger"],
        "recipe": ["Recipe"],
        "recorder": ["TERMINATED", "RunRecorder"],
        "run_folder": ["MONITOR", "RunFolder", "save_model"],
        "start": ["compile_model", "freeze_backbone", "load_model", "precision"],
    },
)
