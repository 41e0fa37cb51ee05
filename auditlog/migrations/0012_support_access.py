from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0011_retention")]

    operations = [
        migrations.CreateModel(
            name="SupportAccess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("account_id", models.BigIntegerField(help_text="Also of an organization that was deleted since.")),
                ("staff_id", models.BigIntegerField(help_text="Also of somebody who was deleted since.")),
                (
                    "staff_name",
                    models.CharField(help_text="What they were called then, for the customer.", max_length=200),
                ),
                ("reason", models.CharField(max_length=200)),
                ("ticket", models.CharField(max_length=40)),
                ("opened_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["account_id", "expires_at"], name="support_access_of_account")],
            },
        ),
    ]
