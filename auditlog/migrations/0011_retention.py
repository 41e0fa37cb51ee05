"""Certificates of what was removed, and the two doors through which anything of the log ever ends.

Both are functions of the owner's, for roles that may do nothing of the kind themselves: they look again at every
condition. One drops a month that is past retention, sealed, not on hold and certified. The other blanks how somebody
was named who has been erased; from then on nobody is named so any more, however late a transaction ends.
"""

from django.db import migrations, models

INSERT_ONLY = """
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON auditlog_certificate
    FOR EACH ROW EXECUTE FUNCTION auditlog_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON auditlog_certificate
    FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse_change();
"""

# The bounds are those of auditlog.partitions; 18,250 days is accounts.models.accounts.LONGEST_RETENTION. All that takes
# long is done under a lock that readers don't feel. The last one, which they do, is waited for shortly, and held until
# the transaction ends: files are unlinked after that.
DROP_MONTH = """
CREATE FUNCTION auditlog_drop_month(month date, only_check boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    part text := 'auditlog_entry_' || to_char(month, 'YYYY_MM');
    start_at timestamptz := month::timestamp AT TIME ZONE 'UTC';
    end_at timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    first_id uuid := (lpad(to_hex(extract(epoch FROM start_at)::bigint * 1000), 12, '0') || '70008000000000000000')::uuid;
    end_id uuid := (lpad(to_hex(extract(epoch FROM end_at)::bigint * 1000), 12, '0') || '70008000000000000000')::uuid;
    ids bigint[];
    found record;
BEGIN
    IF extract(day FROM month) <> 1 OR NOT EXISTS (
        SELECT FROM pg_inherits WHERE inhparent = 'auditlog_entry'::regclass AND inhrelid = to_regclass(part)
    ) THEN
        RAISE EXCEPTION '% is no month of the log', month USING ERRCODE = 'undefined_table';
    END IF;
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', part);
    -- Whoever puts one of these on hold, or on another plan, waits until this is over.
    EXECUTE format('SELECT array_agg(DISTINCT account_id) FROM %I', part) INTO ids;
    PERFORM FROM accounts_account WHERE id = ANY (ids) ORDER BY id FOR SHARE;
    FOR found IN EXECUTE format($query$
        SELECT of_account.*, account.held_at, coalesce(account.slug, 'account ' || of_account.account_id) AS name,
            least(18250, coalesce(plan.retention_days, (SELECT max(retention_days) FROM accounts_plan))) AS days
        FROM (
            SELECT entry.account_id, count(*) AS entries, min(seal.seq) AS first, max(seal.seq) AS last,
                count(*) FILTER (WHERE seal.leaf = sha256('\\x00'::bytea || entry.body)) AS sealed
            FROM %I AS entry
            LEFT JOIN auditlog_seal AS seal ON seal.account_id = entry.account_id AND seal.entry_id = entry.id
            GROUP BY entry.account_id
        ) AS of_account
        LEFT JOIN accounts_account AS account ON account.id = of_account.account_id
        LEFT JOIN accounts_plan AS plan ON plan.id = account.plan_id
        ORDER BY of_account.account_id
    $query$, part)
    LOOP
        IF found.held_at IS NOT NULL THEN
            RAISE EXCEPTION '% is on legal hold', found.name USING ERRCODE = 'object_not_in_prerequisite_state';
        ELSIF end_at > now() - found.days * interval '1 day' THEN
            RAISE EXCEPTION 'the plan of % keeps entries for % days', found.name, found.days
                USING ERRCODE = 'object_not_in_prerequisite_state';
        ELSIF found.sealed < found.entries THEN
            RAISE EXCEPTION '% entries of % are not sealed, or are not what was sealed', found.entries - found.sealed,
                found.name USING ERRCODE = 'object_not_in_prerequisite_state';
        ELSIF NOT only_check AND NOT EXISTS (
            SELECT FROM auditlog_certificate AS certificate
            WHERE certificate.account_id = found.account_id AND certificate.first_seq = found.first
                AND certificate.last_seq = found.last AND certificate.entries = found.entries
                AND certificate.begins = first_id AND certificate.ends = end_id
        ) THEN
            RAISE EXCEPTION 'no certificate says what is removed of %', found.name
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
    END LOOP;
    IF only_check THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(448546566771);  -- auditlog.hours.LOCK: nothing of the month is being counted
    DELETE FROM auditlog_hour
        WHERE hour >= extract(epoch FROM start_at) / 3600 AND hour < extract(epoch FROM end_at) / 3600;
    PERFORM set_config('lock_timeout', '200ms', true);
    EXECUTE format('DROP TABLE %I', part);
END $$;
REVOKE ALL ON FUNCTION auditlog_drop_month FROM PUBLIC;

-- To be asked before anything that takes long: the same locks as dropping takes. What is locked in the block is free
-- again once it is rolled back.
CREATE FUNCTION auditlog_month_is_free(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    part regclass := to_regclass('auditlog_entry_' || to_char(month, 'YYYY_MM'));
BEGIN
    IF part IS NOT NULL THEN
        LOCK TABLE ONLY auditlog_entry IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part);
        RAISE EXCEPTION 'free' USING ERRCODE = 'AL001';
    END IF;
EXCEPTION WHEN SQLSTATE 'AL001' THEN
    NULL;
END $$;
REVOKE ALL ON FUNCTION auditlog_month_is_free FROM PUBLIC;
"""

ERASE = """
CREATE FUNCTION auditlog_erase(person bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    alias text := (SELECT email FROM accounts_user WHERE id = person AND erased_at IS NOT NULL);
    blanked bigint;
BEGIN
    IF alias IS NULL THEN
        RAISE EXCEPTION 'user % is not erased', person USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    LOCK TABLE auditlog_subject IN SHARE ROW EXCLUSIVE MODE;  -- What others are about to name them, is there now.
    UPDATE auditlog_subject AS subject
    SET user_id = NULL, slug = '', first_name = '', last_name = '', email = '', salt = ''
    WHERE (user_id = person AND email <> alias) OR (
        -- invitations, to any address the person has had and nobody else
        user_id IS NULL AND email <> ''
        AND EXISTS (SELECT FROM auditlog_subject AS own WHERE own.user_id = person AND own.email = subject.email)
        AND NOT EXISTS (SELECT FROM auditlog_subject AS other WHERE other.user_id <> person AND other.email = subject.email)
    );
    GET DIAGNOSTICS blanked = ROW_COUNT;
    RETURN blanked;
END $$;
REVOKE ALL ON FUNCTION auditlog_erase FROM PUBLIC;

CREATE FUNCTION auditlog_refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM accounts_user WHERE id = NEW.user_id AND erased_at IS NOT NULL AND email <> NEW.email) THEN
        RAISE EXCEPTION 'user % was erased: nobody is named so any more', NEW.user_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_erased BEFORE INSERT ON auditlog_subject
    FOR EACH ROW WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION auditlog_refuse_erased();
"""

REMOVE = """
DROP TRIGGER refuse_erased ON auditlog_subject;
DROP FUNCTION auditlog_refuse_erased;
DROP FUNCTION auditlog_erase;
DROP FUNCTION auditlog_month_is_free;
DROP FUNCTION auditlog_drop_month;
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0010_unattributed"), ("accounts", "0006_legal_hold")]

    operations = [
        migrations.CreateModel(
            name="Certificate",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "first_seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("first_seq", models.BigIntegerField()),
                ("last_seq", models.BigIntegerField()),
                ("entries", models.BigIntegerField()),
                ("begins", models.UUIDField()),
                ("ends", models.UUIDField()),
                ("time", models.DateTimeField()),
                ("document", models.BinaryField()),
                ("signature", models.BinaryField()),
            ],
        ),
        migrations.RunSQL(INSERT_ONLY, migrations.RunSQL.noop),
        migrations.RunSQL(DROP_MONTH + ERASE, REMOVE),
    ]
