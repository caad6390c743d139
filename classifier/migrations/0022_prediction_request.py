"""Which request asked for a prediction. Null, so that no row is rewritten and the version before may still insert."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0021_webhook_delivery_index")]
    operations = [
        migrations.AddField(
            model_name="prediction",
            name="request_id",
            field=models.CharField(
                blank=True, help_text="Of the call that asked, as its log lines name it.", max_length=64, null=True
            ),
        ),
    ]
