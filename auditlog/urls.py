from django.urls import path

from . import views

urlpatterns = [
    path("@<slug:account_slug>/teams-and-logs/", views.logs, name="logs"),
    path("@<slug:account_slug>/teams-and-logs/results/", views.results, name="log-results"),
    path("@<slug:account_slug>/teams-and-logs/entries/<uuid:entry_id>/", views.entry, name="log-entry"),
]
