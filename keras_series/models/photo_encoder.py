import keras

from keras_series.layers.cell_options import check_option
from keras_series.layers.parallel_attention_unit import ParallelAttentionUnit
from keras_series.models.backbones import BACKBONES, build_backbone

RESIZES = ("crop", "pad")


@keras.saving.register_keras_serializable(package="keras_series")
class PhotoEncoder(keras.Model):
    """Photo encoder: multi-scale attentive features of a photo.

    The calculation follows the steps:

    1. The backbone's own preprocessing turns RGB 0-255 into what the backbone was trained on.
    2. The backbone gives the feature maps of the stages asked for.
    3. A `ParallelAttentionUnit` of its own turns each into a vector.
    4. The vectors are concatenated, in the order of `stages`: for ResNet50 and the paper's
       arguments `2 * (512 + 1024 + 2048) = 7168` numbers a photo.

    Source: Huang et al., *Learning multi-scale attentive features for series photo selection*
    (ICASSP 2020). The defaults are the paper's. The PyTorch code that the authors released has no
    sigmoid in the attention gates (`gate="released"`) and does not share the attention units
    between the two streams (here one encoder sees all photos).

    The layers have the type policy that is set when the encoder is made. It is not saved: the
    weights of a mixed policy are float32, and reload under any.

    Args:
        backbone: A key of `keras_series.models.BACKBONES`: `"resnet50"`, `"tiny"` or a row that
            was added. Defaults to `"resnet50"`.
        stages: Numbers of the backbone's stages, the paper's "last three" being `(3, 4, 5)`, the
            default. Table 2 of the paper compares them.
        arrangement: Arrangement of the attention, see `ParallelAttentionUnit`. Defaults to
            `"parallel"`.
        pooling: Pooling in the attention cells. Defaults to `"both"`.
        weights: Initial weights of the backbone: `"imagenet"` (downloaded once, to
            `~/.keras/models`), `None` (random) or the path of a local file. Defaults to
            `"imagenet"`. The config always has `None`: a saved encoder has its weights in the
            file, so that reloading it downloads nothing.
        image_size: Height and width of the photos. Defaults to `224`.
        reduction_ratio: Integer. Bottleneck of the CA-Cells. Defaults to `16`.
        gate: `"sigmoid"` (the paper) or `"released"` (the authors' code). Defaults to
            `"sigmoid"`.
        resize: How photos are to be brought to `image_size`, `"crop"` (shorter side to the size,
            then the centre; the authors') or `"pad"` (longer side to the size, then a border). The
            encoder does not do it: the argument travels with the weights so that whatever feeds
            photos can read here what the weights expect. Defaults to `"crop"`.

    Input shape:
        `[batch, image_size, image_size, 3]`, RGB 0-255.

    Output shape:
        `[batch, features]`.

    Example:

    >>> import numpy as np
    >>> from keras_series.models import PhotoEncoder
    >>> encoder = PhotoEncoder("tiny", stages=(4, 5), weights=None, image_size=64)
    >>> photos = np.zeros((2, 64, 64, 3), dtype="uint8")
    >>> tuple(encoder(photos).shape)
    (2, 384)
    """

    def __init__(
        self,
        backbone="resnet50",
        stages=(3, 4, 5),
        arrangement="parallel",
        pooling="both",
        weights="imagenet",
        image_size=224,
        reduction_ratio=16,
        gate="sigmoid",
        resize="crop",
        **kwargs,
    ):
        check_option("resize", resize, RESIZES)
        stages = tuple(stages)
        network = build_backbone(backbone, stages, weights, image_size)
        photos = keras.Input((image_size, image_size, 3), name="photos")
        maps = network(BACKBONES[backbone].preprocess(photos))
        vectors = [
            ParallelAttentionUnit(
                arrangement, reduction_ratio, pooling, gate, name=f"stage{stage}_attention"
            )(features)
            for stage, features in zip(stages, maps, strict=True)
        ]
        features = keras.layers.Concatenate(name="features")(vectors)
        super().__init__(inputs=photos, outputs=features, **kwargs)
        # `weights` is left out: the name belongs to Keras' list of variables.
        self.backbone = backbone
        self.stages = stages
        self.arrangement = arrangement
        self.pooling = pooling
        self.image_size = image_size
        self.reduction_ratio = reduction_ratio
        self.gate = gate
        self.resize = resize

    def spatial_gates(self, photos):
        """Where the attention units look, by stage.

        Args:
            photos: RGB 0-255, `[batch, image_size, image_size, 3]`.

        Returns:
            For each of `stages` `[batch, height, width, 1]`; an empty list for an arrangement
            without a SA-Cell.
        """
        maps = self.get_layer(self.backbone)(BACKBONES[self.backbone].preprocess(photos))
        units = [self.get_layer(f"stage{stage}_attention") for stage in self.stages]
        gates = [unit.spatial_gate(features) for unit, features in zip(units, maps, strict=True)]
        return [gate for gate in gates if gate is not None]

    def get_config(self):
        # Not chained to `super`, which would describe the graph: the arguments make it again.
        return {
            "name": self.name,
            "trainable": self.trainable,
            "backbone": self.backbone,
            "stages": self.stages,
            "arrangement": self.arrangement,
            "pooling": self.pooling,
            "weights": None,
            "image_size": self.image_size,
            "reduction_ratio": self.reduction_ratio,
            "gate": self.gate,
            "resize": self.resize,
        }
