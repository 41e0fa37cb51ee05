from django.urls import path

from . import sign_ins, views

urlpatterns = [
    path("you/sign-ins/", sign_ins.sign_ins, name="you-sign-ins"),
    path("@<slug:account_slug>/", views.overview, name="overview"),
    path("@<slug:account_slug>/teams-and-logs/", views.logs, name="logs"),
    path("@<slug:account_slug>/teams-and-logs/results/", views.results, name="log-results"),
    path("@<slug:account_slug>/teams-and-logs/entries/<uuid:entry_id>/", views.entry, name="log-entry"),
]
