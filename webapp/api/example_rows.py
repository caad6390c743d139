"""One row of each kind, as the examples of the OpenAPI document show it."""

from __future__ import annotations

from typing import Any, Final

IMAGE_ID: Final = "0199c3a0-5e5c-7c2d-854c-dd29f039aa02"
MODEL_ID: Final = "0199c2ff-11d0-7d1e-9a58-6f1c2b7f0e44"
MODEL_BEFORE_ID: Final = "0199b0c4-7a31-7b02-8f10-2c5d9e6a1b73"
RUN_ID: Final = "0199c2f8-0b6a-7e9c-b1d7-40b5a2f86c19"
DATASET_ID: Final = "0199b0a1-3c44-7f58-9d2e-71f0c8b3e6a5"
JOB_ID: Final = "0199c3b7-92e0-7a6b-8c41-5e0d7f2a9b38"
AT: Final = "2026-11-22T09:30:12.345Z"
LATER: Final = "2026-11-22T09:30:12.481Z"
SHA: Final = "9f2b5c1f0f6d3a5e8c7b4d1a2e3f405162738495a6b7c8d9eafb0c1d2e3f4051"
CURSOR: Final = "AZnDoF5cfC2FTN0p8DmqAg"

IMAGE: Final[dict[str, Any]] = {
    "id": IMAGE_ID,
    "name": "shoe.png",
    "classifier": "fashion",
    "sha256": SHA,
    "state": "done",
    "duplicate": False,
    "version": 2,
    "width": 640,
    "height": 480,
    "notes": [],
    "created_at": AT,
    "prediction": {
        "id": "0199c3a0-5e60-7b1a-8e0f-93c2d4a5b6c7",
        "state": "done",
        "label": "Sneaker",
        "confidence": 0.97,
        "unsure": False,
        "unfamiliar": False,
        "scores": [{"label": "Sneaker", "score": 0.97}, {"label": "Ankle boot", "score": 0.03}],
        "model": {"id": MODEL_ID, "version": 3},
        "failure": None,
        "queued_at": AT,
        "done_at": LATER,
    },
}
CLASSIFIER: Final[dict[str, Any]] = {
    "slug": "fashion",
    "name": "Fashion",
    "is_default": True,
    "labels": ["Sneaker", "Ankle boot"],
    "live_version": 3,
    "live_model": MODEL_ID,
}
ACCURACY: Final = {"value": 0.935, "low": 0.93, "high": 0.94, "count": 10000}
WHOLE_CLASSIFIER: Final[dict[str, Any]] = {
    **CLASSIFIER,
    "work": {
        "target_precision": 0.95,
        "left_right_differ": False,
        "thresholds": [{"label": "Sneaker", "threshold": 0.71}, {"label": "Ankle boot", "threshold": 0.64}],
        "schedule": {
            "every_hours": 168,
            "after_examples": None,
            "next_at": "2026-11-29T03:00:00.000Z",
            "sentence": "Every 7 days; next on 29 Nov 2026, 03:00 UTC.",
            "outcome": "",
        },
        "gate": {"policy": "no_harm", "margin": 0.01},
        "measured_accuracy": ACCURACY,
        "live_accuracy": {"value": 0.92, "low": 0.87, "high": 0.96, "drawn": 160, "answered": 131},
    },
}
LABEL: Final = {
    "name": "Sneaker",
    "images": 7040,
    "train": 5400,
    "validation": 600,
    "holdout": 1000,
    "reviewed": 40,
    "missing": 0,
}
LISTED_DATASET: Final[dict[str, Any]] = {
    "id": DATASET_ID,
    "name": "summer",
    "classifier": "fashion",
    "digest": SHA,
    "image_count": 70000,
    "rejected_count": 1,
    "created_at": AT,
}
IMPORT: Final[dict[str, Any]] = {
    "id": JOB_ID,
    "classifier": "fashion",
    "name": "winter",
    "state": "running",
    "done": 1200,
    "total": 5000,
    "outcome": "",
    "dataset": None,
    "created_at": AT,
    "ended_at": None,
}
LISTED_MODEL: Final[dict[str, Any]] = {
    "id": MODEL_ID,
    "version": 3,
    "classifier": "fashion",
    "stage": "live",
    "digest": SHA,
    "accuracy": ACCURACY,
    "training_run": RUN_ID,
    "created_at": AT,
}
USED: Final = [{"id": DATASET_ID, "name": "summer", "images": 70000}]
VERDICT: Final[dict[str, Any]] = {
    "passed": True,
    "sentences": ["On 10,000 pictures it got 61 more right than v2, and no label got clearly worse."],
    "numbers": {"newly_right": 141, "newly_wrong": 80},
}
WHOLE_MODEL: Final[dict[str, Any]] = {
    **LISTED_MODEL,
    "labels": ["Sneaker", "Ankle boot"],
    "recipe": {"recipe": "small", "epochs": 10},
    "preprocessing": {"name": "grey_bright_on_dark", "width": 28, "height": 28},
    "data": {
        "fingerprint": SHA,
        "examples": {"train": 54000, "validation": 6000, "holdout": 10000},
        "datasets": USED,
    },
    "metrics": {
        "count": 10000,
        "accuracy": 0.935,
        "accuracy_low": 0.93,
        "accuracy_high": 0.94,
        "top_3": 0.995,
        "calibration_error": 0.006,
        "sure_share": 0.93,
        "sure_accuracy": 0.963,
        "holdout_digest": SHA,
        "measured_at": AT,
        "per_label": [
            {"label": "Sneaker", "count": 1000, "precision": 0.96, "recall": 0.98, "f1": 0.97, "threshold": 0.71}
        ],
        "confusion": None,
    },
    "verdict": VERDICT,
    "history": [
        {
            "at": AT,
            "replaced": {"id": MODEL_BEFORE_ID, "version": 2},
            "by": "olga",
            "reason": "promoted through the API",
        }
    ],
}
PROMOTION: Final[dict[str, Any]] = {
    "id": JOB_ID,
    "classifier": "fashion",
    "model": {"id": MODEL_ID, "version": 3},
    "state": "waiting",
    "reason": "promoted through the API",
    "outcome": "",
    "created_at": AT,
    "ended_at": None,
}
EVALUATION: Final = {name: value for name, value in PROMOTION.items() if name != "reason"}
LISTED_RUN: Final[dict[str, Any]] = {
    "id": RUN_ID,
    "classifier": "fashion",
    "title": "with winter coats",
    "source": "api",
    "state": "running",
    "sentence": "Epoch 7 of 10, 92.8 %, about 3 min left",
    "progress": 0.7,
    "accuracy": None,
    "model": None,
    "created_at": AT,
    "started_at": LATER,
    "ended_at": None,
}
RUN_WHOLE: Final[dict[str, Any]] = {
    **LISTED_RUN,
    "epoch": 7,
    "epochs": 10,
    "remaining_seconds": 180.0,
    "settings": {"recipe": "small", "promote": "auto", "seed": 0, "hyper_parameters": {"epochs": 10}},
    "data": {
        "datasets": USED,
        "labels": ["Sneaker", "Ankle boot"],
        "counts": {"train": {"Sneaker": 5400, "Ankle boot": 5400}},
        "left_out": {"near_holdout": 12},
    },
    "curves": [{"epoch": 1, "loss": 0.61, "accuracy": 0.79}],
    "log": "Epoch 1 of 10: 79.0 %\n",
    "log_length": 22,
    "outcome": "",
    "verdict": None,
}
ENTRY: Final[dict[str, Any]] = {
    "id": IMAGE_ID,
    "version": 2,
    "name": "shoe.png",
    "width": 640,
    "height": 480,
    "blind": False,
    "guess": {"label": "Sneaker", "confidence": 0.54, "unsure": True, "unfamiliar": False, "model": 3},
    "scores": [{"label": "Sneaker", "score": 0.54}, {"label": "Ankle boot", "score": 0.46}],
    "suggested": ["Ankle boot"],
}
TOKEN: Final[dict[str, Any]] = {
    "id": JOB_ID,
    "name": "camera at the gate",
    "prefix": "wi_Zx4qT9",
    "scopes": ["predict"],
    "state": "usable",
    "created_at": AT,
    "expires_at": None,
    "last_used_at": LATER,
    "revoked_at": None,
}
WEBHOOK: Final[dict[str, Any]] = {
    "id": JOB_ID,
    "url": "https://example.org/whatsit",
    "events": ["prediction.done"],
    "classifier": "fashion",
    "is_active": True,
    "stopped_because": "",
    "failing_since": None,
    "delivered": 1204,
    "failed_attempts": 3,
    "given_up": 0,
    "by": "olga",
    "created_at": AT,
}
WEBHOOK_DELIVERY: Final[dict[str, Any]] = {
    "id": RUN_ID,
    "event": "prediction.done",
    "subject": "0199c3a0-5e60-7b1a-8e0f-93c2d4a5b6c7",
    "state": "done",
    "attempts": 1,
    "status_code": 204,
    "outcome": "It answered 204 No Content.",
    "next_attempt_at": None,
    "payload": {
        "id": RUN_ID,
        "event": "prediction.done",
        "subject": "0199c3a0-5e60-7b1a-8e0f-93c2d4a5b6c7",
        "created_at": AT,
        "classifier": "fashion",
        "data": {"image": IMAGE_ID, "label": "Sneaker", "confidence": 0.97},
    },
    "created_at": AT,
    "ended_at": LATER,
}
