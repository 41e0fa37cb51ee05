"""Finding who is signed in."""

from typing import Any, ClassVar

from django.contrib.auth.backends import ModelBackend

from .models import Member, User


class MembershipBackend(ModelBackend):
    """Loads a signed-in user together with their memberships, which every page needs: one query, not two."""

    along: ClassVar[tuple[str, ...]] = ("user__second_factor", "account__plan")
    """What is loaded with a membership; other apps add what is one to one with a person."""

    annotated: ClassVar[dict[str, Any]] = {}
    """What is computed with a membership; other apps add what every page of an account has to say."""

    def get_user(self, user_id: int) -> User | None:
        """Return the user with ``loaded_memberships``; None for one who may not sign in any more."""
        memberships = list(
            Member.objects.filter(user_id=user_id)
            .annotate(**self.annotated)
            .select_related(*self.along)
            .order_by("account__name", "pk")
        )
        if not memberships:
            user: User | None = User._default_manager.select_related("second_factor").filter(pk=user_id).first()
        else:
            user = memberships[0].user
            for member in memberships:
                member.user = user
            memberships.sort(key=lambda member: member.account_id != user.home_id)  # home first, the rest by name
        if user is None or not self.user_can_authenticate(user):
            return None
        user.loaded_memberships = memberships
        return user
