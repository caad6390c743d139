"""Reviewed images are found by their state among many that nobody has looked at."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0014_prediction_version_index")]

    operations = [
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("review_state", ""), _negated=True),
                fields=["review_state", "-id"],
                name="image_reviewed",
            ),
        ),
    ]
