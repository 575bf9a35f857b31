import keras

from keras_series.layers.parallel_attention_unit import ParallelAttentionUnit
from keras_series.models.backbones import BACKBONES, build_backbone
from keras_series.utils.arguments import check_option

RESIZES = ("crop", "pad")


@keras.saving.register_keras_serializable(package="keras_series")
class PhotoEncoder(keras.Model):
    """Photo encoder: multi-scale attentive features of a photo.

    The computation follows the steps:

    1. The preprocessing of the backbone converts RGB 0-255 to the inputs it was trained on.
    2. The backbone computes the feature maps of the requested stages.
    3. A separate `ParallelAttentionUnit` turns each feature map into a vector.
    4. The vectors are concatenated in the order of `stages`. For ResNet50 and the arguments of the
       paper, this gives `2 * (512 + 1024 + 2048) = 7168` features per photo.

    Source: Huang et al., *Learning multi-scale attentive features for series photo selection*
    (ICASSP 2020). The defaults are the paper's. The PyTorch code that the authors released has no
    sigmoid in the attention gates (`gate="released"`) and does not share the attention units
    between the two streams (here, one encoder processes all photos).

    The layers use the dtype policy that is set when the encoder is created. The policy is not
    saved: the weights under a mixed policy are float32, and they can be loaded under any policy.

    Args:
        backbone: String, a key of `keras_series.models.BACKBONES`: `"resnet50"`, `"tiny"` or
            another row, including rows that you have added. Defaults to `"resnet50"`.
        stages: Sequence of integers, the numbers of the backbone's stages. Table 2 of the paper
            compares them. Defaults to `(3, 4, 5)`, the paper's "last three".
        arrangement: String. The arrangement of the attention, see `ParallelAttentionUnit`. Defaults
            to `"parallel"`.
        pooling: String, `"average"`, `"maximum"` or `"both"` (their sum). The pooling in the
            attention cells. Defaults to `"both"`.
        weights: String or path. The initial weights of the backbone: `"imagenet"` (downloaded once
            to `~/.keras/models`), `None` (random) or the path of a local file. The config always
            contains `None`: a saved encoder has its weights in the file, so reloading it downloads
            nothing. Defaults to `"imagenet"`.
        image_size: Integer. Height and width of the photos in pixels. Defaults to `224`.
        reduction_ratio: Integer, at least 1. The factor by which the bottlenecks of the CA-Cells
            are narrower than their inputs. Defaults to `16`.
        gate: String, `"sigmoid"` (the paper) or `"released"` (the authors' code). Defaults to
            `"sigmoid"`.
        resize: String. How photos must be resized to `image_size`: `"crop"` (scale the shorter side
            and keep the centre, like the authors) or `"pad"` (scale the longer side and add a
            border). The encoder does not resize photos. The setting is saved with the weights, so
            that input pipelines can look up what the weights expect. Defaults to `"crop"`.

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
        # `weights` is not stored, because Keras uses that name for the list of variables.
        self.backbone = backbone
        self.stages = stages
        self.arrangement = arrangement
        self.pooling = pooling
        self.image_size = image_size
        self.reduction_ratio = reduction_ratio
        self.gate = gate
        self.resize = resize

    def spatial_gates(self, photos):
        """Returns the gates of the SA-Cells, which show where each attention unit looks.

        Args:
            photos: Tensor of shape `[batch, image_size, image_size, 3]`, RGB 0-255.

        Returns:
            A list of float tensors of shape `[batch, height, width, 1]`, one for each of `stages`.
            The list is empty for an arrangement without an SA-Cell.
        """
        gates = [unit.spatial_gate(features) for unit, features in self._units_and_maps(photos)]
        return [gate for gate in gates if gate is not None]

    def attended_maps(self, photos):
        """Returns the maps whose means over space are the features, in the order of the features.

        Args:
            photos: Tensor of shape `[batch, image_size, image_size, 3]`, RGB 0-255.

        Returns:
            A list of tuples of float tensors of shape `[batch, height, width, channels]`, one tuple
            for each of `stages`: `(f_s, f_c)` for the arrangement `"parallel"`, else one map.
        """
        maps = [unit.attend(features) for unit, features in self._units_and_maps(photos)]
        return [each if isinstance(each, tuple) else (each,) for each in maps]

    def _units_and_maps(self, photos):
        maps = self.get_layer(self.backbone)(BACKBONES[self.backbone].preprocess(photos))
        units = [self.get_layer(f"stage{stage}_attention") for stage in self.stages]
        return zip(units, maps, strict=True)

    def get_config(self):
        # Not chained to `super`, which would describe the graph: the arguments rebuild it.
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
