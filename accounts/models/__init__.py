"""Who there is: accounts and plans, users, members; and on these invitations, teams, tokens and what else is theirs."""

from .accounts import Account, Plan, SlugField, valid_slug
from .invitations import Invitation
from .members import Member, MemberQuerySet
from .second_factors import SecondFactor
from .submissions import Submission
from .teams import Team, TeamMember, TeamQuerySet
from .throttles import Throttle
from .tokens import Token, TokenMinute, digest_of
from .users import Theme, User, avatar_of, initials_of, people_like

__all__ = [
    "Account",
    "Invitation",
    "Member",
    "MemberQuerySet",
    "Plan",
    "SecondFactor",
    "SlugField",
    "Submission",
    "Team",
    "TeamMember",
    "TeamQuerySet",
    "Theme",
    "Throttle",
    "Token",
    "TokenMinute",
    "User",
    "avatar_of",
    "digest_of",
    "initials_of",
    "people_like",
    "valid_slug",
]
