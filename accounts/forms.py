"""Forms about accounts."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, QueryDict

from .models import Plan


class SignInForm(AuthenticationForm):
    """E-mail address and password. One sentence for all that can be wrong tells nobody which addresses exist."""

    WRONG = "E-mail address and password do not go together."

    error_messages = {"invalid_login": f"{WRONG} Nobody was signed in.", "inactive": f"{WRONG} Nobody was signed in."}


class PlanForm(forms.Form):
    """A plain choice among the plans."""

    plan = forms.ModelChoiceField(Plan.objects.all(), to_field_name="slug", empty_label=None)


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form was sent with, which may be nothing; None for a page that is only opened."""
    return request.POST if request.method == "POST" else None


def sentence_of(form: forms.BaseForm) -> str:
    """Return all errors of a form as one sentence for a failure entry: the fields' names and what is wrong.

    Django's messages repeat no text that was typed, only a choice that is none."""
    parts = []
    for name, errors in form.errors.get_json_data().items():
        label = form.fields[name].label or name.replace("_", " ").capitalize() if name in form.fields else ""
        parts += [f"{label}: {error['message']}" if label else error["message"] for error in errors]
    return " ".join(parts)
