from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_images

from kgan import models
from kgan.data import sources
from kgan.evaluation import candidate
from kgan.runs import loop
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.sampling import generate
from kgan.scoring import doctor
from kgan.scoring.benchmark import Benchmark
from kgan.scoring.judge import Judge


def test_array_is_cut_at_random_and_grey_ones_gain_their_channel(tmp_path):
    images = np.arange(60, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    np.save(tmp_path / "images.npy", images)
    found = candidate.open_candidate(tmp_path / "images.npy")
    assert (found.image_shape, found.limit) == ((4, 4, 1), 60)
    assert found.draw(60)[:, 0, 0, 0].tolist() == list(range(60))
    some = found.draw(20)[:, 0, 0, 0].tolist()
    assert len(set(some)) == 20
    assert max(some) > 40  # not the first 20
    assert some == found.draw(20)[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("shape", [(3, 4, 4, 2), (3, 16), (1, 2, 1025, 1)])
def test_array_of_another_shape_is_refused(tmp_path, shape):
    np.save(tmp_path / "images.npy", np.zeros(shape, np.uint8))
    with pytest.raises(UserError, match="give uint8 images of 1, 3 or 4 channels, up to 1024 pixels a side"):
        candidate.open_candidate(tmp_path / "images.npy")


def test_folder_is_read_whole_at_the_size_of_its_first_picture(tmp_path):
    for number in range(120):
        Image.new("RGB", (9, 7), (number, 0, 0)).save(tmp_path / f"{number:03}.png")
    found = candidate.open_candidate(tmp_path)
    assert (found.image_shape, found.limit) == ((7, 7, 3), 120)  # none is held out of what is scored


def test_folder_whose_first_picture_is_grey_is_scored_in_colour(tmp_path):
    Image.new("L", (6, 6), 9).save(tmp_path / "0.png")
    Image.new("RGB", (6, 6), (200, 100, 50)).save(tmp_path / "1.png")
    found = candidate.open_candidate(tmp_path)
    assert found.image_shape == (6, 6, 3)
    assert found.draw(2)[:, 0, 0].tolist() == [[9, 9, 9], [200, 100, 50]]


def test_folder_of_greys_is_grey_whatever_its_files_say(tmp_path):
    for number, mode in enumerate(("RGB", "L")):
        Image.new(mode, (6, 6), "grey").save(tmp_path / f"{number}.png")
    assert candidate.open_candidate(tmp_path).image_shape == (6, 6, 1)


def test_folder_whose_first_picture_is_damaged_is_one_sentence_or_scored_without_it(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no picture")
    for number in range(1, 4):
        Image.new("L", (6, 6), number).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"^1 of 4 pictures in .* can't be used: 0\.png \(not a picture.*--skip_bad\.$"):
        candidate.open_candidate(tmp_path)
    found = candidate.open_candidate(tmp_path, skip_bad=True)
    assert (found.image_shape, found.limit) == ((6, 6, 1), 3)
    for number in range(1, 4):
        (tmp_path / f"{number}.png").write_bytes(b"")
    with pytest.raises(UserError, match="^none of the 4 pictures in .* can be used"):
        candidate.open_candidate(tmp_path, skip_bad=True)


def test_saved_model_without_the_signature_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"))
    with pytest.raises(UserError, match="is a SavedModel without the signature serving_default: z → images"):
        candidate.open_candidate(tmp_path / "model", trust=True)
    with pytest.raises(UserError, match="is a SavedModel, a program .* give --trust if you know who made it"):
        candidate.open_candidate(tmp_path / "model")


def test_newest_version_of_an_export_is_scored(tmp_path):
    for version, grey in (("9", -1.0), ("10", 1.0)):
        module = tf.Module()
        module.serve = tf.function(
            lambda z, grey=grey: {"images": tf.cast(127.5 + 127.5 * grey + tf.zeros((tf.shape(z)[0], 4, 4, 1)),
                                                    tf.uint8)},
            input_signature=[tf.TensorSpec([None, 3], tf.float32, name="z")])
        tf.saved_model.save(module, str(tmp_path / version), signatures={"serving_default": module.serve})
    found = candidate.open_candidate(tmp_path, trust=True)
    assert "10" in found.name
    np.testing.assert_array_equal(found.draw(5), np.full((5, 4, 4, 1), 255, np.uint8))


def test_run_is_drawn_from_its_moving_average_and_says_so(tmp_path):
    run = Run(tmp_path / "run")
    recipe = models.recipe("gan_nn", "digits").override(steps=2, tick=1, batch_size=4, ema_decay=0.5)
    loop.train(run, recipe, sources.locate("digits"))
    found = candidate.open_candidate(run.path)
    assert "EMA weights" in found.name
    assert "at step 2 (run, training seed 0)" in found.name
    assert (found.dataset, found.step, found.run.path) == ("digits", 2, run.path)
    np.testing.assert_array_equal(candidate.open_candidate(run.path, 2).draw(3), found.draw(3))


def test_a_run_that_is_told_classes_draws_them_as_training_had_them(tmp_path):
    run = Run(tmp_path / "run")
    loop.train(run, models.recipe("dcgan_fast", "digits").override(steps=1, batch_size=4), sources.locate("digits"))
    found = candidate.open_candidate(run.path)
    assert found.class_counts == run.config()["data"]["class_counts"]
    assert sum(found.class_counts) == 1623
    np.testing.assert_array_equal(found.draw(20), generate(open_generator(run.path), range(20), found.labels(20)))
    assert found.labels(20).tolist() == [label for label in range(10) for _ in range(2)]


def _benchmark(sha256="abc", classes=2, accuracies=(0.69,)):
    """Compares eight images, and gives back the labels that it gets with them."""
    judges = [Judge(None, accuracy, "0" * 64) for accuracy in accuracies]

    def measure(images, labels):
        return {"labels": None if labels is None else labels.tolist(), "images": images}

    return SimpleNamespace(count=8, judges=judges, trained=None, train=SimpleNamespace(sha256=sha256), measure=measure,
                           shares=np.full(classes, 1 / classes))


TOLD = candidate.Candidate("a run", (4, 4, 1), None, lambda count: f"{count} images", trained_on="abc",
                        class_counts=[30, 10])


def test_labels_go_with_the_images_where_they_mean_the_judges_classes():
    assert candidate.measure(TOLD, _benchmark()) == {"labels": [0] * 6 + [1] * 2, "images": "8 images"}
    for asked, benchmark in ((TOLD._replace(class_counts=None), _benchmark()), (TOLD, _benchmark("of other images")),
                             (TOLD, _benchmark(classes=3)), (TOLD, _benchmark(accuracies=()))):
        assert candidate.measure(asked, benchmark) == {"labels": None, "images": "8 images"}


@pytest.mark.parametrize(("accuracy", "asked", "note"), [
    (0.69, TOLD, "Note: the judge is right on 69% only, and no higher agreement can be asked of a generator; read its "
                 "numbers beside the yardsticks."),
    (0.69, TOLD._replace(class_counts=None), "Note: the judge is right on 69% only; read its numbers beside the "
                                             "yardsticks."),
    (0.95, TOLD, None),
])
def test_a_doubtful_judge_bounds_agreement_and_the_note_says_so(monkeypatch, accuracy, asked, note):
    benchmark = _benchmark(accuracies=[accuracy])
    monkeypatch.setattr(candidate, "open_benchmark", lambda *_, **__: benchmark)
    _, notes = candidate.benchmark_for(asked, dataset="digits")
    assert [text for text in notes if "judge" in text] == ([] if note is None else [note])


def _coloured(folder, count, convert=lambda image: image):
    """Saves pieces of photographs; what is saved is `convert`ed."""
    folder.mkdir()
    pieces = np.concatenate([photograph[:416, :608].reshape(13, 32, 19, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
                             for photograph in load_sample_images().images])
    for number, piece in enumerate(np.random.default_rng(count).permutation(pieces)[:count]):
        convert(Image.fromarray(piece)).save(folder / f"{number:03}.png")


def test_images_without_colours_are_compared_with_colours(tmp_path):
    _coloured(tmp_path / "real", 400)
    _coloured(tmp_path / "grey", 60, lambda image: image.convert("L").convert("RGB"))
    _coloured(tmp_path / "grey reals", 120, lambda image: image.convert("L"))
    found = candidate.open_candidate(tmp_path / "grey")
    benchmark, _ = candidate.benchmark_for(found, data=str(tmp_path / "real"))
    assert benchmark.real.shape[1:] == (32, 32, 3)
    assert "at 32×32×3" in candidate.protocol(found, benchmark)
    numbers = candidate.measure(found, benchmark)
    assert numbers["colours"]
    evidence = [one.evidence for one in doctor.diagnose(numbers, (), {doctor.REAL: benchmark.floor()})]
    assert "100% more of the images than of the real ones look like pictures without colours: their channels are all " \
           "equal" in evidence
    benchmark, _ = candidate.benchmark_for(found, data=str(tmp_path / "grey reals"))
    assert benchmark.real.shape[1:] == (32, 32, 1)
    assert not candidate.measure(found, benchmark)["colours"]


def test_notes_say_what_makes_numbers_doubtful(tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(150):
        Image.fromarray(random.integers(0, 256, (16, 16), np.uint8)).save(folder / f"{number}.png")
    np.save(tmp_path / "images.npy", random.integers(0, 256, (10, 16, 16), np.uint8))
    found = candidate.open_candidate(tmp_path / "images.npy")._replace(trained_on="other")
    benchmark, notes = candidate.benchmark_for(found, data=str(folder))
    assert isinstance(benchmark, Benchmark)
    assert benchmark.count == 10
    with pytest.raises(UserError, match="holds 9 images; 10 are the fewest that can be compared"):
        candidate.benchmark_for(found._replace(limit=9), data=str(folder))
    assert [note.split(",")[0].split(":")[1][:20] for note in notes] == [
        " the run was trained", " these data have no ", " 10 images are few; "]


@pytest.mark.parametrize(("train", "test", "sentence"), [
    (9, 1, "of .* 1 test image can be compared with; 6 are the fewest"), (9, 5, "of .* 5 test images can be"),
    (3, 9, "of .* 3 training images can be compared with; 6 are the fewest"), (6, 6, None)])
def test_fewer_images_than_numbers_need_are_one_sentence(tmp_path, monkeypatch, train, test, sentence):
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (30, 16, 16), np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images[:train], x_test=images[:test])
    np.save(tmp_path / "drawn.npy", images)
    drawn = candidate.open_candidate(tmp_path / "drawn.npy")
    if sentence is not None:
        with pytest.raises(UserError, match=sentence):
            candidate.benchmark_for(drawn, data=str(tmp_path / "data.npz"))
    else:
        benchmark, _ = candidate.benchmark_for(drawn, data=str(tmp_path / "data.npz"))
        numbers = candidate.measure(drawn, benchmark)
        assert (numbers["count"], len(benchmark.yardsticks())) == (6, 4)
        assert doctor.diagnose(numbers) == []


def test_an_array_of_objects_is_told_without_advice_to_unpickle(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(UserError, match="holds Python objects and no numbers") as raised:
        candidate.open_candidate(tmp_path / "x.npy")
    assert "pickle" not in str(raised.value)


@pytest.mark.parametrize(("seconds", "said"), [(None, "carried judge 01234567"), (4.5, "home-made judge 01234567")])
def test_protocol_says_whose_judge_it_is(seconds, said):
    shown = candidate.Candidate("array a.npy", (28, 28, 1), 50, None)
    benchmark = SimpleNamespace(count=50, origin="MNIST", real=np.zeros((50, 28, 28, 1)),
                                judges=[Judge(None, 0.9925, "0123456789", seconds)])
    assert candidate.protocol(shown, benchmark) == (
        "Protocol: 50 images of array a.npy, against 50 test images of MNIST, at 28×28×1 (bicubic, antialiased where "
        f"resized); features of {said}, 99.25% on test; carried colour judge b776ce75 at 32×32.")
    benchmark.judges = []
    assert candidate.protocol(shown, benchmark).endswith(
        "where resized); features of carried colour judge b776ce75 at 32×32.")


def test_a_folder_of_photographs_is_refused_before_anything_is_prepared(tmp_path, monkeypatch):
    """At 1,500 pixels a side MNIST would be 472 GB in the cache."""
    monkeypatch.setattr(candidate.cache, "prepare", lambda *_, **__: pytest.fail("it was prepared"))
    for number in range(12):
        Image.new("L", (2000, 1500), number).save(tmp_path / f"{number:02}.png")
    with pytest.raises(UserError, match=r"holds pictures of 1,500 pixels a side, .*; scale them to 1,024 or less"):
        candidate.open_candidate(tmp_path)


@pytest.mark.parametrize("shape", [(2048, 8, 3), (8, 6, 2), (8, 8)])
def test_a_saved_model_of_other_shapes_is_refused(tmp_path, shape):
    module = tf.Module()
    module.serve = tf.function(lambda z: {"images": tf.zeros((tf.shape(z)[0], *shape), tf.uint8)},
                               input_signature=[tf.TensorSpec([None, 3], tf.float32, name="z")])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    with pytest.raises(UserError, match="those of 1, 3 or 4 channels can be scored, up to 1024 pixels a side"):
        candidate.open_candidate(tmp_path, trust=True)
