from django.db import migrations, models

import auditlog.models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Subject",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.BigIntegerField(null=True)),
                ("slug", models.CharField(blank=True, max_length=64)),
                ("first_name", models.CharField(blank=True, max_length=80)),
                ("last_name", models.CharField(blank=True, max_length=80)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("salt", models.BinaryField(default=auditlog.models.new_salt)),
                ("digest", models.CharField(max_length=64, unique=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("email", ""), ("slug", ""), _negated=True),
                        fields=("user_id", "slug", "first_name", "last_name", "email"),
                        name="subject_once_per_naming",
                        nulls_distinct=False,
                    )
                ]
            },
        ),
    ]
