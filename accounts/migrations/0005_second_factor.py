import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_user_time_zone_and_theme")]

    operations = [
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("secret", models.CharField(editable=False, max_length=255)),
                (
                    "recovery_codes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), default=list, editable=False, size=None
                    ),
                ),
                (
                    "codes_left",
                    models.PositiveSmallIntegerField(
                        default=0, editable=False, verbose_name="recovery codes left"
                    ),
                ),
                (
                    "last_step",
                    models.BigIntegerField(
                        default=0, editable=False, help_text="The step of the last code that counted."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="second_factor",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.CreateModel(
            name="Throttle",
            fields=[
                (
                    "key",
                    models.CharField(
                        help_text="A digest: nobody's address is kept here.",
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tries", models.IntegerField(help_text="Beyond those that are free.")),
                ("free_at", models.DateTimeField(help_text="When the next try is let through.")),
                ("at", models.DateTimeField(db_index=True, help_text="When the last one was.")),
                ("told_at", models.DateTimeField(help_text="Up to which wait the log was told.", null=True)),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="second_factor_required",
            field=models.BooleanField(default=False, verbose_name="require a second factor of all members"),
        ),
        migrations.AddField(
            model_name="user",
            name="sessions_ended",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="How often all of them were."),
        ),
    ]
