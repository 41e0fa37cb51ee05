"""The certificates of what retention removed, as the verifier takes them."""

from auditlog.retention.models import Certificate

from .verify import Document


def certificates_of(account_id: int) -> list[Document]:
    """Return what was signed of all that was removed from an account's log, in order."""
    certificates = Certificate.objects.filter(account_id=account_id).order_by("first_seq")
    return [Document.of(bytes(each.document), bytes(each.signature)) for each in certificates]
