import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from auditlog.fence.hardening import Roles, Step, do, steps
from auditlog.fence.rights import Part, tables


class Command(BaseCommand):
    help = (
        "Fence the log in the database: roles of their own for the servers, the sealer and the reaper, with what each "
        "needs and no more, and one account's entries at a time. Run it as the owner after each migrate; it does only "
        "what is missing, and says what. A role's password is taken from APP_ROLE_PASSWORD, SEALER_ROLE_PASSWORD, "
        "REAPER_ROLE_PASSWORD."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        for part in Part:
            parser.add_argument(f"--{part}", default=part.default_name, metavar="ROLE", help="default: %(default)s")
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if anything is missing")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        roles = {part: options[part.value] for part in Part}
        _require_different(roles)
        try:
            list(tables())
        except LookupError as error:
            raise CommandError(str(error)) from error
        new = {role for role in roles.values() if not _exists(role)}
        missing = list(steps(roles)) if check else []
        for step in missing:
            self.stdout.write(f"{step.sentence}. Remedy: {step.sql};")
        refused = [] if check else self._carry_out(roles)
        if missing or refused:
            raise CommandError(f"{len(missing or refused)} things are not as they should be.")
        if not check:
            self._passwords(roles, new)
        self.stdout.write("The database is as it should be.")

    def _carry_out(self, roles: Roles) -> list[Step]:
        """Do what is missing; return what this role may not do."""
        refused = []
        for step in steps(roles):
            try:
                do(step)
                self.stdout.write(f"{step.sql};")
            except DatabaseError as error:
                reason = str(error).partition("\n")[0]
                self.stderr.write(f"{step.sentence}, and stays so: {reason}. A superuser has to run: {step.sql};")
                refused.append(step)
        return refused

    def _passwords(self, roles: Roles, new: set[str]) -> None:
        for part, role in roles.items():
            variable = f"{part.name}_ROLE_PASSWORD"
            if password := os.environ.get(variable, ""):
                _set_password(role, password)
                self.stdout.write(f"{role} has the password of {variable}.")
            elif role in new:
                self.stdout.write(
                    f"{role} has no password yet: run this again with {variable} in the environment, or in psql "
                    f"\\password {role} (which is ALTER ROLE {role} PASSWORD '…' without leaving it in a log)."
                )


def _require_different(roles: Roles) -> None:
    names = list(roles.values())
    if len({*names}) < len(names):
        raise CommandError(f"--app, --sealer and --reaper are {', '.join(names)}: give each a role of its own.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        [(owner,)] = cursor.fetchall()
    if owner in names:
        raise CommandError(f"You are signed in as {owner}, which is to be fenced: run this as the owner of the tables.")


def _exists(role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        return cursor.fetchone() is not None


def _set_password(role: str, password: str) -> None:
    """Set it as a digest: the password itself comes neither to the server nor into its log."""
    connection.ensure_connection()
    server = connection.connection.pgconn
    digest = server.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE {connection.ops.quote_name(role)} PASSWORD %s", [digest])
