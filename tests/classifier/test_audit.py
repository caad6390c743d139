"""The draw: by chance alone, with the share that was in force, once for each prediction."""

from __future__ import annotations

import random

import pytest

from classifier import audit
from classifier.audit import forget_shares
from classifier.models import AuditDraw, Classifier
from tests.review_makers import answer_all
from tests.row_makers import MakeImages

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_random", random.Random(5))
    forget_shares()


def test_nothing_is_drawn_with_shares_of_zero_and_everything_with_shares_of_one(
    pets: Classifier, make_images: MakeImages
) -> None:
    Classifier.objects.update(audit_share_sure=0.0, audit_share_unsure=1.0)
    make_images(3)
    answer_all([0.9, 0.1, 0.0])
    assert AuditDraw.objects.count() == 0
    forget_shares()
    for image in make_images(6)[3:]:
        assert image
    answer_all([0.4, 0.3, 0.3], unsure=True)
    assert set(AuditDraw.objects.values_list("stratum", "probability")) == {("unsure", 1.0)}
    assert AuditDraw.objects.count() == 3


def test_about_as_many_are_drawn_as_the_share_says(pets: Classifier, make_images: MakeImages) -> None:
    Classifier.objects.update(audit_share_sure=0.25)
    make_images(200)
    answer_all([0.9, 0.1, 0.0])
    assert 30 <= AuditDraw.objects.count() <= 70


def test_a_draw_keeps_the_share_it_was_drawn_with(pets: Classifier, make_images: MakeImages) -> None:
    Classifier.objects.update(audit_share_sure=1.0)
    make_images(1)
    answer_all([0.9, 0.1, 0.0])
    Classifier.objects.update(audit_share_sure=0.5)
    draw = AuditDraw.objects.get()
    assert (draw.probability, str(draw.label), draw.model_version) == (1.0, "cat", pets.live_version)
