from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.erasing import erase
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
        if not yes and input(f"This can't be undone. Type {person.email} again to erase {person}: ") != person.email:
            raise CommandError("Nobody was erased: what was typed is another address.")
        account_id = person.home_id or Account.PLATFORM_ID
        try:
            with because(reason), attempting(Operation.USER_ERASE, account_id=account_id, target=person):
                erase(person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"The person is erased. They are {person.slug} now; the log says so.")
