"""Partial indexes whose condition SQLite can match: open predictions are those without an end."""

from django.db import migrations, models
from django.db.models import Q

CLEAR_ENDS = """
UPDATE classifier_prediction SET done_at = NULL WHERE state IN ('queued', 'claimed') AND done_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("classifier", "0003_training_run_progress")]

    operations = [
        migrations.RunSQL(CLEAR_ENDS, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="prediction", name="prediction_newest_done"),
        migrations.RemoveIndex(model_name="prediction", name="prediction_queue"),
        migrations.RemoveIndex(model_name="prediction", name="prediction_work"),
        migrations.AddConstraint(
            model_name="prediction",
            constraint=models.CheckConstraint(
                condition=~Q(state__in=["queued", "claimed"]) | Q(done_at__isnull=True), name="open_has_no_end"
            ),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(
                fields=["priority", "queued_at"], condition=Q(done_at__isnull=True), name="prediction_queue"
            ),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(
                fields=["classifier", "priority", "queued_at"],
                condition=Q(done_at__isnull=True),
                name="prediction_work",
            ),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(fields=["-id"], condition=Q(state="failed"), name="prediction_failed"),
        ),
    ]
