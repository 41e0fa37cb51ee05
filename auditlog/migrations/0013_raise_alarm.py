"""How the servers' role raises the alarm when somebody checks the log and something was altered.

It is a function of the owner's: the role may not write what verifications found, so it can't end an alarm either.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION auditlog_raise_alarm(account bigint, found text) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO public.auditlog_verification AS kept (account_id, time, last_seq, again_seq, status, problem)
    VALUES (account, now(), 0, 0, 1, found)
    ON CONFLICT (account_id) DO UPDATE SET time = now(), status = 1, problem = found WHERE kept.status <> 1
$$;
COMMENT ON FUNCTION auditlog_raise_alarm IS 'Keep that the log of an account was found altered; what is known stays';
REVOKE ALL ON FUNCTION auditlog_raise_alarm FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0012_support_access")]

    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION IF EXISTS auditlog_raise_alarm;")]
