from django.db import migrations, models

import accounts.time_zones


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_token_minutes")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="time_zone",
            field=models.CharField(default="UTC", max_length=64, validators=[accounts.time_zones.valid_zone]),
        ),
        migrations.AddField(
            model_name="user",
            name="theme",
            field=models.CharField(
                blank=True,
                choices=[("light", "Light"), ("dark", "Dark"), ("system", "System")],
                help_text="Empty: never chosen.",
                max_length=6,
            ),
        ),
    ]
