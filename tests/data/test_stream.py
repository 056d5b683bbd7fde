import itertools

import numpy as np
import pytest

from kgan.data.stream import Batches, stream


def _take(data, count):
    return [{name: value.numpy() for name, value in element.items()} for element in itertools.islice(data, count)]


@pytest.fixture
def numbered():
    """13 images of 1×1 whose pixel is their index, so that a batch tells which images it holds."""
    return np.arange(13, dtype=np.uint8).reshape(13, 1, 1, 1)


def _ids(batch):
    return np.rint((batch["image"].ravel() + 1) * 127.5).astype(int).tolist()


def test_every_epoch_is_another_permutation(numbered):
    ids = np.concatenate([_ids(batch) for batch in _take(stream(numbered, batch_size=4, seed=0), 13)])
    epochs = ids.reshape(4, 13)  # 13 batches of 4 = 4 epochs of 13
    assert all(sorted(epoch) == list(range(13)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_stream_resumes_at_any_step(numbered):
    whole = _take(stream(numbered, batch_size=5, seed=3), 12)
    for start in range(12):
        (batch,) = _take(stream(numbered, batch_size=5, seed=3, start=start), 1)
        np.testing.assert_array_equal(batch["image"], whole[start]["image"])


def test_order_depends_on_the_seed(numbered):
    assert _ids(_take(stream(numbered, batch_size=13, seed=0), 1)[0]) != _ids(
        _take(stream(numbered, batch_size=13, seed=1), 1)[0])


def test_batches_larger_than_the_data_span_epochs(numbered):
    (batch,) = _take(stream(numbered[:3], batch_size=9, seed=0), 1)
    assert sorted(_ids(batch)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_elements_are_float32_in_range_with_static_shape_and_their_labels():
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (0, 255)])
    data = stream(images, labels=np.array([7, 9]), batch_size=2, seed=0)
    assert data.element_spec["image"].shape == (2, 2, 3, 1)
    (batch,) = _take(data, 1)
    assert batch["image"].dtype == np.float32
    assert {(int(image.min()), int(label)) for image, label in zip(batch["image"], batch["label"], strict=True)} == {
        (-1, 7), (1, 9)}


def test_no_autotuner_whose_sleep_fit_would_wait_for():
    # Seen: with prefetch(AUTOTUNE), the end of every second `fit` waited for 2^k · 10 ms, up to 41 s.
    assert stream(np.zeros((2, 1, 1, 1), np.uint8), batch_size=1, seed=0).options().autotune.enabled is False


def test_flip_mirrors_about_half_and_is_a_function_of_seed_and_position():
    images = np.zeros((50, 2, 2, 1), np.uint8)
    images[:, :, 0] = np.arange(50).reshape(50, 1, 1) + 1  # left columns hold the number, right ones nothing

    def batches(start, count, **changes):
        data = stream(images, **({"batch_size": 20, "seed": 3, "start": start, "flip": True} | changes))
        return np.concatenate([batch["image"].numpy() for batch in data.take(count)])

    flipped = batches(0, 20)
    plain = batches(0, 20, flip=False)
    mirrored = flipped[:, 0, 0, 0] == -1
    assert 150 < mirrored.sum() < 250  # of 400: five standard deviations
    np.testing.assert_array_equal(flipped, np.where(mirrored[:, None, None, None], plain[:, :, ::-1], plain))
    np.testing.assert_array_equal(batches(7, 2), flipped[140:180])
    first_epoch, second_epoch = mirrored[:50], mirrored[50:100]
    assert not np.array_equal(first_epoch, second_epoch)
    assert not np.array_equal(batches(0, 20, seed=4)[:, 0, 0, 0] == -1, mirrored)
    assert images[:, :, 1].max() == 0  # the data at rest stay as they are


def test_only_the_chosen_images_are_streamed(numbered):
    chosen = np.array([2, 3, 5, 7, 11])
    batches = _take(stream(numbered, labels=np.arange(13), batch_size=5, seed=0, chosen=chosen, flip=True), 3)
    for batch in batches:
        assert sorted(_ids(batch)) == sorted(batch["label"].tolist()) == chosen.tolist()
    resumed = _take(stream(numbered, batch_size=5, seed=0, start=2, chosen=chosen), 1)
    assert _ids(resumed[0]) == _ids(batches[2])


def test_parts_of_a_batch_are_the_batch(numbered):
    def batches(*part):
        return [_ids(batch) for batch in _take(stream(numbered, batch_size=6, seed=1, start=2, skip=3, part=part), 4)]

    whole = batches(0, 1, 1)
    first, second, third = (batches(r, 1, 3) for r in range(3))
    assert first == [batch[0::3] for batch in whole]
    assert third == [batch[2::3] for batch in whole]
    assert batches(1, 2, 3) == [second[0], third[0], second[1], third[1]]


def test_the_rows_of_parts_interleave_to_those_of_the_batch():
    batches = Batches(np.arange(13), seed=0, batch_size=6, skip=2)
    assert list(batches.rows(3, 0, 1)) == [20, 21, 22, 23, 24, 25]
    assert [list(batches.rows(3, part, 3)) for part in range(3)] == [[20, 23], [21, 24], [22, 25]]


def test_images_are_the_epochs_permutation_of_those_chosen_and_its_mirrors():
    chosen = np.array([4, 7, 9])
    indices, mirrored = Batches(chosen, seed=5, batch_size=2).images(range(2, 8))  # epochs 0, 1, 1, 1, 2, 2
    orders = [chosen[np.random.default_rng([5, epoch]).permutation(3)] for epoch in range(3)]
    mirrors = [np.random.default_rng([5, epoch, 1]).random(3) < 0.5 for epoch in range(3)]
    np.testing.assert_array_equal(indices, np.concatenate(orders)[2:8])
    np.testing.assert_array_equal(mirrored, np.concatenate(mirrors)[2:8])
    assert mirrored.dtype == bool
