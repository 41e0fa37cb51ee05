"""For the question where a request came from: without it, the search for a rare address reads the whole account."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0003_index_commit_order")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX auditlog_entry_by_address ON auditlog_entry (account_id, source_ip, id);",
            "DROP INDEX auditlog_entry_by_address;",
        )
    ]
