from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0002_dataset_rejected_count")]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="progress",
            field=models.JSONField(
                default=dict, blank=True, help_text="While it runs: phase, share done (0 to 1), remaining seconds."
            ),
        ),
    ]
