"""Names that every network of ours has, whatever it is made of: what explanation, export and inference look for."""

from __future__ import annotations

from typing import Any

from ml.errors import MlError

LAST_CONVOLUTION = "last_convolution"
"""The layer whose output is the last map of features, (n, rows, columns, channels)."""
PENULTIMATE = "pooled"
"""The layer whose output is one vector of features a picture, (n, features)."""


class UnknownNetworkError(MlError):
    """The name or settings of a network are not ones this version can build."""


def list_weights(layer: Any) -> dict[str, Any]:
    """ "layer/variable" → variable, for all of a layer that an answer depends on; the same names in every process.

    Keras numbers variables that have no name by what was made before; here they are numbered within their layer.
    """
    kept = [variable for variable in layer.weights if not variable.name.startswith("seed_generator")]
    return {
        f"{layer.name}/{f'variable{place}' if variable.name.startswith('variable') else variable.name}": variable
        for place, variable in enumerate(kept)
    }
