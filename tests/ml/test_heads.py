"""A head on features: it learns, stops early, weighs rare labels, and its folded weights answer alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.data_types import Progress
from ml.heads import FeatureBatches, FeatureSet, HeadRun, Standardisation, apply_head
from ml.training_settings import TrainingSettings
from tests.ml.transfer_models import SMALL_TRANSFER


def draw_features(count: int, seed: int, views: int = 1) -> FeatureSet:
    """Two clouds far from the origin, of very different spread per feature."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 2
    values = random.normal(0, 1, (count, views, 6)) + labels[:, None, None] * 2
    return FeatureSet((values * [1, 10, 0.1, 1, 1, 1] + 50).astype(np.float16), labels)


def fit(settings: TrainingSettings, seed: int = 0) -> tuple[HeadRun, list[Progress]]:
    news: list[Progress] = []
    run = HeadRun(draw_features(64, seed), draw_features(40, 9), 2, settings, news.append, lambda: False)
    assert run.fit()
    return run, news


@pytest.mark.parametrize("head", [[], [16, 8]])
def test_folded_weights_on_plain_features_answer_as_the_head_on_standardised_ones(head: list[int]) -> None:
    run, _ = fit(replace(SMALL_TRANSFER, head=head, epochs=2, dropout=0.5))
    features = draw_features(30, 5).features
    expected = run.network(run.norm.apply(features[:, 0]), training=False)
    np.testing.assert_allclose(apply_head(run.folded(), features), expected, atol=1e-2)


def test_it_learns_and_keeps_the_epoch_with_the_lowest_validation_loss() -> None:
    run, news = fit(replace(SMALL_TRANSFER, epochs=20, peak_learning_rate=0.05))
    losses = [each.validation_loss for each in news if each.validation_loss is not None]
    assert losses[run.best_epoch] == min(losses) == run.best_loss
    answers = apply_head(run.best, draw_features(100, 7).features).argmax(axis=1)
    assert (answers == draw_features(100, 7).labels).mean() >= 0.95


def test_it_stops_when_validation_has_not_improved_for_so_many_epochs() -> None:
    random = FeatureSet(draw_features(40, 1).features, np.random.default_rng(0).integers(0, 2, 40).astype(np.int32))
    settings = replace(SMALL_TRANSFER, epochs=50, patience_epochs=3, peak_learning_rate=0.1)
    run = HeadRun(draw_features(64, 0), random, 2, settings, lambda _: None, lambda: False)
    assert run.fit()
    assert len(run.history) == run.best_epoch + 1 + 3


def test_the_figures_told_are_means_over_the_epoch_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    of_batches = [{"loss": loss, "accuracy": 0.5} for loss in (1.0, 3.0, 8.0)]
    batches = iter(of_batches)
    monkeypatch.setattr("keras.Model.train_on_batch", lambda *_, **__: next(batches))
    news: list[Progress] = []
    settings = replace(SMALL_TRANSFER, epochs=1, batch_size=8)
    assert HeadRun(draw_features(20, 0), draw_features(40, 9), 2, settings, news.append, lambda: False).fit()
    assert [each.loss for each in news] == pytest.approx([1.0, 2.0, 3.2, 3.2])
    assert news[-1].accuracy == pytest.approx(0.5)


def test_the_same_seed_gives_the_same_head() -> None:
    settings = replace(SMALL_TRANSFER, epochs=2, head=[8], dropout=0.3)
    first, second = fit(settings)[0].best, fit(settings)[0].best
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def test_an_epoch_holds_every_picture_once_in_one_of_its_views() -> None:
    features = np.arange(10, dtype=np.float16).reshape(10, 1, 1) + np.asarray([0, 0.5], np.float16).reshape(1, 2, 1)
    plain = Standardisation(np.zeros(1, np.float32), np.ones(1, np.float32))
    settings = replace(SMALL_TRANSFER, batch_size=4)
    batches = FeatureBatches(FeatureSet(features, np.zeros(10, np.int32)), plain, 2, settings)
    rows = np.concatenate([rows for rows, _, _ in batches]).ravel()
    assert sorted(np.floor(rows).tolist()) == list(range(10))
    assert set((rows % 1).tolist()) == {0.0, 0.5}
    batches.start_at(1)
    assert np.concatenate([again for again, _, _ in batches]).ravel().tolist() != rows.tolist()


def test_weights_of_labels_reach_their_examples() -> None:
    labels = np.asarray([0, 0, 0, 1], np.int32)
    features = FeatureSet(np.zeros((4, 1, 2), np.float16), labels)
    [(_, answers, weights)] = FeatureBatches(features, Standardisation.of(features), 2, SMALL_TRANSFER)
    np.testing.assert_allclose(weights, np.where(answers[:, 0] == 1, 2 / 3, 2), rtol=1e-5)


def test_wide_features_are_worked_on_in_smaller_pieces_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = fit(replace(SMALL_TRANSFER, epochs=1))
    features = draw_features(100, 3, views=2)
    expected, mean = apply_head(run.best, features.features), Standardisation.of(features).mean
    monkeypatch.setattr("ml.heads.ROW_VALUES", 36)
    np.testing.assert_allclose(apply_head(run.best, features.features), expected, rtol=1e-5)
    np.testing.assert_allclose(Standardisation.of(features).mean, mean, rtol=1e-6)


def test_standardised_features_have_mean_0_and_spread_1_and_a_constant_one_stays_small() -> None:
    examples = draw_features(500, 3, views=2)
    examples.features[..., 5] = 7
    values = Standardisation.of(examples).apply(examples.features).reshape(-1, 6)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-2)
    np.testing.assert_allclose(values.std(axis=0)[[0, 1, 3, 4]], 1, atol=0.05)
    assert np.abs(values[:, 5]).max() < 0.1
