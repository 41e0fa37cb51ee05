"""How many entries there are in each hour, and up to which transaction they are counted: see ``auditlog.hours``.

The index finds what was committed since, in all accounts. It is tiny, and costs a writer next to nothing. BRIN takes no
``xid8``, hence the bigint.
"""

from django.db import migrations

CREATE = """
CREATE TABLE auditlog_hour (
    account_id bigint NOT NULL,
    dimension smallint NOT NULL,
    value bigint NOT NULL,
    hour integer NOT NULL,
    done_0 integer NOT NULL, done_1 integer NOT NULL, done_2 integer NOT NULL, done_3 integer NOT NULL,
    failed_0 integer NOT NULL, failed_1 integer NOT NULL, failed_2 integer NOT NULL, failed_3 integer NOT NULL,
    PRIMARY KEY (account_id, dimension, value, hour)
) WITH (fillfactor = 80);
COMMENT ON TABLE auditlog_hour IS 'Entries by quarter of an hour, all of them and those of an app, actor or operation';
COMMENT ON COLUMN auditlog_hour.hour IS 'Hours since 1970, UTC';

CREATE TABLE auditlog_hours_rolled (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    xid xid8 NOT NULL,
    cluster bigint NOT NULL
);
COMMENT ON COLUMN auditlog_hours_rolled.xid IS 'All entries of earlier transactions are in auditlog_hour, no others are';
COMMENT ON COLUMN auditlog_hours_rolled.cluster IS 'Where that xid is one: elsewhere transactions have other numbers';

CREATE INDEX auditlog_entry_by_transaction ON auditlog_entry
    USING brin ((xid::text::bigint)) WITH (autosummarize = on);
"""

DROP = """
DROP INDEX auditlog_entry_by_transaction;
DROP TABLE auditlog_hours_rolled;
DROP TABLE auditlog_hour;
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0005_actor_type_and_token")]

    operations = [migrations.RunSQL(CREATE, DROP)]
