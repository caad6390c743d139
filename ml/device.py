"""How TensorFlow uses the machine: threads, GPU memory and the number format that is fastest here."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal

FAST_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def limit_threads(threads: int) -> None:
    """Cap the threads of one operation and between operations. Call it before TensorFlow computes anything.

    Raises RuntimeError (from TensorFlow) once its runtime has started with other numbers.
    """
    import tensorflow as tf  # looking at processors and threads must not cost TensorFlow at import

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(min(threads, 2))


def grow_gpu_memory() -> int:
    """Let TensorFlow take GPU memory as it needs it instead of all at once; returns the number of GPUs.

    Loading and training call it; once TensorFlow uses its GPUs it is too late, and then nothing changes.
    """
    import tensorflow as tf  # looking at processors and threads must not cost TensorFlow at import

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)


def prepare_device(threads: int | None = None) -> int:
    """What a worker or trainer calls first. Returns the number of GPUs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if threads is not None:
        limit_threads(threads)
    return grow_gpu_memory()


def has_fast_bfloat16(cpu_description: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether mixed bfloat16 pays: a GPU of compute capability ≥ 8.0, or a CPU with bfloat16 arithmetic."""
    import tensorflow as tf  # looking at processors and threads must not cost TensorFlow at import

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return tuple(details.get("compute_capability", (0, 0))) >= (8, 0)
    try:
        words = cpu_description.read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not FAST_BFLOAT16_FLAGS.isdisjoint(words)


def choose_number_format(wish: Literal["auto", "off", "mixed_bfloat16"]) -> Literal["float32", "mixed_bfloat16"]:
    """The Keras dtype policy a network is trained under."""
    if wish == "auto":
        return "mixed_bfloat16" if has_fast_bfloat16() else "float32"
    return "float32" if wish == "off" else "mixed_bfloat16"


def choose_strategy() -> Any:
    """What spreads each batch over the GPUs of this machine where there are several, else None.

    Every GPU holds the whole network and learns from its part of the batch; gradients are averaged after each step.
    """
    import tensorflow as tf  # looking at processors and threads must not cost TensorFlow at import

    gpus = tf.config.list_logical_devices("GPU")
    return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus]) if len(gpus) > 1 else None


def spread(strategy: Any) -> AbstractContextManager[Any]:
    """Variables made inside live on every device of `strategy`; without one, nothing is different."""
    return nullcontext() if strategy is None else strategy.scope()
