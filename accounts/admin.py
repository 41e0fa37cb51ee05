"""Accounts and who is in them, for support staff."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from controlcenter.admin import RecordedAdmin, refuse_if_turned_down
from controlcenter.context import together
from controlcenter.operations import Operation

from .erasing import erase
from .forms.base import ConfirmForm, sentence_of, without_credential
from .models import Account, Invitation, Member, Plan, SecondFactor, Team, TeamMember, Token, User

admin.site.unregister(Group)  # Roles are the table in roles.py.


@admin.register(Plan)
class PlanAdmin(RecordedAdmin):
    """What customers can buy."""

    creates, updates, deletes = Operation.PLAN_CREATE, Operation.PLAN_UPDATE, Operation.PLAN_DELETE
    belongs_to = None

    list_display = ("name", "slug", "audit_log", "retention_days", "max_apps", "rank")
    search_fields = ("slug", "name")


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """An account, whose legal hold has a reason that everybody reads who may export the log."""

    def clean_hold_reason(self) -> str:
        """Refuse what looks like a credential."""
        reason: str = self.cleaned_data["hold_reason"]
        return without_credential(reason) if "hold_reason" in self.changed_data else reason


@admin.register(Account)
class AccountAdmin(RecordedAdmin):
    """Customers, their plans, and the account of the platform itself."""

    creates = Operation.ORGANIZATION_CREATE
    updates = Operation.ORGANIZATION_UPDATE
    deletes = Operation.ORGANIZATION_DELETE
    belongs_to = ""
    fixed = ("kind",)

    form = AccountForm
    list_display = ("name", "slug", "kind", "plan", "created_at")
    list_filter = ("kind", "plan")
    readonly_fields = ("held_at", "held_by")
    list_select_related = ("plan",)
    search_fields = ("slug", "name")
    ordering = ("slug",)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """There is one platform, and it exists already."""
        if request.resolver_match and "object_id" not in request.resolver_match.kwargs:
            options["choices"] = [kind for kind in Account.Kind.choices if kind[0] != Account.Kind.PLATFORM]
        return super().formfield_for_choice_field(db_field, request, **options)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """The platform's own account stays."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.pk != Account.PLATFORM_ID)

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Save; a reason puts the log on legal hold, and none releases it."""
        if "hold_reason" in form.changed_data:
            held = obj.hold_reason != ""
            obj.held_at = (obj.held_at or timezone.now()) if held else None
            obj.held_by = request.user if held and isinstance(request.user, User) else None
        super().save_model(request, obj, form, change)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """An account on legal hold stands against its own deletion: the hold would go with it."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking, [*protected, *(f"{each}: on legal hold" for each in objs if each.is_on_hold)]

    def updating_operation(self, request: HttpRequest, target: Account | None) -> Operation:
        """Another plan is an operation of its own, and so is a legal hold."""
        reason = request.POST.get("hold_reason", "").strip()
        if target and reason != target.hold_reason:
            return Operation.LOG_HOLD if reason else Operation.LOG_RELEASE
        if target and request.POST.get("plan") != str(target.plan_id):
            return Operation.ORGANIZATION_PLAN_CHANGE
        return self.updates


class LowerCaseEmail(forms.ModelForm):  # type: ignore[type-arg]
    """E-mail addresses are kept, and compared, in lower case."""

    def clean_email(self) -> str:
        """Return the address as it is stored."""
        email: str = self.cleaned_data["email"].lower()
        return email


class NewUserForm(LowerCaseEmail, AdminUserCreationForm):
    """A user with a password that is stored hashed, or without one."""

    class Meta:
        model = User
        fields = ("email", "slug", "first_name", "last_name", "home", "is_staff")


class UserForm(LowerCaseEmail, UserChangeForm):  # type: ignore[type-arg]
    """A user whose password can be replaced on a page of its own, but not seen."""

    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007  (the admin's fieldsets say which)


@admin.register(User)
class UserAdmin(RecordedAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """People, support staff among them."""

    creates, updates, deletes = Operation.USER_CREATE, Operation.USER_UPDATE, Operation.USER_DELETE
    belongs_to = "home"
    named_by = "slug"
    fixed = ("home",)  # Where a person's history lies does not wander.

    form = UserForm
    add_form = NewUserForm
    list_display = ("slug", "first_name", "last_name", "home", "is_active", "is_staff")
    list_filter = ("is_staff", "is_active")
    list_select_related = ("home",)
    search_fields = ("=email", "slug", "first_name", "last_name")
    ordering = ("slug",)
    filter_horizontal = ()
    autocomplete_fields = ("home",)
    readonly_fields = ("last_login", "created_at")
    _naming = ("email", "slug", "first_name", "last_name", "home")
    fieldsets = (
        (None, {"fields": (*_naming, "password")}),
        ("May sign in", {"fields": ("is_active", "is_staff", "last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": (*_naming, "is_staff", "usable_password", "password1", "password2")}),)

    @method_decorator(sensitive_post_parameters())
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show or save the form of a new user, without the transaction that Django's user admin puts around it."""
        return self.changeform_view(request, None, form_url, extra_context)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Who was erased stays so."""
        return super().has_change_permission(request, obj) and (obj is None or obj.erased_at is None)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who was erased has no password, and gets none."""
        fieldsets = super().get_fieldsets(request, obj)
        return ((None, {"fields": self._naming}), *fieldsets[1:]) if obj and obj.erased_at else fieldsets

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody is deleted, but erased: without a row nothing would say any more whose names the log keeps."""
        return False

    def opens(self, request: HttpRequest, target: User) -> Iterable[int]:
        """Who has another address for somebody to sign in with may get in wherever they do."""
        email = request.POST.get("email", target.email).strip().lower()
        return _accounts_of(target) if email != target.email else ()

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses, and the one to erase somebody at."""
        erasing = self.admin_site.admin_view(self.erase_view)
        return [path("<path:object_id>/erase/", erasing, name="accounts_user_erase"), *super().get_urls()]

    def erase_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for, or carry out, the erasing of a person."""
        if request.method != "POST":
            with self.access_to(request, object_id):
                person = get_object_or_404(User, pk=unquote(object_id))
                return self._erase_page(request, person, ConfirmForm(typed=person.slug, label="User ID"))
        with self.attempt_with_access(request, Operation.USER_ERASE, object_id) as attempt:
            person = self._find(request, object_id)
            form = ConfirmForm(request.POST, typed=person.slug, label="User ID")
            try:
                if form.is_valid():
                    erase(person)
                    self.message_user(request, "The person is erased.", messages.SUCCESS)
                    return redirect("admin:accounts_user_changelist")
            except ValidationError as error:
                form.add_error(None, error)
            attempt.refuse(next(iter(form.errors.as_data().values()))[0].code or "invalid", sentence_of(form))
            return self._erase_page(request, self._find(request, object_id), form)

    def _erase_page(self, request: HttpRequest, person: User, form: ConfirmForm) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "original": person, "form": form}
        return TemplateResponse(
            request, "admin/accounts/user/erase.html", {**context, "title": "Erase a person", "typed": person.slug}
        )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Set somebody's password, which opens all accounts that they are a member of."""
        if request.method != "POST":
            with self.access_to(request, id):
                self.require_access(request, _accounts_of(self._find(request, id)))
                return super().user_change_password(request, id, form_url)
        with self.attempt_with_access(request, Operation.USER_PASSWORD_CHANGE, id) as attempt:
            self.require_access(request, _accounts_of(self._find(request, id)))
            response = super().user_change_password(request, id, form_url)
            refuse_if_turned_down(attempt, response)
        return response


def _accounts_of(person: User | None) -> Iterable[int]:
    return person.memberships.values_list("account_id", flat=True) if person else ()


@admin.register(SecondFactor)
class SecondFactorAdmin(RecordedAdmin):
    """Second factors: one that is lost is deleted here, and its person sets up another. They can't be made or read."""

    creates, updates = Operation.USER_SECOND_FACTOR_ADD, Operation.USER_UPDATE
    deletes = Operation.USER_SECOND_FACTOR_REMOVE
    belongs_to = "user.home"
    named_by = ""

    fields = ("user", "created_at", "codes_left")
    list_display = ("user", "created_at", "codes_left")
    list_select_related = ("user",)
    search_fields = ("=user__email", "user__slug")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only who has the device can show that."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: SecondFactor | None = None) -> bool:
        """Nothing to edit."""
        return False

    def opens(self, request: HttpRequest, target: SecondFactor) -> Iterable[int]:
        """Without it the password alone opens all accounts that the person is a member of."""
        return _accounts_of(target.user)


@admin.register(Member)
class MemberAdmin(RecordedAdmin):
    """Who belongs to which account."""

    creates = Operation.ORGANIZATION_MEMBER_ADD
    updates = Operation.ORGANIZATION_MEMBER_CHANGE
    deletes = Operation.ORGANIZATION_MEMBER_REMOVE
    named_by = "user"
    fixed = ("account", "user")

    list_display = ("user", "account", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "account")
    search_fields = ("=user__email", "user__slug", "account__slug", "account__name")
    autocomplete_fields = ("account", "user")


@admin.register(Invitation)
class InvitationAdmin(RecordedAdmin):
    """Who was asked to join; the state says what came of it."""

    creates = updates = Operation.ORGANIZATION_MEMBER_INVITATION_CREATE
    deletes = Operation.ORGANIZATION_MEMBER_INVITATION_CANCEL
    named_by = ""
    fixed = ("account",)

    list_display = ("masked_email", "account", "role", "state", "expires_at")
    list_filter = ("state", "role")
    list_select_related = ("account",)
    search_fields = ("=email", "account__slug", "account__name")
    autocomplete_fields = ("account",)
    readonly_fields = ("invited_by",)

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """Save; who creates it is who invites."""
        if not change and isinstance(request.user, User):
            obj.invited_by = request.user
        super().save_model(request, obj, form, change)


@admin.register(Team)
class TeamAdmin(RecordedAdmin):
    """Teams; who and what is in them are lists of their own."""

    creates = Operation.ORGANIZATION_TEAM_CREATE
    updates = Operation.ORGANIZATION_TEAM_UPDATE
    deletes = Operation.ORGANIZATION_TEAM_DELETE
    fixed = ("account",)

    list_display = ("name", "slug", "account", "created_at")
    list_select_related = ("account",)
    search_fields = ("slug", "name", "account__slug", "account__name")
    autocomplete_fields = ("account",)


class TeamMemberForm(forms.ModelForm):  # type: ignore[type-arg]
    """Team and member of one account."""

    def clean(self) -> dict[str, Any]:
        """Refuse somebody else's member."""
        cleaned = super().clean() or {}
        team, member = cleaned.get("team"), cleaned.get("member")
        if team and member and team.account_id != member.account_id:
            raise ValidationError("The team and the member belong to different accounts.")
        return cleaned


@admin.register(TeamMember)
class TeamMemberAdmin(RecordedAdmin):
    """Who is in which team."""

    creates = Operation.ORGANIZATION_TEAM_MEMBER_ADD
    updates = Operation.ORGANIZATION_TEAM_UPDATE
    deletes = Operation.ORGANIZATION_TEAM_MEMBER_REMOVE
    belongs_to = "team.account"
    named_by = ""
    fixed = ("team", "member")

    form = TeamMemberForm
    list_display = ("member", "team")
    list_select_related = ("member__user", "member__account", "team")
    search_fields = ("team__slug", "=member__user__email", "team__account__slug")
    autocomplete_fields = ("team", "member")


@admin.register(Token)
class TokenAdmin(RecordedAdmin):
    """API tokens: they can be ended, neither made nor read."""

    creates, updates = Operation.USER_TOKEN_CREATE, Operation.USER_TOKEN_UPDATE
    deletes = Operation.USER_TOKEN_REVOKE
    operation_of_action: ClassVar[dict[str, Operation]] = {"revoke": Operation.USER_TOKEN_REVOKE}

    actions = ("revoke",)
    fields = ("name", "slug", "account", "user", "scopes", "created_at", "last_used_at", "revoked_at")
    list_display = ("name", "slug", "user", "account", "last_used_at", "revoked_at")
    list_select_related = ("user", "account")
    search_fields = ("slug", "name", "=user__email", "account__slug")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A token is shown once, to its user: not here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Token | None = None) -> bool:
        """Nothing to edit."""
        return False

    @admin.action(description="Revoke selected tokens", permissions=["delete"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[Token]) -> None:
        """End the use of the tokens at once."""
        active = tokens.filter(revoked_at=None)
        with together():
            for token in active:
                token.revoke()
        self.message_user(request, f"Revoked: {len(active)}.")
