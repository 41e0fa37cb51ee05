"""Places, blocks, keys and anchors: insert-only, as the log is. Beside them what the sealer remembers, which is not."""

import django.db.models.deletion
from django.db import migrations, models

INSERT_ONLY = ("auditlog_seal", "auditlog_block", "auditlog_sealingkey", "auditlog_anchor")

REFUSE = """
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION auditlog_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0008_display_preferences")]

    operations = [
        migrations.CreateModel(
            name="Anchor",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("time", models.DateTimeField()),
                ("document", models.BinaryField()),
                ("signature", models.BinaryField()),
                ("heads", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="SealerState",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("cluster", models.BigIntegerField()),
                ("watermark", models.BigIntegerField()),
                ("time", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SealingKey",
            fields=[
                ("place", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("id_text", models.CharField(max_length=32, unique=True)),
                ("time", models.DateTimeField()),
                ("document", models.BinaryField()),
                ("signature", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Stall",
            fields=[
                ("account_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.UUIDField()),
                ("since", models.DateTimeField()),
                ("reason", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("account_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("time", models.DateTimeField()),
                ("sealed_until", models.DateTimeField(null=True)),
                ("last_seq", models.BigIntegerField(default=0)),
                ("whole_at", models.DateTimeField(null=True)),
                ("again_seq", models.BigIntegerField(default=0)),
                ("status", models.PositiveSmallIntegerField()),
                ("problem", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="Block",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("number", models.BigIntegerField()),
                ("first_seq", models.BigIntegerField()),
                ("last_seq", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("time", models.DateTimeField()),
                ("horizon", models.BigIntegerField()),
                ("head", models.BinaryField()),
                ("signature", models.BinaryField()),
            ],
            options={
                "indexes": [models.Index(fields=["account_id", "last_seq"], name="block_by_last_seq")],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                ("entry_id", models.UUIDField()),
                ("leaf", models.BinaryField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account_id", "entry_id"), name="seal_once_per_entry")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("place", models.CharField(max_length=200)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_attempt", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "anchor",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="auditlog.anchor",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "constraints": [models.UniqueConstraint(fields=("anchor", "place"), name="delivery_once_per_place")],
            },
        ),
        migrations.RunSQL("".join(REFUSE.format(table=table) for table in INSERT_ONLY), migrations.RunSQL.noop),
    ]
