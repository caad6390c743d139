"""Calls with a token: whose they are, what they may do, and when they stop."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from classifier.api_tokens import create_token, revoke_token
from classifier.models import ApiToken, Classifier, Image, Review, Suggestion
from classifier.owners import Owner
from tests.review_makers import answer_all
from tests.row_makers import upload
from tests.webapp.api_calls import IMAGES, Answered, error_of, first_id, send
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


def program(user: User, *scopes: str, **more: Any) -> Client:
    """A client that sends a new token of this user with each call."""
    _, text = create_token(user=user, name="test", scopes=scopes, **more)
    return Client(headers={"Authorization": f"Bearer {text}"}, enforce_csrf_checks=True)


def say(client: Client, image_id: object, label: str = "dog") -> Answered:
    body = {"verdict": "correct", "label": label}
    answer: Answered = client.post(f"{IMAGES}/{image_id}/reviews", body, content_type="application/json")
    return answer


def test_what_a_token_sends_is_its_own_and_needs_no_csrf_token(pets: Classifier) -> None:
    client = program(person(), "predict")
    answer = send(client, 1)
    assert answer.status_code == 201
    assert Image.objects.get().owner == Owner("token", str(ApiToken.objects.get().pk)).key
    assert client.get(f"{IMAGES}/{first_id(answer)}").status_code == 200


def test_a_tokens_use_is_noted(pets: Classifier) -> None:
    program(person(), "predict").get(IMAGES)
    assert ApiToken.objects.get().last_used_at is not None


def test_people_see_what_their_tokens_sent_and_may_delete_it(pets: Classifier) -> None:
    user = person()
    image_id = first_id(send(program(user, "predict"), 1))
    assert client_of(user).get(f"{IMAGES}/{image_id}").status_code == 200
    assert client_of(person(name="other")).get(f"{IMAGES}/{image_id}").status_code == 404
    assert client_of(user).delete(f"{IMAGES}/{image_id}").status_code == 204


def test_people_say_what_is_wrong_with_what_their_tokens_sent(pets: Classifier) -> None:
    user = person()
    image_id = first_id(send(program(user, "predict"), 1))
    answer_all([0.5, 0.4, 0.1])
    browser = client_of(user)
    page = browser.get(f"/images/{image_id}/").content.decode()
    assert f"/images/{image_id}/review" in page
    assert f"/images/{image_id}/delete" in page
    assert say(browser, image_id).status_code == 202
    assert Suggestion.objects.get().owner == Owner("user", str(user.pk)).key


def test_a_token_sees_neither_its_users_images_nor_those_of_another_token(pets: Classifier) -> None:
    user = person("owner")
    upload(1, owner=Owner("user", str(user.pk)))
    send(program(user, "predict"), 2)
    assert program(user, "predict").get(IMAGES).json()["images"] == []


@pytest.mark.parametrize("text", ["", "nonsense", "wi_aaaaaaaa_" + "a" * 43])
def test_a_wrong_token_never_calls_as_a_visitor(pets: Classifier, text: str) -> None:
    answer = Client().get(IMAGES, headers={"Authorization": f"Bearer {text}"})
    assert error_of(answer) == (401, "not_allowed")
    assert answer["WWW-Authenticate"] == "Bearer"
    assert "/tokens/" in answer.json()["error"]["message"]


def test_a_wrong_token_beside_a_login_is_refused(pets: Classifier) -> None:
    answer = client_of(person("admin")).get(IMAGES, headers={"Authorization": "Bearer nonsense"})
    assert error_of(answer) == (401, "not_allowed")


def test_a_token_beside_a_login_counts_alone(pets: Classifier) -> None:
    client = client_of(person("admin"))
    _, text = create_token(user=person(name="other"), name="test", scopes=["predict"])
    send(client, 1)
    assert len(client.get(IMAGES).json()["images"]) == 1
    assert client.get(IMAGES, headers={"Authorization": f"bearer  {text}"}).json()["images"] == []


def test_other_ways_to_say_who_one_is_are_a_proxys(pets: Classifier) -> None:
    assert Client().get(IMAGES, headers={"Authorization": "Basic d2hv"}).status_code == 200


def test_a_token_opens_no_page(pets: Classifier) -> None:
    assert program(person("admin"), "admin").get("/classifiers/").status_code == 302


def test_revoking_holds_from_the_next_call_on(pets: Classifier) -> None:
    client = program(person(), "predict")
    assert client.get(IMAGES).status_code == 200
    revoke_token(token=ApiToken.objects.get())
    assert error_of(client.get(IMAGES))[0] == 401


def test_barring_its_user_holds_from_the_next_call_on(pets: Classifier) -> None:
    user = person()
    client = program(user, "predict")
    assert client.get(IMAGES).status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert error_of(client.get(IMAGES))[0] == 401


def test_a_right_taken_from_its_user_is_taken_from_the_token(pets: Classifier) -> None:
    user = person("reviewer")
    client = program(user, "review")
    upload(1)
    assert len(client.get(IMAGES).json()["images"]) == 1
    user.groups.remove(Group.objects.get(name="reviewer"))
    assert client.get(IMAGES).json()["images"] == []


def test_the_scope_review_says_what_everybodys_images_are(pets: Classifier) -> None:
    image = upload(1).images[0]
    answer_all([0.5, 0.4, 0.1])
    answer = say(program(person("reviewer"), "review"), image.id)
    assert (answer.status_code, answer.json()["kind"]) == (201, "review")
    assert Review.objects.filter(user__username="reviewer").count() == 1


def test_no_scope_gives_what_the_user_may_not_do(pets: Classifier) -> None:
    image = upload(1).images[0]
    answer_all([0.5, 0.4, 0.1])
    client = program(person("viewer"), "predict", "review", "train", "admin")
    assert client.get(f"{IMAGES}/{image.id}").status_code == 200
    assert error_of(say(client, image.id))[0] == 404
    assert error_of(client.delete(f"{IMAGES}/{image.id}"))[0] == 404


def test_a_reviewers_token_without_the_scope_suggests_for_its_own_images_only(pets: Classifier) -> None:
    client = program(person("reviewer"), "predict")
    own = first_id(send(client, 1))
    other = upload(2).images[0]
    answer_all([0.5, 0.4, 0.1])
    assert say(client, own).status_code == 202
    assert error_of(say(client, other.id))[0] == 404
    assert (Suggestion.objects.count(), Review.objects.count()) == (1, 0)


@pytest.mark.parametrize("scope", ["review", "train"])
def test_a_token_without_the_scope_sends_nothing(pets: Classifier, scope: str) -> None:
    answer = send(program(person("owner"), scope), 1)
    assert error_of(answer) == (403, "not_allowed")
    assert "predict" in answer.json()["error"]["message"]
    assert not Image.objects.exists()


def test_deleting_what_others_sent_needs_the_scope_admin(pets: Classifier) -> None:
    image = upload(1).images[0]
    owner = person("owner")
    assert error_of(program(owner, "review", "train").delete(f"{IMAGES}/{image.id}"))[0] == 404
    assert program(owner, "admin").delete(f"{IMAGES}/{image.id}").status_code == 204


def test_idempotency_keys_of_two_tokens_are_apart(pets: Classifier) -> None:
    user = person()
    first, second = (send(program(user, "predict"), 1, key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first_id(first) != first_id(second)
