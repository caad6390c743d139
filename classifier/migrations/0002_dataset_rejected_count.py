from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="dataset",
            name="rejected_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="dataset",
            name="rejected",
            field=models.JSONField(default=list, help_text="The first files that could not be read: name and reason."),
        ),
    ]
