"""Forms about accounts."""

from django import forms

from .models import Plan


class PlanForm(forms.Form):
    """A plain choice among the plans."""

    plan = forms.ModelChoiceField(Plan.objects.all(), to_field_name="slug", empty_label=None)


def sentence_of(form: forms.BaseForm) -> str:
    """Return all errors of a form as one sentence for a failure entry: the fields' names, never what was typed."""
    parts = []
    for name, errors in form.errors.get_json_data().items():
        label = form.fields[name].label or name.replace("_", " ").capitalize() if name in form.fields else ""
        parts += [f"{label}: {error['message']}" if label else error["message"] for error in errors]
    return " ".join(parts)
