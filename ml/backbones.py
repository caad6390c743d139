"""The one table of backbones: networks trained on ImageNet whose features others learn from. No TensorFlow."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ml.errors import MlError
from ml.preprocessing import Preprocessing, PreprocessingName


class BackboneError(MlError):
    """A backbone is unknown, or its weights are missing or are those of another network."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """One row: how Keras calls the network, what it takes, where it is cut and which layers its last block has.

    `feature_layer` None is the network's own end; its output has `channels` channels at 1/`shrink` of the side.
    `file_prefix` begins the names of weight files in a given folder, `cached_file` is the name in Keras' cache.
    """

    name: str
    title: str
    keras_name: str
    preprocessing: PreprocessingName
    default_side: int
    feature_layer: str | None
    channels: int
    shrink: int
    last_block: tuple[str, ...]
    file_prefix: str
    cached_file: str
    has_own_scaling: bool = False


BACKBONES: dict[str, Backbone] = {
    row.name: row
    for row in (
        Backbone(
            name="mobilenet",
            title="MobileNet through block 12",
            keras_name="MobileNet",
            preprocessing="scale_minus1_1",
            default_side=224,
            feature_layer="conv_pw_12_relu",
            channels=1024,
            shrink=32,
            last_block=("conv_dw_12", "conv_pw_12"),
            file_prefix="mobilenet_1_",
            cached_file="mobilenet_1_0_224_tf_no_top.h5",
        ),
        Backbone(
            name="vgg16",
            title="VGG16",
            keras_name="VGG16",
            preprocessing="imagenet_bgr",
            default_side=224,
            feature_layer=None,
            channels=512,
            shrink=32,
            last_block=("block5_",),
            file_prefix="vgg16",
            cached_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ),
        Backbone(
            name="mobilenet_v2",
            title="MobileNetV2",
            keras_name="MobileNetV2",
            preprocessing="scale_minus1_1",
            default_side=224,
            feature_layer=None,
            channels=1280,
            shrink=32,
            last_block=("block_16_", "Conv_1"),
            file_prefix="mobilenet_v2",
            cached_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        ),
        Backbone(
            name="efficientnet_v2_b0",
            title="EfficientNetV2-B0",
            keras_name="EfficientNetV2B0",
            preprocessing="imagenet_standard",
            default_side=224,
            feature_layer=None,
            channels=1280,
            shrink=32,
            last_block=("block6h_", "top_"),
            file_prefix="efficientnetv2-b0",
            cached_file="efficientnetv2-b0_notop.h5",
            has_own_scaling=True,
        ),
        Backbone(
            name="convnext_tiny",
            title="ConvNeXt-Tiny",
            keras_name="ConvNeXtTiny",
            preprocessing="imagenet_standard",
            default_side=224,
            feature_layer=None,
            channels=768,
            shrink=32,
            last_block=("convnext_tiny_stage_3_block_2_", "top_layernorm"),
            file_prefix="convnext_tiny",
            cached_file="convnext_tiny_notop.h5",
            has_own_scaling=True,
        ),
    )
}
SMALLEST_SIDE = 32


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights and the hex sha256 of its bytes."""

    path: Path
    digest: str


def find_backbone(name: str) -> Backbone:
    """Raises BackboneError naming the known ones."""
    row = BACKBONES.get(name)
    if row is None:
        raise BackboneError(f"Unknown backbone {name!r}; known: {', '.join(BACKBONES)}.")
    return row


def choose_input(backbone: Backbone, image_size: int = 0) -> Preprocessing:
    """What pictures are brought to for this backbone; `image_size` 0 is its default side. Raises BackboneError."""
    side = image_size or backbone.default_side
    if side < SMALLEST_SIDE:
        raise BackboneError(f"{backbone.title} takes pictures of at least {SMALLEST_SIDE} pixels a side, not {side}.")
    return Preprocessing(backbone.preprocessing, side, side, 3)


def find_weights(backbone: Backbone, folder: Path | None = None) -> WeightsFile:
    """Weights in `folder` (`<prefix>*.h5`), else in Keras' cache. Raises BackboneError saying where to put them.

    Where several files fit, the first by name is taken, so that every machine takes the same.
    """
    for path in weight_candidates(backbone, folder):
        try:
            with path.open("rb") as stream:
                return WeightsFile(path, hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError as problem:
            raise BackboneError(f"The weights of {backbone.title} in {path} cannot be read: {problem}") from problem
    cached = keras_cache() / backbone.cached_file
    ours = f"{folder / backbone.file_prefix}*.h5" if folder else "a folder named by BACKBONE_WEIGHTS_DIR"
    raise BackboneError(
        f"The weights of {backbone.title} are not on this machine. Put them at {ours} or at {cached}; on a machine "
        f"with a network, keras.applications.{backbone.keras_name}(include_top=False) writes that file."
    )


def has_weights(backbone: Backbone, folder: Path | None = None) -> bool:
    """Whether `find_weights` would find some; reads no file."""
    return any(True for _ in weight_candidates(backbone, folder))


def weight_candidates(backbone: Backbone, folder: Path | None) -> Iterable[Path]:
    if folder is not None:
        yield from sorted(folder.glob(f"{backbone.file_prefix}*.h5"))
    cached = keras_cache() / backbone.cached_file
    if cached.is_file():
        yield cached


def keras_cache() -> Path:
    """Where Keras keeps the weights it has fetched."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"
