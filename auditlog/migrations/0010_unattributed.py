"""What the database records by itself, and what its roles may ask of it.

A change of a tracked row that the recorder did not observe, by raw SQL or in psql, becomes an entry when its transaction
commits: the triggers that call this are made from ``TRACKED`` after each migrate, see ``auditlog.fence.triggers``. The
body is canonical to the byte, as ``auditlog.canonical`` writes it. The other functions serve ``auditlog.fence``.
"""

from django.db import migrations

CANONICAL = """
CREATE FUNCTION auditlog_canonical(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(to_json(part.key)::text || ':' || auditlog_canonical(part.value), ','
                ORDER BY part.key COLLATE "C")
            FROM jsonb_each(value) AS part
        ), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(auditlog_canonical(part.value), ',' ORDER BY part.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS part (value, place)
        ), '') || ']'
        WHEN 'number' THEN  -- No floats: writers of JSON differ in how they print them.
            CASE WHEN value::text ~ '^-?[0-9]+$' THEN value::text ELSE to_json(value::text)::text END
        ELSE value::text
    END;
END $$;
COMMENT ON FUNCTION auditlog_canonical IS 'The one way to write a document down, as auditlog.canonical has it';
"""

# TG_ARGV: how the row is told, as JSON (auditlog.fence.triggers). What the recorder observed in this transaction stands
# in a setting of the transaction, by table and id; it is gone with a savepoint, as the entry is. It begins with the
# number of the transaction and is believed in no other, so that what was set for a session counts for nothing.
UNATTRIBUTED = """
CREATE FUNCTION auditlog_unattributed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    observed text := current_setting('controlcenter.observed', true);
    told jsonb;
    before jsonb;
    after jsonb;
    about jsonb;
    old_value jsonb;
    new_value jsonb;
    shown jsonb := '{}';
    targets jsonb := '[]';
    field record;
    place record;
    account bigint;
    written bigint[] := '{}';
    at timestamptz;
    entry_id uuid;
    kind text;
    body bytea;
BEGIN
    IF starts_with(observed, pg_current_xact_id()::text || '|') AND (
        strpos(observed, ',' || TG_TABLE_NAME || ':' || CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END || ',') > 0
        OR strpos(observed, ',' || TG_TABLE_NAME || ':*,') > 0
    ) THEN
        RETURN NULL;
    END IF;
    -- A commit is not under the statement's timeout; nobody should wait for the log's table without an end.
    PERFORM set_config('lock_timeout', coalesce(nullif(current_setting('statement_timeout'), '0'), '10s'), true);
    told := TG_ARGV[0]::jsonb;
    before := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    FOR field IN SELECT * FROM jsonb_to_recordset(told -> 'fields') AS field ("column" text, name text, shown text) LOOP
        old_value := nullif(before -> field."column", 'null');
        new_value := nullif(after -> field."column", 'null');
        CONTINUE WHEN old_value IS NOT DISTINCT FROM new_value
            OR (coalesce(old_value, '""') IN ('""', '[]') AND coalesce(new_value, '""') IN ('""', '[]'));
        shown := shown || jsonb_build_object(field.name, jsonb_build_array(
            auditlog_shown(old_value, field.shown), auditlog_shown(new_value, field.shown)
        ));
    END LOOP;
    IF TG_OP = 'UPDATE' AND shown = '{}' THEN
        RETURN NULL;
    END IF;
    kind := CASE TG_OP WHEN 'INSERT' THEN 'Insertion of' WHEN 'UPDATE' THEN 'Update of' ELSE 'Deletion of' END;
    -- What moves from one account to another is told to both.
    FOREACH about IN ARRAY array_remove(ARRAY[after, before], NULL) LOOP
        SELECT * INTO place FROM auditlog_place(told, about);
        account := coalesce(place.account, 0);
        CONTINUE WHEN account = ANY (written);
        written := written || account;
        at := clock_timestamp();
        entry_id := auditlog_new_id(at);
        IF told ->> 'target' IS NOT NULL THEN
            targets := jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
                'type', told ->> 'target', 'id', about ->> (told ->> 'id'), 'name', nullif(about ->> (told ->> 'name'), '')
            )));
        END IF;
        body := convert_to(auditlog_canonical(jsonb_build_object(
            'v', 2,
            'id', entry_id,
            'time', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'account', account,
            'actor', '{"type": "system"}'::jsonb,
            'operation', '{"code": 1205, "name": "LOG_UNATTRIBUTED_CHANGE"}'::jsonb,
            'sentence', format('%s row %s of %s past the application', kind, about ->> 'id', TG_TABLE_NAME),
            'targets', targets,
            'app', CASE WHEN place.app_key IS NOT NULL THEN jsonb_strip_nulls(jsonb_build_object(
                'key', place.app_key, 'type', 'app', 'id', place.app_id, 'name', nullif(place.app_name, '')
            )) END,
            'changes', shown || jsonb_build_object(
                'database table', jsonb_build_array(NULL, TG_TABLE_NAME),
                'database row', jsonb_build_array(NULL, about ->> 'id'),
                'database role', jsonb_build_array(NULL, session_user)
            ),
            'where', jsonb_strip_nulls(jsonb_build_object(
                'ip', host(inet_client_addr()),
                'peer', host(inet_client_addr()),
                'agent', nullif(current_setting('application_name'), '')
            )),
            'success', true,
            'failure', NULL,
            'reason', ''
        )), 'UTF8');
        INSERT INTO auditlog_entry (
            id, account_id, app_id, actor_id, actor_kind, token, operation, success, source_ip, request_id, targets,
            subject_id, body, leaf
        ) VALUES (
            entry_id, account, place.app_key, NULL, 4, NULL, 1205, true, inet_client_addr(), '',
            (SELECT coalesce(jsonb_agg(target - 'name'), '[]') FROM jsonb_array_elements(targets) AS target),
            NULL, body, sha256('\\x00'::bytea || body)
        );
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION auditlog_place(
    told jsonb, about jsonb, OUT account bigint, OUT app_key bigint, OUT app_id text, OUT app_name text
) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    this text := pg_current_xact_id()::text || '|';
    gone text := current_setting('controlcenter.gone', true);
    of_account jsonb;
    of_app jsonb;
BEGIN
    EXECUTE told ->> 'account' INTO account USING about;
    IF told ->> 'app' IS NOT NULL THEN
        EXECUTE told ->> 'app' INTO app_key, app_id, app_name USING about;
    END IF;
    IF (account IS NULL OR told ->> 'app' IS NOT NULL AND app_key IS NULL) AND starts_with(gone, this) THEN
        of_account := substr(gone, length(this) + 1)::jsonb -> auditlog_parent(told -> 'through_account', about);
        of_app := substr(gone, length(this) + 1)::jsonb -> auditlog_parent(told -> 'through_app', about);
        account := coalesce(account, (of_account ->> 'account')::bigint);
        IF app_key IS NULL THEN
            app_key := (of_app ->> 'app_key')::bigint;
            app_id := of_app ->> 'app_id';
            app_name := of_app ->> 'app_name';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION auditlog_place IS 'Whose a row is, and of which app, also when what it belonged to is gone';

CREATE FUNCTION auditlog_parent(through jsonb, about jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp AS $$ SELECT (through ->> 0) || ':' || (about ->> (through ->> 1)) $$;

-- Deferred triggers find a model, but not the app it was in, when one transaction deletes both. So whose a thing was is
-- noted at once, in a setting as above; up to a length, because each of them reads it.
CREATE FUNCTION auditlog_note_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    this text := pg_current_xact_id()::text || '|';
    said text := current_setting('controlcenter.gone', true);
    noted jsonb := '{}';
    more jsonb;
BEGIN
    IF starts_with(said, this) THEN
        IF length(said) > 64000 THEN
            RETURN NULL;
        END IF;
        noted := substr(said, length(this) + 1)::jsonb;
    END IF;
    SELECT jsonb_object_agg(TG_TABLE_NAME || ':' || one.id, to_jsonb(place)) INTO more
    FROM (SELECT * FROM gone LIMIT 500) AS one, auditlog_place(TG_ARGV[0]::jsonb, to_jsonb(one)) AS place;
    IF more IS NOT NULL THEN
        PERFORM set_config('controlcenter.gone', this || (noted || more)::text, true);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION auditlog_shown(value jsonb, how text) RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
    SELECT CASE
        WHEN value IS NULL THEN NULL
        WHEN how = 'masked' THEN '"[masked]"'
        WHEN how = 'time' THEN to_jsonb(to_char((value #>> '{}')::timestamptz, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        WHEN how = 'text' THEN to_jsonb(value #>> '{}')
        ELSE value
    END
$$;

CREATE FUNCTION auditlog_new_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT (
        lpad(to_hex(microseconds / 1000), 12, '0') || '7' || lpad(to_hex(microseconds % 1000), 3, '0')
        || right(gen_random_uuid()::text, 17)
    )::uuid
    FROM (SELECT (extract(epoch FROM at) * 1000000)::bigint AS microseconds) AS time
$$;
COMMENT ON FUNCTION auditlog_new_id IS 'An id made from a time, as auditlog.ids has it';

CREATE FUNCTION auditlog_observe(rows text, tables text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    this text := pg_current_xact_id()::text || '|';
    said text := current_setting('controlcenter.observed', true);
BEGIN
    IF said IS NULL OR NOT starts_with(said, this) THEN
        said := this;
    END IF;
    IF length(said) < 20000 THEN
        PERFORM set_config('controlcenter.observed', said || rows, true);
    ELSIF strpos(said, tables) = 0 THEN  -- Many statements of one transaction: from then on tables are named.
        PERFORM set_config('controlcenter.observed', said || tables, true);
    END IF;
END $$;
COMMENT ON FUNCTION auditlog_observe IS 'Notes rows whose changes the recorder looked at, until the transaction ends';

REVOKE ALL ON FUNCTION auditlog_new_id, auditlog_shown, auditlog_canonical, auditlog_unattributed, auditlog_observe,
    auditlog_place, auditlog_parent, auditlog_note_gone FROM PUBLIC;
"""

# The roles of harden_database see one account at a time. These questions are about all of them, and name nobody.
ASKED = """
CREATE FUNCTION auditlog_account() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('controlcenter.account', true), '')::bigint
$$;
COMMENT ON FUNCTION auditlog_account IS 'Whose log this statement reads: see controlcenter.fence';

CREATE FUNCTION auditlog_waiting(since bigint, most integer) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
    SELECT count(*) FROM (SELECT FROM auditlog_entry WHERE xid::text::bigint >= since LIMIT most) AS waiting
$$;
COMMENT ON FUNCTION auditlog_waiting IS 'How many entries were written since a transaction, up to a limit';

CREATE FUNCTION auditlog_deletions() RETURNS SETOF auditlog_entry LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT * FROM auditlog_entry
    WHERE operation = 152 AND success AND targets @> '[{"type": "organization"}]' ORDER BY id DESC
$$;
COMMENT ON FUNCTION auditlog_deletions IS 'The deletions of organizations, for support staff, newest first';

CREATE FUNCTION auditlog_has_strays() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$ SELECT EXISTS (SELECT FROM auditlog_entry_default) $$;
COMMENT ON FUNCTION auditlog_has_strays IS 'Whether there are entries outside of all months';

REVOKE ALL ON FUNCTION auditlog_waiting, auditlog_deletions, auditlog_has_strays FROM PUBLIC;
"""

DROP = """
DO $$ DECLARE one record; BEGIN
    FOR one IN
        SELECT tgname, tgrelid::regclass AS of FROM pg_trigger
        WHERE tgfoid IN (to_regproc('auditlog_unattributed'), to_regproc('auditlog_note_gone'))
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one.tgname, one.of);
    END LOOP;
END $$;
DROP FUNCTION IF EXISTS auditlog_deletions, auditlog_waiting, auditlog_has_strays;
DROP FUNCTION IF EXISTS auditlog_account CASCADE;
DROP FUNCTION IF EXISTS auditlog_unattributed, auditlog_observe, auditlog_note_gone, auditlog_place, auditlog_parent;
DROP FUNCTION IF EXISTS auditlog_shown, auditlog_new_id, auditlog_canonical;
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0009_seals")]

    operations = [migrations.RunSQL(CANONICAL + UNATTRIBUTED + ASKED, DROP)]
