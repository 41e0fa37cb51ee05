from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    name = "controlcenter.resources"
    label = "resources"
