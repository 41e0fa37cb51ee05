"""The pages of invitations: for who invites, and for who is invited."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps

from django import forms
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import throttles
from accounts.access import account_page, memberships_of, require
from accounts.forms.base import ReasonForm, posted
from accounts.forms.invitations import InviteForm, JoinForm
from accounts.invitations import invitation_of, mail
from accounts.models import Invitation, Member, User
from accounts.pages import Crumb, carry_out, change_page, found, one_or_404
from accounts.roles import Permission, Role, table
from controlcenter.context import acting_as, attempting, current
from controlcenter.operations import Operation

from .members import list_head, members_crumbs

FREE_FORMS = 30
"""Forms that send mails, before there are waits between them."""
PATH = "/invitations/…/"
"""Stands in entries instead of the path, which is the key to the organization for whoever reads the log."""
State = Invitation.State


@account_page()
@require_safe
def invitations(request: HttpRequest, member: Member) -> HttpResponse:
    """Who is invited and has not answered, newest first, a page at a time."""
    require(member, Permission.MANAGE_MEMBERS)
    rows = Invitation.objects.for_account(member.account)
    rows.expire_overdue()
    shown = found(request, lambda text: rows.open().matching(text).select_related("invited_by"), by="-pk")
    return render(request, "accounts/invitations.html", {"found": shown, **list_head(member, "invited")})


@account_page(attempts=Operation.ORGANIZATION_MEMBER_INVITATION_CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Invite people by their addresses, all of them or none, and send them the mails."""
    account, form = member.account, InviteForm(posted(request))
    invited: list[Invitation] = []
    _count_mails(request, member)

    def operate() -> None:
        chosen = form.cleaned_data
        invited.extend(Invitation.invite_all(account, chosen["emails"], Role(chosen["role"]), member.user))

    response = change_page(
        request,
        member,
        Permission.MANAGE_MEMBERS,
        Operation.ORGANIZATION_MEMBER_INVITATION_CREATE,
        form,
        operate,
        then=lambda: reverse("invitations", args=[account.slug]),
        said=lambda: f"{invited[0].email} is invited." if len(invited) == 1 else f"{len(invited)} people are invited.",
        heading="Invite members",
        submit="Send invitations",
        template="accounts/member_role.html",
        roles=Role,
        table=table(),
        crumbs=_crumbs(member),
        warning="Each gets a mail with a link of their own, valid for 14 days.",
    )
    _mail(request, invited)
    return response


@account_page(attempts=Operation.ORGANIZATION_MEMBER_INVITATION_CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_resend(request: HttpRequest, member: Member, invitation_id: int) -> HttpResponse:
    """Send an invitation again, for another 14 days."""
    invitation = _invitation_or_404(request, member, invitation_id)
    resent: list[Invitation] = []
    _count_mails(request, member)

    def operate() -> None:
        invitation.resend()
        resent.append(invitation)

    response = change_page(
        request,
        member,
        Permission.MANAGE_MEMBERS,
        Operation.ORGANIZATION_MEMBER_INVITATION_CREATE,
        forms.Form(posted(request)),
        operate,
        then=lambda: reverse("invitations", args=[member.account.slug]),
        said=f"{invitation.email} is invited again.",
        hold=invitation,
        target=invitation,
        heading=f"Resend the invitation of {invitation.email}",
        submit="Resend invitation",
        crumbs=_crumbs(member),
        warning="A new mail is sent, valid for 14 days. The link in the mail before stops working.",
    )
    _mail(request, resent)
    return response


@account_page(attempts=Operation.ORGANIZATION_MEMBER_INVITATION_CANCEL)
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_cancel(request: HttpRequest, member: Member, invitation_id: int) -> HttpResponse:
    """Take an invitation back."""
    invitation = _invitation_or_404(request, member, invitation_id)
    return change_page(
        request,
        member,
        Permission.MANAGE_MEMBERS,
        Operation.ORGANIZATION_MEMBER_INVITATION_CANCEL,
        ReasonForm(posted(request)),
        invitation.cancel,
        then=lambda: reverse("invitations", args=[member.account.slug]),
        said=f"The invitation of {invitation.email} is cancelled.",
        hold=invitation,
        target=invitation,
        heading=f"Cancel the invitation of {invitation.email}",
        submit="Cancel invitation",
        crumbs=_crumbs(member),
        warning="The link in the mail stops working. You can invite the address again.",
    )


def _invitation_or_404(request: HttpRequest, member: Member, invitation_id: int) -> Invitation:
    rows = Invitation.objects.for_account(member.account).filter(pk=min(invitation_id, 2**63 - 1))
    return one_or_404(request, member, rows, str(invitation_id)[:20])


def _crumbs(member: Member) -> list[Crumb]:
    return [*members_crumbs(member), ("Invited", reverse("invitations", args=[member.account.slug]))]


def _count_mails(request: HttpRequest, member: Member) -> None:
    """Count a form that sends mails: nobody's server is for flooding mailboxes. Raises ``Throttled``."""
    if request.method == "POST":
        limits = throttles.to_do("invite", member.account_id, FREE_FORMS)
        throttles.admit(limits, Operation.ORGANIZATION_MEMBER_INVITATION_CREATE, member.account_id)


def _mail(request: HttpRequest, invitations: Iterable[Invitation]) -> None:
    """Send the mails of what is committed now, and say which could not be."""
    if unsent := mail(request, invitations):
        those = ", ".join(invitation.email for invitation in unsent)
        messages.error(
            request,
            f"The mail to {those} could not be sent; the invitation is kept. "
            "Resend it from here when the mail server can be reached.",
        )


# For who is invited

Page = Callable[[HttpRequest, str], HttpResponse]


def _without_path(page: Page) -> Page:
    """Keep the link out of what is recorded."""

    @wraps(page)
    def view(request: HttpRequest, token: str) -> HttpResponse:
        with acting_as(current().actor, replace(current().where, path=PATH)):
            return page(request, token)

    return view


@sensitive_post_parameters("password")
@cache_control(no_store=True)
@require_http_methods(["GET", "HEAD", "POST"])
@_without_path
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to who has its link, and take the answer. The link alone says that the address is theirs."""
    invitation = invitation_of(token)
    if invitation is None:
        return render(request, "accounts/invitation.html", {"state": "unknown"}, status=404)
    Invitation.objects.filter(pk=invitation.pk).expire_overdue()
    if request.method != "POST":
        return _answer(request, invitation)
    operation = Operation.ORGANIZATION_MEMBER_INVITATION_ACCEPT
    tried = throttles.admit(throttles.from_here("invitation"), operation, invitation.account_id)
    response = _answer(request, invitation)
    if invitation.state != State.PENDING:
        tried.succeeded()
    return response


def _answer(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    answer = request.method == "POST" and request.POST.get("answer")
    if answer and invitation.state == (State.DECLINED if answer == "decline" else State.ACCEPTED):
        return _show(request, invitation)  # The same answer, sent twice.
    if answer == "decline":
        return _decline(request, invitation)
    if request.user.is_authenticated:
        return _accept(request, invitation, request.user)
    if User.objects.filter(email=invitation.email.lower()).exists():
        return _lead_to_sign_in(request, invitation)
    return _join(request, invitation)


def _accept(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    """Take the answer of who is signed in, or show them the question."""
    form = forms.Form(posted(request))
    operation = Operation.ORGANIZATION_MEMBER_INVITATION_ACCEPT
    with attempting(operation, account_id=invitation.account_id, target=invitation) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            lambda: invitation.accept(user),
            then=lambda: reverse("overview", args=[invitation.account.slug]),
            said=f"You are a member of {invitation.account} now.",
        ):
            return answer
    return _show(request, invitation, form)


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Take the answer of somebody who becomes a user with it, or show them the question."""
    form = JoinForm(posted(request), email=invitation.email.lower())
    operation = Operation.ORGANIZATION_MEMBER_INVITATION_ACCEPT

    def operate() -> None:
        login(request, invitation.accept_anew(**form.cleaned_data).user)

    with attempting(operation, account_id=invitation.account_id, target=invitation) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            operate,
            then=lambda: reverse("overview", args=[invitation.account.slug]),
            said=f"You are a member of {invitation.account} now.",
            hold=invitation,
        ):
            return answer
    return _show(request, invitation, form)


def _lead_to_sign_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    if request.method != "POST":
        return _show(request, invitation, signs_in=True)
    operation = Operation.ORGANIZATION_MEMBER_INVITATION_ACCEPT
    with attempting(operation, account_id=invitation.account_id, target=invitation) as attempt:
        attempt.refuse("not_signed_in", "Who is invited has a user already, and was not signed in.")
    return redirect_to_login(request.get_full_path())


def _decline(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = forms.Form(request.POST)
    operation = Operation.ORGANIZATION_MEMBER_INVITATION_DECLINE
    with attempting(operation, account_id=invitation.account_id, target=invitation) as attempt:
        try:
            if request.user.is_authenticated:
                invitation.refuse_others(request.user)
            invitation.decline()
        except ValidationError as error:
            attempt.refuse(str(error.code), str(error.message))
            form.add_error(None, error)
    return _show(request, invitation, form)


def _show(
    request: HttpRequest, invitation: Invitation, form: forms.BaseForm | None = None, *, signs_in: bool = False
) -> HttpResponse:
    """Return the page of the invitation as it is now: to answer it, or what became of it."""
    invitation.refresh_from_db(fields=["state"])
    context = {
        "invitation": invitation,
        "state": invitation.state,
        "form": form,
        "signs_in": signs_in,
        "is_other": request.user.is_authenticated and request.user.email != invitation.email.lower(),
        "is_member": any(member.account_id == invitation.account_id for member in memberships_of(request)),
    }
    gone = invitation.state != State.PENDING
    return render(
        request, "accounts/invitation.html", context, status=410 if gone else 422 if form and form.errors else 200
    )
