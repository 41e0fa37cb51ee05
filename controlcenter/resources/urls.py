from django.urls import path

from . import views

urlpatterns = [
    path("@<slug:account_slug>/apps/", views.apps, name="apps"),
    path("@<slug:account_slug>/apps/new/", views.app_create, name="app-create"),
    path("@<slug:account_slug>/apps/<slug:app_slug>/edit/", views.app_edit, name="app-edit"),
    path("@<slug:account_slug>/apps/<slug:app_slug>/duplicate/", views.app_duplicate, name="app-duplicate"),
    path("@<slug:account_slug>/apps/<slug:app_slug>/delete/", views.app_delete, name="app-delete"),
]
