"""In which parts of an account's log a text can stand at all: see ``auditlog.texts``.

Made behind the writers, by ``roll_up_log``: this brings an empty table, and takes no time however large the log is.
``bits`` is read at a few places at a time, so it is neither compressed nor kept beside the row.

``auditlog_text`` says the same as before. With a plan that is kept, and one set less for each part, it takes a third of
the time: what a text that stands in many entries costs.
"""

from django.db import migrations

CREATE = """
CREATE TABLE auditlog_text_chunk (
    account_id bigint NOT NULL,
    xid xid8 NOT NULL,
    id uuid NOT NULL,
    first_id uuid NOT NULL,
    last_id uuid NOT NULL,
    cluster bigint NOT NULL,
    xids xid8[] NOT NULL,
    ids uuid[] NOT NULL,
    firsts uuid[] NOT NULL,
    lasts uuid[] NOT NULL,
    bits bytea NOT NULL,
    PRIMARY KEY (account_id, xid, id)
);
ALTER TABLE auditlog_text_chunk ALTER COLUMN bits SET STORAGE EXTERNAL;
CREATE INDEX auditlog_text_chunk_by_end ON auditlog_text_chunk (last_id);
COMMENT ON TABLE auditlog_text_chunk IS 'What stands in 8,192 settled entries, in pieces of 64, ordered by xid and id';
COMMENT ON COLUMN auditlog_text_chunk.xid IS 'With id: the last entry; all before it are in this or an earlier chunk';
COMMENT ON COLUMN auditlog_text_chunk.cluster IS 'Where that xid is one: elsewhere transactions have other numbers';
COMMENT ON COLUMN auditlog_text_chunk.xids IS 'With ids: after which entry the pieces begin, and the last entry';
COMMENT ON COLUMN auditlog_text_chunk.firsts IS 'With lasts: the smallest and the largest id in each piece';
COMMENT ON COLUMN auditlog_text_chunk.bits IS 'For each slot a bit of each piece: whether it holds a gram of that slot';
"""

SAY_QUICKLY = """
CREATE OR REPLACE FUNCTION auditlog_text(body bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    event jsonb := convert_from(body, 'UTF8')::jsonb;
BEGIN
    RETURN concat_ws(E'\n',
        event ->> 'sentence',
        event ->> 'reason',
        event -> 'failure' ->> 'sentence',
        event -> 'app' ->> 'name',
        event -> 'app' ->> 'id',
        (SELECT string_agg(name #>> '{}', E'\n') FROM jsonb_path_query(event, '$.targets[*].name') AS name),
        (SELECT string_agg(id #>> '{}', E'\n') FROM jsonb_path_query(event, '$.targets[*].id') AS id),
        (SELECT string_agg(said #>> '{}', E'\n') FROM jsonb_path_query(
            event, 'strict $.changes.*[*].** ? (@.type() == "string" || @.type() == "number")'
        ) AS said)
    );
END $$;
"""

SAY = """
CREATE OR REPLACE FUNCTION auditlog_text(body bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
    SELECT string_agg(said.value #>> '{}', E'\n')
    FROM (SELECT convert_from(body, 'UTF8')::jsonb AS event) AS entry, LATERAL (
        SELECT event -> 'sentence' UNION ALL
        SELECT event -> 'reason' UNION ALL
        SELECT event -> 'failure' -> 'sentence' UNION ALL
        SELECT jsonb_path_query(event, '$.app.name') UNION ALL
        SELECT jsonb_path_query(event, '$.app.id') UNION ALL
        SELECT jsonb_path_query(event, '$.targets[*].name') UNION ALL
        SELECT jsonb_path_query(event, '$.targets[*].id') UNION ALL
        SELECT jsonb_path_query(event, 'strict $.changes.*[*].** ? (@.type() == "string" || @.type() == "number")')
    ) AS said(value)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0013_raise_alarm")]

    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE auditlog_text_chunk;"),
        migrations.RunSQL(SAY_QUICKLY, SAY),
    ]
