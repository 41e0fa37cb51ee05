"""Organizations and the people in them: how they come, sign in, and go."""

from datetime import timedelta
from functools import cache

from django.contrib.auth.hashers import make_password

from accounts.models import Account, Invitation, Member, Plan, Team, TeamMember, User
from accounts.roles import Role
from auditlog.events import event_of_person
from auditlog.recorder import record_events
from controlcenter.operations import Operation

from . import cast
from .building import another
from .world import Step, World

INVITATION_LASTS = timedelta(days=14)


def found(organization: cast.Organization, world: World, step: Step) -> bool:
    """Create an organization."""
    plan = Plan.objects.get(slug=organization.first_plan)
    with world.doing(step, "/admin/accounts/account/add/"):
        account = Account.objects.create(slug=organization.slug, name=organization.name, plan=plan)
        world.accounts[organization.slug] = account
        world.add(account)
    return True


def change_plan(plan: str, world: World, step: Step) -> bool:
    """Move an organization to another plan."""
    account = world.account(step)
    with world.doing(step, "plan/"):
        account.plan = Plan.objects.get(slug=plan)
        account.save(update_fields=["plan"])
    return True


def sign_up(person: cast.Person, world: World, step: Step) -> bool:
    """Create a user."""
    with world.doing(step, "/sign-up/" if step.address else ""):
        _create_user(person, world)
    return True


def settle(person: cast.Person, world: World, step: Step) -> bool:
    """Create a user with a personal account."""
    plan = Plan.objects.order_by("rank")[0]
    with world.doing(step, "/sign-up/"):
        account = Account.objects.create(
            slug=person.slug, name=f"{person.first_name} {person.last_name}", kind=Account.Kind.PERSONAL, plan=plan
        )
        world.accounts[person.organization] = account
        world.add(account)
        user = _create_user(person, world)
        world.add(Member.objects.create(account=account, user=user, role=person.role))
    return True


def appoint(person: cast.Person, world: World, step: Step) -> bool:
    """Create an organization's first administrator, in the admin."""
    with world.doing(step, "/admin/accounts/user/add/"):
        user = _create_user(person, world)
    with world.doing(step, "/admin/accounts/member/add/"):
        _join(person, user, world)
    return True


def invite(email: str, role: Role, world: World, step: Step) -> bool:
    """Ask an address to join."""
    with world.doing(step, "members/invitations/") as time:
        row = Invitation.objects.create(
            account=world.account(step),
            email=email,
            role=role,
            invited_by=world.users[step.who],
            expires_at=time + INVITATION_LASTS,
        )
        world.add(row)
    return True


def accept(person: cast.Person, world: World, step: Step) -> bool:
    """Join an organization that has invited the person."""
    with world.doing(step, f"invitations/{person.slug}/accept/"):
        _end_invitation(person.email, Invitation.State.ACCEPTED, world, step)
        _join(person, world.users[person.slug], world)
    return True


def end_invitation(email: str, state: str, world: World, step: Step) -> bool:
    """Decline, cancel or let expire."""
    with world.doing(step, f"members/invitations/{state}/"):
        _end_invitation(email, state, world, step)
    return True


def leave(person: str, world: World, step: Step) -> bool:
    """Take somebody out of the organization, and with it out of its teams."""
    member = world.members.pop((step.organization, person))
    world.batch.renew()
    with world.doing(step, f"members/{person}/", "DELETE", "Left the company"):
        for team in world.parts(Team, member.account):
            for place in [place for place in world.parts(TeamMember, team) if place.member_id == member.pk]:
                world.forget(place)
        member.delete()
    return True


def marry(person: str, last_name: str, world: World, step: Step) -> bool:
    """Take another last name: older entries keep the former one."""
    user = world.users[person]
    world.batch.renew()
    with world.doing(step, "/profile/"):
        user.last_name = last_name
        user.save(update_fields=["last_name"])
    return True


def change_password(world: World, step: Step) -> bool:
    """Change a password; who can sign in to the demo keeps the printed one, under another salt."""
    user = world.users[step.who]
    with world.doing(step, "/profile/password/"):
        hashes = _demo_hashes() if user.has_usable_password() else (make_password(None),)
        user.password = another(world, hashes, user.password)
        user.save(update_fields=["password"])
    return True


@cache
def _demo_hashes() -> tuple[str, str]:
    """Return two hashes of the one password: hashing is slow on purpose."""
    return make_password(cast.DEMO_PASSWORD), make_password(cast.DEMO_PASSWORD)


def _create_user(person: cast.Person, world: World) -> User:
    user = User(
        email=person.email,
        password=_demo_hashes()[0] if person.signs_in else make_password(None),
        slug=person.slug,
        first_name=person.first_name,
        last_name=person.last_name,
        home=world.accounts.get(person.organization),
        is_staff=person == cast.STAFF,
    )
    user.save()
    world.users[person.slug] = user
    world.add(user)
    return user


def _join(person: cast.Person, user: User, world: World) -> None:
    member = Member.objects.create(account=world.accounts[person.organization], user=user, role=person.role)
    world.members[person.organization, person.slug] = member
    world.add(member)


def _end_invitation(email: str, state: str, world: World, step: Step) -> None:
    rows = world.parts(Invitation, world.account(step))
    row = next(row for row in rows if row.email == email and row.state == Invitation.State.PENDING)
    row.state = state
    row.save(update_fields=["state"])


# Signing in


def sign_in(world: World, step: Step) -> bool:
    """Sign in."""
    return _presence(Operation.USER_SIGN_IN, "/sign-in/", world, step)


def sign_out(world: World, step: Step) -> bool:
    """Sign out."""
    return _presence(Operation.USER_SIGN_OUT, "/sign-out/", world, step)


def _presence(operation: Operation, path: str, world: World, step: Step) -> bool:
    user = world.users[step.who]
    with world.doing(step, path) as time:
        record_events([event_of_person(operation, user, time)])
        if operation is Operation.USER_SIGN_IN:
            user.last_login = time
    return True
