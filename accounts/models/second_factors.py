"""Second factors: what somebody has, beside the password that they know."""

import logging
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils import timezone

from accounts import second_factor
from controlcenter.context import acting_as, current
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .users import User

log = logging.getLogger(__name__)


class SecondFactor(TrackedModel):
    """An authenticator app of a person. Its secret is encrypted and never shown again; a code counts once."""

    user = models.OneToOneField(User, models.CASCADE, related_name="second_factor")
    secret = models.CharField(max_length=255, editable=False)
    recovery_codes = ArrayField(models.CharField(max_length=64), default=list, editable=False)
    codes_left = models.PositiveSmallIntegerField("recovery codes left", default=0, editable=False)
    last_step = models.BigIntegerField(default=0, editable=False, help_text="The step of the last code that counted.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["SecondFactor"]] = models.Manager.from_queryset(TrackedQuerySet)()

    def __str__(self) -> str:
        return f"Second factor of {self.user}"

    @classmethod
    def set_up(cls, user: User, secret: bytes, step: int) -> list[str]:
        """Create a person's second factor, and return its recovery codes, which can't be had again.

        Args:
            step: the step of the code that showed that the app has the secret.
        """
        codes = second_factor.new_recovery_codes()
        digests = [second_factor.digest_of(code) for code in codes]
        cls.objects.create(
            user=user,
            secret=second_factor.seal(secret),
            recovery_codes=digests,
            codes_left=len(digests),
            last_step=step,
        )
        return codes

    def renew_codes(self) -> list[str]:
        """Put new recovery codes in place of what is left of the old ones, and return them."""
        codes = second_factor.new_recovery_codes()
        with transaction.atomic():
            self.hold()
            self._keep([second_factor.digest_of(code) for code in codes])
        return codes

    def accepts(self, typed: str) -> bool:
        """Say whether a code is right, of the app or for recovery. It is used up: it never is again."""
        code = second_factor.bare(typed)
        if len(code) == second_factor.DIGITS and code.isdecimal() and code.isascii():
            return self._accepts_of_app(code)
        return self._accepts_for_recovery(code)

    def _accepts_of_app(self, code: str) -> bool:
        try:
            step = second_factor.step_of(second_factor.unseal(self.secret), code, timezone.now())
        except second_factor.Unreadable as error:
            log.error("No code of %s can be right. %s", self.user.slug, error)
            return False
        if step is None:
            return False
        # One statement, so that of two who send the same code one is first. Bookkeeping: past the recording update().
        unused = SecondFactor._base_manager.filter(pk=self.pk, last_step__lt=step)
        return models.QuerySet.update(unused, last_step=step) == 1

    def _accepts_for_recovery(self, code: str) -> bool:
        with transaction.atomic():
            self.hold()
            used = {*self.recovery_codes} & {*second_factor.digests_of(code)}
            if used:
                with acting_as(self.user.as_actor(), current().where):
                    self._keep([digest for digest in self.recovery_codes if digest not in used])
        return bool(used)

    def _keep(self, digests: list[str]) -> None:
        self.recovery_codes, self.codes_left = digests, len(digests)
        self.save(update_fields=["recovery_codes", "codes_left"])
