from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account, Member, Token, User
from accounts.tokens import TokenScope


class Command(BaseCommand):
    help = "Issue an API token and print its secret, alone; it can't be had again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="whose token it is")
        parser.add_argument("--account", required=True, metavar="SLUG", help="the account it is for")
        parser.add_argument("--scope", required=True, action="append", help=f"one of {', '.join(TokenScope.values)}")
        parser.add_argument("--name", default="command line", help="what the log calls it (default: %(default)s)")

    def handle(self, *args: Any, email: str, account: str, scope: list[str], name: str, **options: Any) -> None:
        member = member_named(email, account)
        if unknown := [given for given in scope if given not in TokenScope.values]:
            raise CommandError(f"--scope {unknown[0]!r} is unknown: choose from {', '.join(TokenScope.values)}.")
        try:
            _, secret = Token.issue(member.user, member.account, name[:120], sorted(set(scope)))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(secret)


def member_named(email: str, slug: str) -> Member:
    """Return the membership of a user in an account, both as they were typed."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise CommandError(f"Nobody has the e-mail address {email!r}.")
    account = Account.objects.filter(slug=slug).first()
    if account is None:
        raise CommandError(f"--account {slug!r}: there is no such account.")
    member = Member.objects.filter(user=user, account=account).select_related("user", "account").first()
    if member is None:
        raise CommandError(f"{email} is not a member of {slug}: add them first, or choose another account.")
    return member
