import django.db.models.deletion
from django.db import migrations, models

import accounts.models.accounts
import auditlog.saved_views


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_user_time_zone_and_theme"),
        ("auditlog", "0006_hourly_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    accounts.models.accounts.SlugField(
                        default=auditlog.saved_views.new_view_id, unique=True, verbose_name="view id"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                (
                    "query",
                    models.CharField(
                        blank=True,
                        help_text="Filters, dates, zone and display as they stand in an address.",
                        max_length=4000,
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(default=False, help_text="Whether Teams & Logs opens with it."),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        help_text="Who alone sees it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.member",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose members see it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("account",), name="one_default_view_per_account"
            ),
        ),
    ]
