"""All addresses. Error pages are here, too."""

from django.contrib import admin
from django.urls import include, path

from auditlog import support_pages
from auditlog.sealing.health import figures

from . import api_docs
from .families import api

urlpatterns = [
    path("v2/openapi.json", api_docs.openapi_json, name="openapi"),
    path("v2/docs", api_docs.docs, name="api-docs"),
    path("v2/", api.urls),
    path("admin/support/", admin.site.admin_view(support_pages.accesses), name="support"),
    path("admin/support/<int:account_id>/end/", admin.site.admin_view(support_pages.end_access), name="support-end"),
    path("admin/support/<str:account_key>/", admin.site.admin_view(support_pages.open_access), name="support-open"),
    path("admin/auditlog/health/", figures, name="log-health"),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("controlcenter.resources.urls")),
    path("", include("auditlog.urls")),
]

handler400 = "controlcenter.errors.bad_request"
handler403 = "controlcenter.errors.permission_denied"
handler404 = "controlcenter.errors.not_found"
handler500 = "controlcenter.errors.server_error"
