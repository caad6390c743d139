"""What an owner may say about a training run, checked. Neither numpy nor TensorFlow: pages read forms with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final

from classifier.errors import Refused
from classifier.models import Classifier
from classifier.promotion_gate import Policy
from classifier.promotions import PromotionMode
from ml.backbones import BACKBONES, choose_input, find_backbone
from ml.errors import MlError
from ml.training_settings import RANGES, SettingError, TrainingSettings

RECIPES: Final = ("auto", "small", "transfer")
LARGEST_SMALL_SIDE: Final = 96
SMALLEST_SIDE: Final = 8
LARGEST_SIDE: Final = 1024
_NOT_SETTINGS: Final = frozenset({"recipe", "seed", "target_precision", "image_size"})


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What was said, checked. `hyper_parameters` are ml's settings by name; what is missing there is chosen later.

    Without `policy` and `margin` the classifier's own count.
    """

    recipe: str = "auto"
    image_size: int | None = None
    datasets: list[str] = field(default_factory=list)
    promote: str = PromotionMode.AUTO
    policy: str | None = None
    margin: float | None = None
    seed: int = 0
    hyper_parameters: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As the run's row stores it."""
        return {**asdict(self), "promote": str(self.promote), "policy": str(self.policy) if self.policy else None}

    def with_gate_of(self, classifier: Classifier) -> RunOptions:
        """Policy and margin filled in: whoever asks for a run, what was not said is the classifier's."""
        policy, margin = self.gate(classifier)
        return replace(self, policy=policy, margin=margin)

    def gate(self, classifier: Classifier) -> tuple[Policy, float]:
        """What the new version is judged by."""
        margin = classifier.gate_margin if self.margin is None else self.margin
        return Policy(self.policy or classifier.gate_policy), margin

    @classmethod
    def from_row(cls, values: Mapping[str, Any]) -> RunOptions:
        """What to_dict gave."""
        return cls(**values)


def read_options(values: Mapping[str, Any]) -> RunOptions:
    """Options from a configuration file and flags, hyper-parameters among them. Raises Refused naming what is wrong."""
    own = {each.name for each in fields(RunOptions)} - {"hyper_parameters"}
    hyper_parameters = {name: value for name, value in values.items() if name not in own}
    known = set(TrainingSettings().to_dict()) - _NOT_SETTINGS
    if unknown := sorted(set(hyper_parameters) - known):
        raise _refusal("", f"Unknown setting(s): {', '.join(unknown)}. Known: {', '.join(sorted(own | known))}.")
    options = RunOptions(
        **{name: value for name, value in values.items() if name in own}, hyper_parameters=hyper_parameters
    )
    try:
        checked = TrainingSettings.from_dict({"recipe": options.recipe, "seed": options.seed, **hyper_parameters})
    except SettingError as problem:
        raise _refusal(problem.setting, str(problem)) from problem
    except MlError as problem:
        raise _refusal("", str(problem)) from problem
    _check_own(options)
    _check_backbone(options, checked.backbone)
    return options


def _check_own(options: RunOptions) -> None:
    if options.recipe not in RECIPES:
        raise _refusal("recipe", f"Unknown recipe {options.recipe!r}; known: {', '.join(RECIPES)}.")
    if options.promote not in list(PromotionMode):
        raise _refusal("promote", f"promote must be one of {', '.join(PromotionMode)}, not {options.promote!r}.")
    if options.policy is not None and options.policy not in list(Policy):
        raise _refusal("policy", f"policy must be one of {', '.join(Policy)}, not {options.policy!r}.")
    size = options.image_size
    largest = LARGEST_SMALL_SIDE if options.recipe == "small" else LARGEST_SIDE
    if size is not None and not (_is_integer(size) and SMALLEST_SIDE <= size <= largest):
        raise _refusal("image_size", f"image_size must lie between {SMALLEST_SIDE} and {largest}, not {size!r}.")
    if options.margin is not None and not (_is_number(options.margin) and 0 < options.margin < 0.5):
        raise _refusal("margin", f"margin is a share between 0 and 0.5, not {options.margin!r}.")
    if not isinstance(options.datasets, list) or not all(isinstance(name, str) for name in options.datasets):
        raise _refusal("datasets", "datasets is a list of names.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_backbone(options: RunOptions, backbone: str) -> None:
    try:
        row = find_backbone(backbone)
    except MlError as problem:
        raise _refusal("backbone", str(problem)) from problem
    if options.recipe == "transfer":
        try:
            choose_input(row, options.image_size or 0)
        except MlError as problem:
            raise _refusal("image_size", str(problem)) from problem


def setting_range(name: str) -> tuple[float, float]:
    """The smallest and the largest value of a number among the settings."""
    return (SMALLEST_SIDE, LARGEST_SIDE) if name == "image_size" else RANGES[name]


def backbone_titles() -> dict[str, str]:
    """Every backbone that can be asked for, by name."""
    return {name: row.title for name, row in BACKBONES.items()}


def _refusal(setting: str, sentence: str) -> Refused:
    """`details["setting"]` names the culprit, for forms."""
    return Refused("malformed_request", sentence, setting=setting)
