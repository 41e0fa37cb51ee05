"""For whoever follows the log: entries of an account in the order in which their transactions began.

Partitions made later get it from their parent.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0002_create_insert_only_entry_table")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX auditlog_entry_by_commit ON auditlog_entry (account_id, xid, id);",
            "DROP INDEX auditlog_entry_by_commit;",
        )
    ]
