"""All addresses. Error pages are here, too."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("controlcenter.resources.urls")),
    path("", include("auditlog.urls")),
]

handler400 = "controlcenter.errors.bad_request"
handler403 = "controlcenter.errors.permission_denied"
handler404 = "controlcenter.errors.not_found"
handler500 = "controlcenter.errors.server_error"
