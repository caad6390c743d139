"""How pictures are brought to a network: the description that artifacts store. Neither numpy nor TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from ml.errors import MlError

PreprocessingName = Literal["grey_bright_on_dark", "scale_minus1_1", "scale_0_1", "imagenet_bgr", "imagenet_standard"]
CHANNELS: dict[str, int] = {name: 1 if name == "grey_bright_on_dark" else 3 for name in get_args(PreprocessingName)}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to a picture before the network sees it; stored in the artifact.

    The named steps give uint8 pixels of `(height, width, channels)`; the network itself scales them to numbers.
    """

    name: PreprocessingName
    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        if self.name not in get_args(PreprocessingName):
            raise MlError(f"Unknown preprocessing {self.name!r}; known: {', '.join(get_args(PreprocessingName))}.")
        if self.channels != CHANNELS[self.name]:
            raise MlError(f"Preprocessing {self.name} has {CHANNELS[self.name]} channel(s), not {self.channels}.")
        if not (1 <= self.height <= 1024 and 1 <= self.width <= 1024):
            raise MlError(f"A network input of {self.width} x {self.height} is outside 1 to 1024 pixels a side.")

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        try:
            name = cast(PreprocessingName, values["name"])
            return cls(name, int(values["height"]), int(values["width"]), int(values["channels"]))
        except (KeyError, TypeError, ValueError) as problem:
            raise MlError(f"Not a preprocessing description: {values!r}.") from problem
