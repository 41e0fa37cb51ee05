from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.erasing import erase, refuse
from accounts.models import Account, User
from controlcenter.context import attempting, because
from controlcenter.operations import Operation


class Command(BaseCommand):
    help = (
        "Erase a person: end what is theirs, and blank their name and e-mail address everywhere, in the log, too. "
        "Its entries stay and still verify. It can't be undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the person's e-mail address")
        parser.add_argument("--reason", default="", help="stands in the entry")
        parser.add_argument("--yes", action="store_true", help="don't ask for the e-mail address again")

    def handle(self, *args: Any, email: str, reason: str, yes: bool, **options: Any) -> None:
        person = User.objects.filter(email=email.strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody has the e-mail address {email!r}.")
        if not yes:
            _attempt(refuse, person, reason)
            _ask_again(person)
        _attempt(erase, person, reason)
        self.stdout.write(f"The person is erased. They are {person.slug} now; the log says so.")


def _ask_again(person: User) -> None:
    try:
        typed = input(f"This can't be undone. Type {person.email} again to erase {person}: ")
    except EOFError:
        raise CommandError("Nobody was erased: there is nobody to ask. Without a terminal, say --yes.") from None
    if typed != person.email:
        raise CommandError("Nobody was erased: what was typed is another address.")


def _attempt(step: Callable[[User], None], person: User, reason: str) -> None:
    account_id = person.home_id or Account.PLATFORM_ID
    try:
        with because(reason), attempting(Operation.USER_ERASE, account_id=account_id, target=person):
            step(person)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
