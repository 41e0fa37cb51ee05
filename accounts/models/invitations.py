"""Addresses asked to join an organization."""

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.roles import Role
from controlcenter.context import SYSTEM, acting_as, current
from controlcenter.masking import masked
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .accounts import Account
from .members import Member, roles_like
from .users import User


class NotInvited(ValidationError):  # noqa: N818
    """Addresses that can't be invited. Who asked is told which; the log only how many, as they are nobody's here."""

    def __init__(self, errors: list[ValidationError], count: int) -> None:
        super().__init__({"emails": errors})
        self.code = errors[0].code
        told = f"{len(errors)} of {count} addresses can't be invited."
        self.sentence = errors[0].message if self.code in {"required", "limit_reached"} else told


class InvitationQuerySet(TrackedQuerySet["Invitation"]):
    def for_account(self, account: Account) -> Self:
        """Invitations to one account."""
        return self.filter(account=account)

    def pending(self) -> Self:
        """Those without an answer; time may have passed over them."""
        return self.filter(state=Invitation.State.PENDING)

    def open(self) -> Self:
        """Those that can be resent or cancelled."""
        return self.filter(state__in=Invitation.OPEN)

    def matching(self, text: str) -> Self:
        """Invitations with the text in their address or role; all of them for no text."""
        return self.filter(Q(email__icontains=text) | Q(role__in=roles_like(text)))

    def expire_overdue(self) -> None:
        """Let time do its work, so that whoever looks at invitations finds them as they are. Nobody does this."""
        with acting_as(SYSTEM):
            self.pending().filter(expires_at__lte=timezone.now()).update(state=Invitation.State.EXPIRED)


InvitationManager = models.Manager.from_queryset(InvitationQuerySet)


class Invitation(TrackedModel):
    """An e-mail address asked to join an organization."""

    VALID_FOR: ClassVar[timedelta] = timedelta(days=14)
    MOST_AT_ONCE: ClassVar[int] = 50

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Expired"

    account = models.ForeignKey(Account, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=24, choices=Role)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    OPEN: ClassVar[tuple[State, ...]] = (State.PENDING, State.EXPIRED)

    objects: ClassVar[InvitationManager["Invitation"]] = InvitationManager()

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(
                "account", Lower("email"), condition=Q(state="pending"), name="invitation_once_while_pending"
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} to {self.account}"

    @property
    def masked_email(self) -> str:
        """The address as it may stand in an entry, which outlives the right to know whose it is."""
        local, _, domain = self.email.partition("@")
        return f"{local[:1]}…@{domain}"

    @property
    def is_expired(self) -> bool:
        """Whether its time has passed without an answer, recorded already or not."""
        overdue = self.state == self.State.PENDING and self.expires_at <= timezone.now()
        return overdue or self.state == self.State.EXPIRED

    @classmethod
    def invite_all(cls, account: Account, emails: Iterable[str], role: Role, by: User) -> "list[Invitation]":
        """Invite all addresses or, when something stands against one, none. Return the invitations.

        Raises:
            NotInvited: with a sentence for each address that can't be; ``limit_reached`` for too many at once.
            ValidationError: ``personal_account`` for an account that has one member only.
        """
        asked = list(dict.fromkeys(email.strip().lower() for email in emails if email.strip()))
        with transaction.atomic():
            account.hold()
            account.require_organization()
            cls.objects.for_account(account).expire_overdue()
            if errors := cls._errors_of(account, asked):
                raise NotInvited(errors, len(asked))
            expires_at = timezone.now() + cls.VALID_FOR
            return cls.objects.bulk_create(
                cls(account=account, email=email, role=role, invited_by=by, expires_at=expires_at) for email in asked
            )

    @classmethod
    def _errors_of(cls, account: Account, emails: list[str]) -> list[ValidationError]:
        if not emails:
            return [ValidationError("Type at least one e-mail address.", code="required")]
        if len(emails) > cls.MOST_AT_ONCE:
            too_many = f"These are {len(emails)} addresses. Invite up to {cls.MOST_AT_ONCE} at once."
            return [ValidationError(too_many, code="limit_reached")]
        known = [email for email in emails if _is_address(email)]
        members = Member.objects.filter(account=account, user__email__in=known).values_list("user__email", flat=True)
        pending = cls.objects.for_account(account).pending().annotate(address=Lower("email"))
        invited = pending.filter(address__in=known).values_list("address", flat=True)
        against = (
            ({*emails} - {*known}, "is not an e-mail address.", "invalid"),
            ({*members}, "is a member already.", "conflict"),
            ({*invited}, "is invited already. Resend or cancel that invitation.", "conflict"),
        )
        return [
            ValidationError(f"{masked(email)} {why}", code=code)
            for email in emails
            for those, why, code in against
            if email in those
        ]

    def resend(self) -> None:
        """Make the invitation valid for its whole time again; links sent before lead nowhere any more.

        Raises:
            ValidationError: ``answered`` when it has been; ``conflict`` when the address is a member, or invited anew.
        """
        with transaction.atomic():
            self._hold_in(*self.OPEN)
            if self.account.members.filter(user__email=self.email.lower()).exists():
                raise ValidationError(f"{self.email} is a member already. Cancel the invitation.", code="conflict")
            others = self.account.invitations.pending().exclude(pk=self.pk)
            if others.filter(email__iexact=self.email).exists():
                raise ValidationError(f"{self.email} has a newer invitation. Cancel this one.", code="conflict")
            self.state, self.expires_at = self.State.PENDING, timezone.now() + self.VALID_FOR
            self.save(update_fields=["state", "expires_at"])

    def cancel(self) -> None:
        """Take the invitation back; its link leads nowhere any more. Raises ``answered`` when it has been."""
        self._answer(self.State.CANCELLED, *self.OPEN)

    def decline(self) -> None:
        """Turn the invitation down. Raises ``expired``, and ``answered`` when it has been."""
        self._answer(self.State.DECLINED, self.State.PENDING)

    def accept(self, user: User) -> Member:
        """Make the user a member, and return the membership.

        Raises:
            ValidationError: as ``decline``; ``other_address`` for somebody else; ``conflict`` for a member.
        """
        with transaction.atomic():
            self._hold_in(self.State.PENDING)
            self.refuse_others(user)
            if self.account.members.filter(user=user).exists():
                raise ValidationError(f"You are a member of {self.account} already.", code="conflict")
            self._answer(self.State.ACCEPTED, self.State.PENDING)
            return self.account.admit(user, Role(self.role))

    def accept_anew(self, password: str, **naming: str) -> Member:
        """Create a user with the address, who accepts; return the membership. Raises as ``decline``."""
        with transaction.atomic():
            self._hold_in(self.State.PENDING)
            user = User.objects.create_user(self.email, password, home=self.account, **naming)
            with acting_as(user.as_actor(), current().where):
                return self.accept(user)

    def refuse_others(self, user: User) -> None:
        """Raise ``other_address`` unless it is the user who is invited."""
        if user.email != self.email.lower():
            raise ValidationError("The invitation is for another e-mail address.", code="other_address")

    def _answer(self, state: State, *before: State) -> None:
        with transaction.atomic():
            self._hold_in(*before)
            self.state = state
            self.save(update_fields=["state"])

    def _hold_in(self, *states: State) -> None:
        """Hold the invitation as it is now until the transaction ends; refuse it in any other state."""
        self.hold()
        if self.is_expired and self.State.EXPIRED not in states:
            raise ValidationError("The invitation has expired. Ask for a new one.", code="expired")
        if self.state not in states:
            raise ValidationError(f"The invitation was {self.state} already.", code="answered")


def _is_address(email: str) -> bool:
    try:
        models.EmailField().run_validators(email)
    except ValidationError:
        return False
    return True
