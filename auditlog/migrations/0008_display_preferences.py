import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import auditlog.models


class Migration(migrations.Migration):
    dependencies = [
        ("auditlog", "0007_saved_views"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DisplayPreference",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="display",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("density", models.CharField(default="comfortable", max_length=16)),
                ("time", models.CharField(default="absolute", max_length=16)),
                ("sort", models.CharField(default="desc", max_length=4)),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        default=auditlog.models.default_columns,
                        size=None,
                    ),
                ),
                (
                    "zone",
                    models.CharField(blank=True, help_text="Where it is not the person's own.", max_length=64),
                ),
            ],
        ),
    ]
