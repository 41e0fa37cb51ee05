"""Legal holds of accounts, and when a person was erased."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_second_factor")]

    operations = [
        migrations.AddField(
            "account",
            "held_at",
            models.DateTimeField(editable=False, null=True, verbose_name="on legal hold since"),
        ),
        migrations.AddField(
            "account",
            "held_by",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "account",
            "hold_reason",
            models.CharField(
                blank=True,
                default="",
                help_text="Why nothing of the log may be removed, nor anybody in it erased. Empty: it is not on hold.",
                max_length=200,
                verbose_name="legal hold",
            ),
            preserve_default=False,
        ),
        migrations.AddField("user", "erased_at", models.DateTimeField(editable=False, null=True)),
    ]
