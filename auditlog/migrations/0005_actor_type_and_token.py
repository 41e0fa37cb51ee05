"""What kind of actor it was, and through which token: both stand in the body, and are searched from now on.

With them come the indexes for rare kinds of actors, for tokens, and for everything of one request.
"""

from django.db import migrations, models

FROM_BODY = "convert_from(body, 'UTF8')::jsonb -> 'actor'"

ADD = f"""
ALTER TABLE auditlog_entry ADD COLUMN actor_kind smallint NOT NULL DEFAULT 1, ADD COLUMN token text;
ALTER TABLE auditlog_entry DISABLE TRIGGER refuse_change;
UPDATE auditlog_entry SET
    actor_kind = array_position(
        ARRAY['user', 'token', 'service_account', 'system', 'support_staff', 'anonymous'], {FROM_BODY} ->> 'type'
    ),
    token = {FROM_BODY} ->> 'token';
ALTER TABLE auditlog_entry ENABLE TRIGGER refuse_change;
ALTER TABLE auditlog_entry ALTER COLUMN actor_kind DROP DEFAULT;
CREATE INDEX auditlog_entry_by_actor_kind ON auditlog_entry (account_id, actor_kind, id) WHERE actor_kind > 2;
CREATE INDEX auditlog_entry_by_token ON auditlog_entry (account_id, token, id) WHERE token IS NOT NULL;
CREATE INDEX auditlog_entry_by_request ON auditlog_entry USING hash (request_id) WHERE request_id <> '';
"""  # noqa: S608

REMOVE = """
DROP INDEX auditlog_entry_by_request;
ALTER TABLE auditlog_entry DROP COLUMN actor_kind, DROP COLUMN token;
"""

ADD_TEXT = """
CREATE FUNCTION auditlog_text(body bytea) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
    SELECT string_agg(said.value #>> '{}', E'\\n')
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
COMMENT ON FUNCTION auditlog_text IS 'What free text is looked for in: sentences, names, ids and changed values';
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0004_index_addresses")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ADD, REMOVE),
                migrations.RunSQL(ADD_TEXT, "DROP FUNCTION auditlog_text;"),
            ],
            state_operations=[
                migrations.AddField("entry", "actor_kind", models.SmallIntegerField(default=1), preserve_default=False),
                migrations.AddField("entry", "token", models.CharField(max_length=64, null=True)),
            ],
        )
    ]
