"""A site with one row of everything that an address of the API can name."""

from __future__ import annotations

from django.contrib.auth.models import User

from classifier.api_tokens import create_token
from classifier.evaluation_requests import request_evaluation
from classifier.import_jobs import request_import
from classifier.models import Dataset
from classifier.owners import Owner
from classifier.promotion_requests import request_promotion
from classifier.webhooks import send_test
from tests.row_makers import upload
from tests.webapp.model_versions import make_measured_classifier, version_of
from tests.webapp.training_rows import COUNTS, finished_run, trainable_classifier
from tests.webhook_receiver import make_webhook


def make_known_rows(user: User) -> dict[str, str]:
    """By the names of the document's path parameters; pictures and tokens are this user's."""
    birds = make_measured_classifier(slug="birds")
    live, candidate = version_of(birds, 1), version_of(birds, 2)
    dataset = Dataset.objects.get(classifier=birds)
    Dataset.objects.filter(pk=dataset.pk).update(counts=COUNTS, labels=["cat", "dog"], image_count=126)
    run = finished_run(trainable_classifier("farm")).training_run
    assert run is not None
    image = upload(1, owner=Owner("user", str(user.pk)), classifier_slug="birds").images[0]
    webhook = make_webhook("https://example.org/hook", user=user)
    job = request_import(classifier_slug="birds", name="more", user=user, place="storage://incoming/more")
    return {
        "slug": "birds",
        "image_id": str(image.id),
        "dataset_id": str(dataset.id),
        "import_id": str(job.id),
        "run_id": str(run.id),
        "model_id": str(live.id),
        "promotion_id": str(request_promotion(version=candidate, user=user, reason="test").id),
        "evaluation_id": str(request_evaluation(version=candidate, user=user).id),
        "webhook_id": str(webhook.id),
        "delivery_id": str(send_test(webhook=webhook).id),
        "token_id": str(create_token(user=user, name="camera", scopes=["predict"])[0].id),
    }
