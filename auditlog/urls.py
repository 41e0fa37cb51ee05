from django.urls import path

from . import entry_pages, exporting, live, sign_ins, view_pages, views
from .sealing import health, pages

urlpatterns = [
    path("health/", health.health, name="health"),
    path("health/log/", health.log_health, name="health-log"),
    path("you/sign-ins/", sign_ins.sign_ins, name="you-sign-ins"),
    path("@<slug:account_slug>/", views.overview, name="overview"),
    path("@<slug:account_slug>/teams-and-logs/", views.logs, name="logs"),
    path("@<slug:account_slug>/teams-and-logs/suggestions/", views.suggestions, name="log-suggestions"),
    path("@<slug:account_slug>/teams-and-logs/results/", views.results, name="log-results"),
    path("@<slug:account_slug>/teams-and-logs/histogram/", views.histogram, name="log-histogram"),
    path("@<slug:account_slug>/teams-and-logs/newer/", live.newer, name="log-newer"),
    path("@<slug:account_slug>/teams-and-logs/display/", views.display, name="log-display"),
    path("@<slug:account_slug>/teams-and-logs/views/", view_pages.views, name="log-views"),
    path("@<slug:account_slug>/teams-and-logs/views/new/", view_pages.view_create, name="log-view-create"),
    path("@<slug:account_slug>/teams-and-logs/views/<slug:view_slug>/", view_pages.view, name="log-view"),
    path(
        "@<slug:account_slug>/teams-and-logs/views/<slug:view_slug>/edit/", view_pages.view_edit, name="log-view-edit"
    ),
    path(
        "@<slug:account_slug>/teams-and-logs/views/<slug:view_slug>/replace/",
        view_pages.view_replace,
        name="log-view-replace",
    ),
    path(
        "@<slug:account_slug>/teams-and-logs/views/<slug:view_slug>/delete/",
        view_pages.view_delete,
        name="log-view-delete",
    ),
    path("@<slug:account_slug>/teams-and-logs/integrity/", pages.integrity, name="log-integrity"),
    path("@<slug:account_slug>/teams-and-logs/integrity/check/", pages.check, name="log-integrity-check"),
    path(
        "@<slug:account_slug>/teams-and-logs/integrity/<slug:part>.json",
        pages.document,
        name="log-integrity-document",
    ),
    path("@<slug:account_slug>/teams-and-logs/copy/", exporting.copy, name="log-copy"),
    path("@<slug:account_slug>/teams-and-logs/export/", exporting.export, name="log-export"),
    path(
        "@<slug:account_slug>/teams-and-logs/exports/<slug:export_id>/manifest.json",
        exporting.manifest,
        name="log-manifest",
    ),
    path("@<slug:account_slug>/teams-and-logs/entries/<uuid:entry_id>/", entry_pages.entry, name="log-entry"),
    path(
        "@<slug:account_slug>/teams-and-logs/entries/<uuid:entry_id>/compare/",
        entry_pages.compare_with,
        name="log-compare-with",
    ),
    path(
        "@<slug:account_slug>/teams-and-logs/entries/<uuid:entry_id>/compare/<uuid:other_id>/",
        entry_pages.compare_two,
        name="log-compare",
    ),
]
