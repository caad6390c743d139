"""The queue's index also holds where an image came from, so that filtering by it reads the index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0019_webhook_health")]

    operations = [
        migrations.RemoveIndex(model_name="image", name="image_review_queue"),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("usefulness__isnull", False)),
                fields=["classifier", "-usefulness", "source"],
                name="image_review_queue",
            ),
        ),
    ]
