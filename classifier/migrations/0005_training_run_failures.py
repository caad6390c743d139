from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0004_open_prediction_indexes")]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="failures",
            field=models.PositiveSmallIntegerField(default=0, help_text="How often its trainer fell silent."),
        ),
    ]
