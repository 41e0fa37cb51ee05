"""People are named by a row of their own, so that a name can be erased and no proof changes."""

import hashlib

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from auditlog import subjects
from auditlog.canonical import canonical, leaf_of
from auditlog.models import Entry, Subject
from auditlog.subjects import naming_of, refer_to
from controlcenter.context import acting_as
from controlcenter.resources.models import App

from .factories import AppFactory, InvitationFactory, People, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cold_cache() -> None:
    subjects.forget()


@pytest.fixture
def people() -> People:
    return make_people()


def entry_by(people: People) -> Entry:
    with acting_as(people.member.as_actor()):
        AppFactory(account=people.acme)
    return Entry.objects.select_related("subject").newest_first()[0]


def erase(**who: object) -> int:
    return Subject.objects.filter(**who).update(slug="", first_name="", last_name="", email="", salt=b"")


def test_a_person_who_acts_twice_is_one_row(people: People) -> None:
    first, second = entry_by(people), entry_by(people)
    assert first.subject_id == second.subject_id


def test_a_renamed_person_is_another_row(people: People) -> None:
    before = entry_by(people)
    people.member.last_name = "Married"
    people.member.save()
    after = entry_by(people)
    assert before.subject is not None
    assert after.subject is not None
    assert (before.subject.full_name, after.subject.full_name) == ("Max Member", "Max Married")


def test_a_body_names_people_by_digest_only(people: People) -> None:
    entry = entry_by(people)
    assert b"Member" not in bytes(entry.body)
    assert b"max@acme" not in bytes(entry.body)
    assert entry.subject is not None
    assert entry.event["actor"]["subject"] == entry.subject.digest


def test_a_digest_commits_to_salt_and_naming(people: People) -> None:
    subject = entry_by(people).subject
    assert subject is not None
    naming = {part: getattr(subject, part) for part in Subject.NAMING}
    assert subject.digest == hashlib.sha256(bytes(subject.salt) + canonical(naming)).hexdigest()


def test_the_same_name_has_another_digest_for_each_row(people: People) -> None:
    first = entry_by(people).subject
    assert first is not None
    again = Subject(**{part: getattr(first, part) for part in Subject.NAMING})
    assert again.compute_digest() != first.digest


def test_personal_fields_of_a_change_point_to_subjects(people: People) -> None:
    people.member.email = "max@new.example"
    people.member.save()

    entry = Entry.objects.newest_first()[0]
    before, after = entry.event["changes"]["email"]
    assert b"max@" not in bytes(entry.body)
    assert Subject.objects.get(digest=before["subject"]).email == "max@acme.example"
    assert Subject.objects.get(digest=after["subject"]).email == "max@new.example"


def test_an_invitation_shows_no_whole_address() -> None:
    InvitationFactory(email="secret.person@example.com")
    entry = Entry.objects.newest_first()[0]
    assert b"secret.person" not in bytes(entry.body)
    assert "s…@example.com" in entry.event["sentence"]


def test_erasing_a_person_leaves_bodies_and_leaves_as_they_are(people: People) -> None:
    entry = entry_by(people)

    assert erase(user_id=people.member.pk)

    erased = Entry.objects.select_related("subject").get(id=entry.id)
    assert erased.subject is not None
    assert erased.subject.full_name == ""
    assert bytes(erased.body) == bytes(entry.body)
    assert bytes(erased.leaf) == leaf_of(bytes(entry.body))
    assert b"Max Member" not in bytes(erased.body)


def test_a_person_of_many_names_can_be_erased_and_so_can_the_next(people: People) -> None:
    entry_by(people)
    people.member.first_name = "Maximilian"
    people.member.save()
    entry_by(people)

    assert erase(user_id=people.member.pk) == 2
    assert erase(user_id=people.owner.pk) == 1


def test_who_was_erased_and_acts_again_gets_a_new_row(people: People) -> None:
    first = entry_by(people)
    erase(user_id=people.member.pk)
    subjects.forget()
    assert entry_by(people).subject_id != first.subject_id


def test_a_rolled_back_row_is_not_remembered(people: People) -> None:
    naming = naming_of(people.stranger.as_actor())
    Subject.objects.all().delete()
    with pytest.raises(KeyError), transaction.atomic():  # noqa: PT012
        refer_to(naming)
        raise KeyError
    assert Subject.objects.filter(id=refer_to(naming).id).exists()


@pytest.mark.django_db(transaction=True)
def test_a_person_who_is_known_costs_no_query(django_assert_num_queries: object) -> None:
    naming = naming_of(make_people().owner.as_actor())
    with transaction.atomic():
        known = refer_to(naming)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert refer_to(naming) == known


def test_finding_a_naming_uses_the_index() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for naming in ({"slug": "max", "email": "max@acme.example"}, {"slug": "", "email": "guest@example.com"}):
        rows = Subject.objects.filter(user_id__isnull=True, first_name="", last_name="", **naming)
        assert "subject_once_per_naming" in rows.explain()


def test_it_looks_a_person_up_once_for_entries_written_together(people: People) -> None:
    refer_to(naming_of(people.member.as_actor()))
    rows = [AppFactory.build(account=people.acme) for _ in range(100)]
    with acting_as(people.member.as_actor()), CaptureQueriesContext(connection) as captured:
        App.objects.bulk_create(rows)
    assert len([query for query in captured if "auditlog_subject" in query["sql"]]) == 1
