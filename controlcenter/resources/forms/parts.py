"""Forms about models, workflows and modules, and about their versions."""

import json
from typing import Any

from django import forms

from accounts.forms.base import SLUG_HELP, EditForm
from controlcenter.resources.models import Model, ModelVersion, Module, ModuleVersion, Workflow, WorkflowVersion

DESCRIPTION = {"description": forms.Textarea({"rows": 3})}


class PartForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create a model, a workflow or a module in an app."""

    class Meta:
        fields: tuple[str, ...] = ("name", "slug", "description")
        help_texts = {"slug": SLUG_HELP}
        widgets = DESCRIPTION

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kind = str(self._meta.model._meta.verbose_name)
        self.fields["slug"].label = f"{self.kind.capitalize()} ID"

    def clean_slug(self) -> str:
        """Refuse an id that another one of the app has."""
        slug: str = self.cleaned_data["slug"]
        if type(self.instance)._default_manager.filter(app=self.instance.app, slug=slug).exists():
            raise forms.ValidationError(
                f"A {self.kind} with the ID {slug} exists already in {self.instance.app}. Choose another.",
                code="conflict",
            )
        return slug


class ModelForm(PartForm):
    """Create a model."""

    class Meta(PartForm.Meta):
        model = Model
        fields: tuple[str, ...] = ("name", "slug", "kind", "description", "visibility")
        help_texts = {**PartForm.Meta.help_texts, "kind": "What it does, such as visual-classifier or text-embedder."}


class WorkflowForm(PartForm):
    """Create a workflow."""

    class Meta(PartForm.Meta):
        model = Workflow


class ModuleForm(PartForm):
    """Create a module."""

    class Meta(PartForm.Meta):
        model = Module


class ModelEditForm(EditForm):
    """Edit a model; its id stays."""

    class Meta(ModelForm.Meta):
        fields = ("name", "kind", "description", "visibility")


class WorkflowEditForm(EditForm):
    """Edit a workflow; its id stays."""

    class Meta(WorkflowForm.Meta):
        fields = ("name", "description")


class ModuleEditForm(EditForm):
    """Edit a module; its id stays."""

    class Meta(ModuleForm.Meta):
        fields = ("name", "description")


class NodesField(forms.JSONField):
    """JSON as a person types it. What Python's parser gives up on is invalid, too."""

    widget = forms.Textarea({"rows": 12, "spellcheck": "false", "class": "mono"})

    def to_python(self, value: Any) -> Any:
        """Return the parsed value; refuse what is nested or counted too far."""
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            if isinstance(error, forms.ValidationError):
                raise
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what was typed, as it was typed."""
        return data

    def prepare_value(self, value: Any) -> Any:
        """Return what is stored, laid out for reading; or what was typed."""
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


class ModelVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Add a version of a model that was trained elsewhere, or ask for one."""

    class Meta:
        model = ModelVersion
        fields = ("description",)
        widgets = DESCRIPTION


class WorkflowVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create a version of a workflow."""

    nodes = NodesField(
        required=False,
        help_text="A list in JSON, one object for each node.",
        error_messages={"invalid": "That is not JSON. Look for a missing comma, quote or bracket."},
    )

    class Meta:
        model = WorkflowVersion
        fields = ("description", "nodes")
        widgets = DESCRIPTION


class ModuleVersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create a version of a module."""

    class Meta:
        model = ModuleVersion
        fields = ("git_commit", "description")
        labels = {"git_commit": "Git commit"}
        help_texts = {"git_commit": "7 to 40 hexadecimal digits."}
        widgets = DESCRIPTION


class ModelVersionEditForm(EditForm):
    """Describe a version of a model."""

    class Meta(ModelVersionForm.Meta):
        pass


class WorkflowVersionEditForm(EditForm):
    """Edit a version of a workflow."""

    nodes = WorkflowVersionForm.base_fields["nodes"]

    class Meta(WorkflowVersionForm.Meta):
        pass


class ModuleVersionEditForm(EditForm):
    """Edit a version of a module."""

    class Meta(ModuleVersionForm.Meta):
        pass


class ReportForm(forms.Form):
    """Say how training ended, as the trainer does."""

    state = forms.ChoiceField(
        label="How did training end?",
        choices=[(state.value, state.label) for state in (ModelVersion.State.TRAINED, ModelVersion.State.FAILED)],
        widget=forms.RadioSelect,
    )
    failure_reason = forms.CharField(
        label="Why it failed", max_length=300, required=False, help_text="Needed for a failure, and only then."
    )

    def clean(self) -> dict[str, Any]:
        """Ask for the reason of a failure."""
        cleaned = super().clean() or {}
        if cleaned.get("state") == ModelVersion.State.FAILED and not cleaned.get("failure_reason"):
            self.add_error("failure_reason", "Say why training failed.")
        return cleaned
