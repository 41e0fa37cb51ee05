"""Makes the database as ``rights`` has it: finds what is otherwise, and how to put it right. Does nothing twice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from controlcenter.pooling import page_settings

from .rights import FENCED, FUNCTIONS, LEAKPROOF, PRIVILEGES, Part, tables

Roles = dict[Part, str]
"""What the role of each part is called."""

DEFAULT_ROLES: Roles = {part: part.default_name for part in Part}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is not as it should be, and the statement that puts it right."""

    sentence: str
    sql: str


def steps(roles: Roles = DEFAULT_ROLES) -> Iterator[Step]:
    """Yield all that is not as it should be. What comes later may need that the steps before were done."""
    yield from _roles(roles)
    yield from _page_settings(roles[Part.APP])
    yield from _database(roles)
    yield from _tables(roles)
    yield from _functions(roles)
    yield from _row_security(roles)
    yield from _leakproof()


def do(step: Step) -> None:
    """Carry out a step, whole or not at all. Raises ``DatabaseError`` when this role may not."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(step.sql)


# Roles

ATTRIBUTES = {
    "rolcanlogin": "LOGIN",
    "NOT rolsuper": "NOSUPERUSER",
    "NOT rolcreatedb": "NOCREATEDB",
    "NOT rolcreaterole": "NOCREATEROLE",
    "NOT rolreplication": "NOREPLICATION",
    "NOT rolbypassrls": "NOBYPASSRLS",
    "NOT rolinherit": "NOINHERIT",
}
OWNED = """
SELECT DISTINCT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
WHERE refobjid = %s::regrole AND deptype = 'o'
    AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


def _roles(roles: Roles) -> Iterator[Step]:
    for role in roles.values():
        yield from _role(role)


def _role(role: str) -> Iterator[Step]:
    name, wanted = _name(role), " ".join(ATTRIBUTES.values())
    found = _rows(f"SELECT {' AND '.join(ATTRIBUTES)} FROM pg_roles WHERE rolname = %s", role)  # noqa: S608
    if not found:
        yield Step(f"There is no role {role}", f"CREATE ROLE {name} {wanted}")
        return
    if not found[0][0]:
        yield Step(f"The role {role} may do more than sign in", f"ALTER ROLE {name} {wanted}")
    for (group,) in _rows("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole", name):
        yield Step(f"The role {role} is a member of {group}", f"REVOKE {group} FROM {name}")
    if owned := _rows(OWNED, name):
        yield Step(f"The role {role} owns the {owned[0][0]}", f"REASSIGN OWNED BY {name} TO CURRENT_USER")


KEPT = """
SELECT unnest(setconfig) FROM pg_db_role_setting
WHERE setrole = %s::regrole AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _page_settings(role: str) -> Iterator[Step]:
    """Servers ask for these themselves. A pooler in between may not pass that on, or not always."""
    name = _name(role)
    kept = [setting for (setting,) in _rows(KEPT, name)]
    [(database,)] = _rows("SELECT quote_ident(current_database())")
    for setting, value in page_settings().items():
        if f"{setting}={value}" not in kept:
            set_it = f"ALTER ROLE {name} IN DATABASE {database} SET {setting} = '{value}'"
            yield Step(f"{setting} of {role} is not {value}", set_it)


# The database and its schema

DATABASE = """
SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END, acl.privilege_type
FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl WHERE datname = current_database()
"""
SCHEMA = """
SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END, acl.privilege_type
FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl WHERE nspname = current_schema()
"""


def _database(roles: Roles) -> Iterator[Step]:
    names = [_name(role) for role in roles.values()]
    [(database, schema)] = _rows("SELECT quote_ident(current_database()), quote_ident(current_schema())")
    for thing, query, kept, refused in (
        (f"DATABASE {database}", DATABASE, "CONNECT", ("TEMPORARY", "CREATE")),
        (f"SCHEMA {schema}", SCHEMA, "USAGE", ("CREATE",)),
    ):
        given = {(who, privilege) for who, privilege in _rows(query)}
        for name in names:
            if (name, kept) not in given:
                yield Step(f"{name} lacks {kept} on {thing}", f"GRANT {kept} ON {thing} TO {name}")
        for name in ("PUBLIC", *names):  # A function of one's own could look behind the fence.
            for privilege in refused:
                if (name, privilege) in given:
                    yield Step(f"{name} has {privilege} on {thing}", f"REVOKE {privilege} ON {thing} FROM {name}")


# Tables and functions

GRANTED = """
SELECT relation.relname, CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END, acl.privilege_type
FROM pg_class AS relation, aclexplode(relation.relacl) AS acl
WHERE relation.relnamespace = to_regnamespace(current_schema()) AND relation.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    AND acl.grantee <> relation.relowner
UNION ALL
SELECT relation.relname, acl.grantee::regrole::text, acl.privilege_type || ' (' || quote_ident(attname) || ')'
FROM pg_attribute JOIN pg_class AS relation ON relation.oid = attrelid, aclexplode(attacl) AS acl
WHERE relation.relnamespace = to_regnamespace(current_schema()) AND acl.grantee <> 0
ORDER BY 1, 2, 3
"""
PRESENT = """
SELECT relname FROM pg_class
WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p') ORDER BY relname
"""
EXECUTED = """
SELECT function.proname, CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
FROM pg_proc AS function, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
WHERE function.pronamespace = to_regnamespace(current_schema()) AND acl.grantee <> proowner
"""


def _tables(roles: Roles) -> Iterator[Step]:
    names = {_name(role) for role in roles.values()} | {"PUBLIC"}
    present = {table for (table,) in _rows(PRESENT)}
    wanted = {
        (table, _name(role), PRIVILEGES[letter])
        for table, rights in tables()
        if table in present
        for part, role in roles.items()
        for letter in getattr(rights, part)
    }
    given = {(table, who, privilege) for table, who, privilege in _rows(GRANTED) if who in names}
    for table, who, privilege in sorted(given - wanted):
        yield Step(f"{who} has {privilege} on {table}", f"REVOKE {privilege} ON {_name(table)} FROM {who}")
    for (table, who), privileges in _together(wanted - given):
        listed = ", ".join(privileges)
        yield Step(f"{who} lacks {listed} on {table}", f"GRANT {listed} ON {_name(table)} TO {who}")


def _functions(roles: Roles) -> Iterator[Step]:
    names = {_name(role) for role in roles.values()} | {"PUBLIC"}
    given = {(name, who) for name, who in _rows(EXECUTED) if name in FUNCTIONS and who in names}
    present = {name for (name,) in _rows("SELECT proname FROM pg_proc WHERE proname = ANY (%s)", list(FUNCTIONS))}
    wanted = {
        (function, _name(role))
        for function, rights in FUNCTIONS.items()
        if function in present
        for part, role in roles.items()
        if getattr(rights, part)
    }
    for function, who in sorted(given - wanted):
        yield Step(f"{who} may run {function}", f"REVOKE ALL ON FUNCTION {function} FROM {who}")
    for function, who in sorted(wanted - given):
        yield Step(f"{who} may not run {function}", f"GRANT EXECUTE ON FUNCTION {function} TO {who}")


def _together(rights: Iterable[tuple[str, str, str]]) -> Iterator[tuple[tuple[str, str], list[str]]]:
    found: dict[tuple[str, str], list[str]] = {}
    for table, who, privilege in sorted(rights):
        found.setdefault((table, who), []).append(privilege)
    yield from found.items()


# Row-level security

POLICIES = """
SELECT tablename, policyname, permissive, roles::text[], cmd, coalesce(qual, ''), coalesce(with_check, '')
FROM pg_policies WHERE schemaname = current_schema() AND tablename = ANY (%s)
"""
OF_ONE_ACCOUNT = "(account_id = ( SELECT auditlog_account() AS auditlog_account))"


def _row_security(roles: Roles) -> Iterator[Step]:
    made = {(table, name): tuple(rest) for table, name, *rest in _rows(POLICIES, list(FENCED))}
    wanted = dict(_policies(roles))
    for table, name in sorted(made.keys() - wanted.keys()):
        yield Step(f"{table} has a policy {name} of somebody's", f"DROP POLICY {_name(name)} ON {table}")
    for (table, name), (who, command, using, check) in wanted.items():
        if made.get((table, name)) == ("PERMISSIVE", [who], command, using, check):
            continue
        parts = [f"USING ({using})"] * bool(using) + [f"WITH CHECK ({check})"] * bool(check)
        create = f"CREATE POLICY {name} ON {table} FOR {command} TO {_name(who)} {' '.join(parts)}"
        yield Step(f"{table} has no policy {name} for {who}", f"DROP POLICY IF EXISTS {name} ON {table}; {create}")
    for (table,) in _rows(
        "SELECT relname FROM pg_class WHERE oid = ANY (%s::regclass[]) AND NOT relrowsecurity ORDER BY 1", list(FENCED)
    ):
        yield Step(f"{table} has no row-level security", f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def _policies(roles: Roles) -> Iterator[tuple[tuple[str, str], tuple[str, str, str, str]]]:
    """Yield table and name of each policy, with its role, command, and conditions as PostgreSQL prints them."""
    for table, (fenced, others) in FENCED.items():
        yield (table, "one_account"), (roles[Part(fenced)], "SELECT", OF_ONE_ACCOUNT, "")
        for part in others:
            yield (table, f"all_for_{part}"), (roles[Part(part)], "ALL", "true", "true")
    # A refusal belongs into the log of the account that it concerns, whoever was refused.
    yield ("auditlog_entry", "any_is_recorded"), (roles[Part.APP], "INSERT", "", "true")


LEAKS = "SELECT proleakproof FROM pg_proc WHERE oid = %s::regprocedure"


def _leakproof() -> Iterator[Step]:
    """Without it the fence would have to be passed before an index is asked: a look for one thing reads all entries."""
    for function in LEAKPROOF:
        [(leakproof,)] = _rows(LEAKS, f"pg_catalog.{function}")
        if not leakproof:
            yield Step(f"{function} is not marked leakproof", f"ALTER FUNCTION pg_catalog.{function} LEAKPROOF")


ANYTHING = """
SELECT current_user FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls OR EXISTS (
    SELECT FROM pg_class WHERE oid = 'auditlog_entry'::regclass AND pg_has_role(current_user, relowner, 'MEMBER')
))
"""


def may_do_anything() -> str:
    """Return the role of this process when nothing holds it back; "" for one that is fenced."""
    return "".join(role for (role,) in _rows(ANYTHING))


def _rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _name(identifier: str) -> str:
    """Return an identifier as SQL has it, quoted where it must be: as PostgreSQL prints it, too."""
    plain = identifier.isidentifier() and identifier == identifier.lower()
    return identifier if plain else connection.ops.quote_name(identifier)
