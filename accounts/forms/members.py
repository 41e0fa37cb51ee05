"""Forms about members."""

from accounts.models import Member

from .base import EditForm


class MemberRoleForm(EditForm):
    """Another role for a member."""

    versioned = ("role",)

    class Meta:
        model = Member
        fields = ("role",)
