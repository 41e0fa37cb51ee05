"""The entry table in SQL: Django's schema editor knows neither partitions nor triggers.

Partitioned by month of the id; its primary key begins with the account, so that it is the index of every account's
timeline and the table can be distributed by account. Rows can be inserted, and nothing else.
"""

import django.db.models.deletion
from django.db import migrations, models

from auditlog.partitions import make_partitions

CREATE = """
CREATE TABLE auditlog_entry (
    account_id bigint NOT NULL,
    id uuid NOT NULL,
    app_id bigint,
    actor_id bigint,
    operation smallint NOT NULL,
    success boolean NOT NULL,
    source_ip inet,
    request_id text NOT NULL,
    targets jsonb NOT NULL,
    subject_id bigint,
    body bytea NOT NULL,
    leaf bytea NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);

CREATE INDEX auditlog_entry_by_app ON auditlog_entry (account_id, app_id, id);
CREATE INDEX auditlog_entry_by_actor ON auditlog_entry (account_id, actor_id, id);
CREATE INDEX auditlog_entry_by_operation ON auditlog_entry (account_id, operation, id);
CREATE INDEX auditlog_entry_failures ON auditlog_entry (account_id, id) WHERE NOT success;
CREATE INDEX auditlog_entry_by_target ON auditlog_entry USING gin (targets jsonb_path_ops);
CREATE INDEX auditlog_entry_by_time ON auditlog_entry USING brin (id);

CREATE FUNCTION auditlog_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is insert-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Entries end by retention only, a whole partition at a time.';
END $$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON auditlog_entry
    FOR EACH ROW EXECUTE FUNCTION auditlog_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON auditlog_entry
    FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse_change();

CREATE TABLE auditlog_entry_default PARTITION OF auditlog_entry DEFAULT;
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON auditlog_entry_default
    FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse_change();
"""

DROP = """
DROP TABLE auditlog_entry;
DROP FUNCTION auditlog_refuse_change();
"""


def make_first_partitions(*_: object) -> None:
    make_partitions()


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(CREATE, DROP),
                migrations.RunPython(make_first_partitions, migrations.RunPython.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Entry",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("account_id", models.BigIntegerField()),
                        ("app_id", models.BigIntegerField(null=True)),
                        ("actor_id", models.BigIntegerField(null=True)),
                        ("operation", models.SmallIntegerField()),
                        ("success", models.BooleanField()),
                        ("source_ip", models.GenericIPAddressField(null=True)),
                        ("request_id", models.CharField(blank=True, max_length=64)),
                        ("targets", models.JSONField(default=list)),
                        (
                            "subject",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="auditlog.subject",
                            ),
                        ),
                        ("body", models.BinaryField()),
                        ("leaf", models.BinaryField()),
                    ],
                    options={"verbose_name_plural": "entries"},
                )
            ],
        )
    ]
