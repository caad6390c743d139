"""The Python client against the real application: what it sends is understood, what comes back is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from whatsit_client import AsyncClient, CallRefused, Client, Result

from classifier.api_tokens import create_token
from classifier.models import ApiToken, Classifier, Image, Prediction
from tests.batch_makers import answer_waiting, write_pictures
from tests.clients.in_process import in_process
from tests.row_makers import make_version, png_bytes

pytestmark = pytest.mark.django_db
SITE = "http://testserver"


@pytest.fixture(autouse=True)
def on_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def token(pets: Classifier) -> str:
    user = User.objects.create_superuser("integrator")
    return create_token(user=user, name="tests", scopes=list(ApiToken.Scope.values))[1]


@pytest.fixture
def client(pets: Classifier, token: str) -> Iterator[Client]:
    with Client(SITE, token, transport=in_process()) as made:
        yield made


def test_a_picture_is_sent_answered_and_read(client: Client, pets: Classifier) -> None:
    [image] = client.upload([("shoe.png", png_bytes(1))], classifier="pets").images
    assert (image.name, image.state, image.label) == ("shoe.png", "queued", None)
    answer_waiting(pets)
    read = client.image(image.id)
    assert (read.label, read.is_answered, read.classifier) == ("cat", True, "pets")
    assert read.prediction
    assert read.prediction.scores == {"cat": 0.9, "dog": 0.05, "bird": 0.05}
    assert read.prediction.model_version == 1


def test_rejected_files_are_named_by_their_place(client: Client) -> None:
    upload = client.upload([("a.png", b""), ("b.png", png_bytes(1))])
    assert [image.name for image in upload.images] == ["b.png"]
    assert upload.rejected[0].code == "empty_file"


def test_a_request_of_which_nothing_is_taken_raises(client: Client) -> None:
    with pytest.raises(CallRefused, match="This file is empty") as raised:
        client.upload([("a.png", b"")])
    assert (raised.value.code, raised.value.status) == ("empty_file", 422)


def test_the_same_key_stores_once(client: Client) -> None:
    first, second = (client.upload([("a.png", png_bytes(1))], idempotency_key="k") for _ in range(2))
    assert first.images == second.images
    assert Image.objects.count() == 1


def test_lists_are_read_page_after_page(client: Client) -> None:
    for seed in range(5):
        client.upload([(f"{seed}.png", png_bytes(seed))])
    assert [image.name for image in client.images(limit=2)] == [f"{seed}.png" for seed in (4, 3, 2, 1, 0)]
    assert list(client.images(label="dog")) == []


def test_a_review_names_the_version_that_was_seen(client: Client, pets: Classifier) -> None:
    client.upload([("a.png", png_bytes(1))])
    answer_waiting(pets)
    [image] = client.images()
    client.review(image, "correct", label="dog")
    with pytest.raises(CallRefused) as raised:
        client.review(image, "confirm", label="cat")
    assert raised.value.status == 409
    assert Image.objects.get().settled_label == pets.labels.get(name="dog")


def test_a_picture_can_be_asked_again_and_deleted(client: Client, pets: Classifier) -> None:
    [image] = client.upload([("a.png", png_bytes(1))]).images
    answer_waiting(pets)
    version = make_version(pets, "2" * 64)
    assert client.ask_again(image.id, model=str(version.id)).state == "queued"
    assert Prediction.objects.filter(wished_version=version).count() == 1
    client.delete_image(image.id)
    with pytest.raises(CallRefused) as raised:
        client.image(image.id)
    assert raised.value.status == 404


def test_classifiers_models_and_trainings_are_documents(client: Client, pets: Classifier) -> None:
    assert [entry["slug"] for entry in client.classifiers()] == ["pets"]
    assert client.classifier("pets")["labels"] == ["cat", "dog", "bird"]
    [listed] = client.models(classifier="pets")
    assert client.model(listed["id"])["stage"] == "live"
    assert list(client.training_runs()) == []
    with pytest.raises(CallRefused):
        client.train("nobody")


def test_a_candidate_is_promoted_by_a_worker_and_rolled_back_at_once(client: Client, pets: Classifier) -> None:
    candidate = make_version(pets, "2" * 64)
    promotion = client.promote(str(candidate.id))
    assert client.promotion(promotion["id"])["state"] == "waiting"
    with pytest.raises(CallRefused) as raised:
        client.roll_back(str(candidate.id))
    assert raised.value.status == 409


def test_without_a_token_it_asks_as_a_visitor_whose_cookie_it_keeps(pets: Classifier) -> None:
    with Client(SITE, transport=in_process()) as visitor:
        [image] = visitor.upload([("a.png", png_bytes(1))]).images
        assert visitor.image(image.id).id == image.id
    with Client(SITE, transport=in_process()) as stranger, pytest.raises(CallRefused):
        stranger.image(image.id)


def test_a_wrong_token_is_refused_and_not_taken_for_a_visitor(pets: Classifier) -> None:
    with Client(SITE, "nonsense", transport=in_process()) as client, pytest.raises(CallRefused) as raised:
        client.upload([("a.png", png_bytes(1))])
    assert raised.value.status == 401


def test_address_and_token_come_from_the_environment(
    pets: Classifier, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSIT_URL", SITE)
    monkeypatch.setenv("WHATSIT_TOKEN", token)
    with Client(transport=in_process()) as client:
        client.upload([("a.png", png_bytes(1))])
    assert Image.objects.get().owner.startswith("token:")


def test_the_async_client_classifies_in_order(pets: Classifier, token: str, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 7)
    (folder / "0003.png").write_bytes(b"")
    (folder / ".hidden.png").write_bytes(b"")
    transport = in_process(before=lambda request: answer_waiting(pets))
    results = asyncio.run(_classify(transport, token, folder))
    assert [Path(result.path).name for result in results] == [f"{number:04}.png" for number in range(7)]
    assert [result.label for result in results] == ["cat"] * 3 + [None] + ["cat"] * 3
    assert results[3].rejection
    assert results[3].rejection.code == "empty_file"


async def _classify(transport: httpx.MockTransport, token: str, folder: Path) -> list[Result]:
    async with AsyncClient(SITE, token, transport=transport) as client:
        return [result async for result in client.classify([folder, folder / "gone.png"], handful=2, at_once=2)][:-1]


def test_the_async_client_makes_the_same_calls(pets: Classifier, token: str) -> None:
    transport = in_process()

    async def use() -> list[str]:
        async with AsyncClient(SITE, token, transport=transport) as client:
            [image] = (await client.upload([("a.png", png_bytes(1))])).images
            await client.delete_image((await client.image(image.id)).id)
            return [image.id async for image in client.images()] + [
                entry["slug"] async for entry in client.classifiers()
            ]

    assert asyncio.run(use()) == ["pets"]
