"""What models, workflows and modules differ in; all else their pages have in common."""

from dataclasses import dataclass
from typing import Any

from django.forms import BaseForm
from django.urls import reverse

from accounts.pages import Crumb
from controlcenter.operations import Operation as Op
from controlcenter.resources.forms import parts as forms
from controlcenter.resources.models import App, Model, Module, Workflow

from .apps import app_crumbs


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of thing that an app holds: its rows, its forms, and the operations on it and on its versions."""

    name: str
    icon: str
    about: str
    model: Any
    form: type[BaseForm]
    edit_form: type[BaseForm]
    version_form: type[BaseForm]
    version_edit_form: type[BaseForm]
    create: Op
    update: Op
    delete: Op
    version_create: Op
    version_update: Op
    version_delete: Op
    publish: Op | None = None
    unpublish: Op | None = None

    @property
    def plural(self) -> str:
        """Its name for several, which is the name of its tab, too."""
        return f"{self.name}s"

    @property
    def tab(self) -> str:
        """The name of the page that lists those of one app."""
        return "app" if self.model is Model else f"app-{self.plural}"

    @property
    def version(self) -> Any:
        """The model of its versions."""
        return self.model._meta.get_field("versions").related_model

    @property
    def trains(self) -> bool:
        """Whether its versions come from training."""
        return self.model is Model

    def crumbs(self, app: App, part: Any = None, version: Any = None) -> list[Crumb]:
        """Return the way to those of an app, to one of them, or to one of its versions."""
        crumbs = [*app_crumbs(app)[:1], (app.name, reverse(self.tab, args=[app.account.slug, app.slug]))]
        if part:
            crumbs.append((part.name, self.address(part)))
        if version:
            crumbs.append((version.slug, self.version_address(part, version)))
        return crumbs

    def address(self, part: Any) -> str:
        """Return the address of one."""
        return reverse(self.name, args=[part.app.account.slug, part.app.slug, part.slug])

    def version_address(self, part: Any, version: Any) -> str:
        """Return the address of a version of one."""
        return reverse(f"{self.name}-version", args=[part.app.account.slug, part.app.slug, part.slug, version.slug])


MODEL = Kind(
    "model",
    "layers",
    "A model learns from data. Create one, then train or upload its first version.",
    Model,
    forms.ModelForm,
    forms.ModelEditForm,
    forms.ModelVersionForm,
    forms.ModelVersionEditForm,
    Op.MODEL_CREATE,
    Op.MODEL_UPDATE,
    Op.MODEL_DELETE,
    Op.MODEL_VERSION_CREATE,
    Op.MODEL_VERSION_UPDATE,
    Op.MODEL_VERSION_DELETE,
    Op.MODEL_VERSION_PUBLISH,
    Op.MODEL_VERSION_UNPUBLISH,
)
WORKFLOW = Kind(
    "workflow",
    "link",
    "A workflow connects models. Create one, then its first version with the nodes.",
    Workflow,
    forms.WorkflowForm,
    forms.WorkflowEditForm,
    forms.WorkflowVersionForm,
    forms.WorkflowVersionEditForm,
    Op.WORKFLOW_CREATE,
    Op.WORKFLOW_UPDATE,
    Op.WORKFLOW_DELETE,
    Op.WORKFLOW_VERSION_CREATE,
    Op.WORKFLOW_VERSION_UPDATE,
    Op.WORKFLOW_VERSION_DELETE,
    Op.WORKFLOW_VERSION_PUBLISH,
    Op.WORKFLOW_VERSION_UNPUBLISH,
)
MODULE = Kind(
    "module",
    "braces",
    "A module is a user interface on top of the app. Create one, then its first version from a commit.",
    Module,
    forms.ModuleForm,
    forms.ModuleEditForm,
    forms.ModuleVersionForm,
    forms.ModuleVersionEditForm,
    Op.MODULE_CREATE,
    Op.MODULE_UPDATE,
    Op.MODULE_DELETE,
    Op.MODULE_VERSION_CREATE,
    Op.MODULE_VERSION_UPDATE,
    Op.MODULE_VERSION_DELETE,
)
KINDS = (MODEL, WORKFLOW, MODULE)
