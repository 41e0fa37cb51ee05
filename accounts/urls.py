from django.urls import path

from .views import invitations, members, organization, signing_in, tokens, you

urlpatterns = [
    path("", signing_in.home, name="home"),
    path("sign-in/", signing_in.sign_in, name="sign-in"),
    path("sign-out/", signing_in.sign_out, name="sign-out"),
    path("preferences/", signing_in.preferences, name="preferences"),
    path("you/", you.profile, name="you"),
    path("you/password/", you.password, name="you-password"),
    path("@<slug:account_slug>/tokens/", tokens.tokens, name="tokens"),
    path("@<slug:account_slug>/tokens/new/", tokens.token_create, name="token-create"),
    path("@<slug:account_slug>/tokens/<slug:token_slug>/edit/", tokens.token_edit, name="token-edit"),
    path("@<slug:account_slug>/tokens/<slug:token_slug>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
    path("organizations/new/", organization.organization_create, name="organization-create"),
    path("@<slug:account_slug>/members/", members.members, name="members"),
    path("@<slug:account_slug>/invitations/", invitations.invitations, name="invitations"),
    path("@<slug:account_slug>/invitations/new/", invitations.invitation_create, name="invitation-create"),
    path(
        "@<slug:account_slug>/invitations/<int:invitation_id>/resend/",
        invitations.invitation_resend,
        name="invitation-resend",
    ),
    path(
        "@<slug:account_slug>/invitations/<int:invitation_id>/cancel/",
        invitations.invitation_cancel,
        name="invitation-cancel",
    ),
    path("@<slug:account_slug>/members/<slug:user_slug>/", members.member, name="member"),
    path("@<slug:account_slug>/members/<slug:user_slug>/role/", members.member_role, name="member-role"),
    path("@<slug:account_slug>/members/<slug:user_slug>/remove/", members.member_remove, name="member-remove"),
    path("@<slug:account_slug>/leave/", members.leave, name="leave"),
    path("@<slug:account_slug>/settings/", organization.settings, name="settings"),
    path("@<slug:account_slug>/settings/delete/", organization.organization_delete, name="settings-delete"),
    path("@<slug:account_slug>/plan/", organization.plan, name="plan"),
]
