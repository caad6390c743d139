"""SavedModel, LiteRT and ONNX: writing a function of pixels as each, and asking what was written. No numbers judged."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.data_types import Floats, Pixels
from ml.errors import MlError

INPUT: Final = "pixels"
OUTPUT: Final = "probabilities"
SIGNATURE: Final = "serving_default"
ONNX_OPSET: Final = 18
ONNX_PACKAGES: Final = ("onnx", "onnxruntime", "tf2onnx")
Ask = Callable[[Pixels], Floats]
"""uint8 (n, height, width, channels) → float32 probabilities (n, labels)."""


class ExportError(MlError):
    """The model cannot be exported as was wished, and the sentence says why."""


class ExportFormat(StrEnum):
    """What other programs can read."""

    SAVEDMODEL = "savedmodel"
    LITERT = "litert"
    ONNX = "onnx"


FILE_NAMES: Final = {
    ExportFormat.SAVEDMODEL: "saved_model.pb",
    ExportFormat.LITERT: "model.tflite",
    ExportFormat.ONNX: "model.onnx",
}


def check_packages(kind: ExportFormat) -> None:
    """Raises ExportError that names the command which brings what is missing."""
    if kind is not ExportFormat.ONNX:
        return
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"Export to ONNX needs {', '.join(missing)}. Install it with "
            "`.venv/bin/python -m pip install -r requirements-export.txt` and run this again."
        )


def write_format(kind: ExportFormat, answer: Any, owner: Any, folder: Path, metadata: Mapping[str, str]) -> None:
    """Write `answer`, a tf.function of one uint8 tensor whose variables `owner` (a tf.Module) holds.

    `metadata` goes into the file where its format has a place for it. Raises ExportError where the format lacks an
    operation of the network.
    """
    writers = {
        ExportFormat.SAVEDMODEL: write_savedmodel,
        ExportFormat.LITERT: write_litert,
        ExportFormat.ONNX: write_onnx,
    }
    with quiet():
        writers[kind](answer, owner, folder, metadata)


def open_format(kind: ExportFormat, folder: Path) -> Ask:
    """Load what was written with nothing of ours, as another program would."""
    openers = {
        ExportFormat.SAVEDMODEL: open_savedmodel,
        ExportFormat.LITERT: open_litert,
        ExportFormat.ONNX: open_onnx,
    }
    with quiet():
        return openers[kind](folder)


def write_savedmodel(answer: Any, owner: Any, folder: Path, metadata: Mapping[str, str]) -> None:
    # TensorFlow: only where a model is really exported.
    import tensorflow as tf

    tf.saved_model.save(owner, str(folder), signatures={SIGNATURE: answer})


def open_savedmodel(folder: Path) -> Ask:
    # TensorFlow: only where a model is really exported.
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures[SIGNATURE]

    def ask(batch: Pixels, keep: Any = loaded) -> Floats:
        return np.asarray(signature(**{INPUT: tf.constant(batch)})[OUTPUT])

    return ask


def write_litert(answer: Any, owner: Any, folder: Path, metadata: Mapping[str, str]) -> None:
    """The converter loses Keras' variables without a word (TensorFlow 2.21), so it gets constants instead."""
    # TensorFlow: only where a model is really exported.
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(answer.get_concrete_function())
    module = tf.Module()
    module.answer = tf.function(lambda pixels: {OUTPUT: frozen(pixels)[0]}, input_signature=answer.input_signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.answer.get_concrete_function()], module)
    try:
        data = converter.convert()
    except Exception as problem:  # the converter's own error class is not public
        reason = str(problem).strip().splitlines()[0][:200]
        raise ExportError(f"LiteRT cannot hold this network: {reason}") from problem
    (folder / FILE_NAMES[ExportFormat.LITERT]).write_bytes(data)


def open_litert(folder: Path) -> Ask:
    """By place, not by name: the converter leaves the names out of some networks (EfficientNetV2 is one)."""
    # TensorFlow: only where a model is really exported.
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=str(folder / FILE_NAMES[ExportFormat.LITERT]))
    entrance, exit_ = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def ask(batch: Pixels) -> Floats:
        interpreter.resize_tensor_input(entrance, batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entrance, batch)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(exit_))

    return ask


def write_onnx(answer: Any, owner: Any, folder: Path, metadata: Mapping[str, str]) -> None:
    # The optional packages: only where somebody exports to ONNX.
    import onnx
    import tf2onnx

    model, _ = tf2onnx.convert.from_function(answer, input_signature=answer.input_signature, opset=ONNX_OPSET)
    lacking = sorted({node.op_type for node in model.graph.node} - {each.name for each in onnx.defs.get_all_schemas()})
    if lacking:
        raise ExportError(
            f"ONNX cannot hold this network: it lacks {', '.join(lacking)}. SavedModel and LiteRT may hold it."
        )
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "pictures"
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / FILE_NAMES[ExportFormat.ONNX]))


def open_onnx(folder: Path) -> Ask:
    # The optional packages: only where somebody exports to ONNX.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    path = str(folder / FILE_NAMES[ExportFormat.ONNX])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda batch: np.asarray(session.run([OUTPUT], {INPUT: batch})[0])


def describe_as_metadata(labels: list[str], preprocessing: Mapping[str, Any]) -> dict[str, str]:
    return {"labels": json.dumps(labels, ensure_ascii=False), "preprocessing": json.dumps(dict(preprocessing))}


@contextmanager
def quiet() -> Iterator[None]:
    """Without what the converters tell their own developers."""
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx", "tf2onnx.tfonnx", "absl")]
    before = [(each, each.level) for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in before:
            each.setLevel(level)
