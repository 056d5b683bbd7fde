import re

import pytest
import yaml

from kgan import models
from kgan.data import sources
from kgan.data.public import LICENCES
from kgan.runs import scores
from kgan.runs.directory import Run
from kgan.serving import card, export
from kgan.serving.web import about

FACTS = {"data": {"origin": "some pictures", "images": 1234, "left_out": 0, "sha256": "abc"},
         "versions": {"kgan": "9.9", "tensorflow": "2.0"}}


def _run(tmp_path, **changes):
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan", "digits").override(**changes), **FACTS)
    return run


def test_the_card_says_what_whoever_gets_the_model_must_know(tmp_path):
    text = card.model_card(_run(tmp_path, ema_decay=0.9), 2400, "digits", "saved_model", "the table\nVerified.")
    for said in ("# digits\n", "28×28×1 images: kgan's `dcgan` at step 2,400, trained on some pictures",
                 "![seeds 0 to 63](samples.png)", "the table\nVerified.", "1,234 images", "`abc`", "CC BY 4.0",
                 "| g_learning_rate | 0.0002 |", "| weights | their moving average |", "kgan 9.9, tensorflow 2.0",
                 "Conv* 5×5/2, LeakyReLU*  14×14×64*    1,664*", "Not in the paper:", "Not measured", "## Limits"):
        assert said in text


def test_own_pictures_have_no_known_licence_and_no_path(tmp_path):
    run = _run(tmp_path, dataset=None, data="/home/someone/photos.zip")
    text = card.model_card(run, 1, "photos", "saved_model", "")
    assert card.UNKNOWN in text
    assert "| data | photos.zip |" in text
    assert "someone" not in text


def test_every_public_data_set_has_its_licence():
    assert sorted(LICENCES) == sorted([*sources.names(), "picture_packages"])  # the latter: of preset:pictures alone


def test_a_data_set_that_kgan_does_not_know_has_no_known_licence(tmp_path):
    run = _run(tmp_path, dataset="svhn")
    found = {"protocol": "", "notes": [], "verdict": [], "yardsticks": {}, "numbers": {"fcd": 1.0}}
    for form in (*export.MAIN_FILE, "preset"):
        text = card.model_card(run, 1, "x", form, "", found)
        assert "Licence of the data: kgan does not know the data set svhn: whoever publishes" in text
    assert _head(text)[0]["license"] == "unknown"
    assert about.facts(run, 1, None)["Licence of the data"].startswith("kgan does not know the data set svhn")


def test_what_a_run_says_is_text_in_its_card(tmp_path):
    markup = "`![x](http://x/y.png)|<script>**bold**"
    facts = {"data": FACTS["data"] | {"origin": markup}, "versions": {markup: markup}}
    run = Run(tmp_path / "run")
    run.create(models.recipe("dcgan", "digits").override(dataset=markup), **facts)
    finding = {"verdict": markup, "evidence": markup, "advice": markup}
    found = {"protocol": markup, "notes": [markup], "verdict": [finding], "numbers": {"fcd": 1.0},
             "yardsticks": {f"```{markup}": {"fcd": 1.0}}}
    text = card.model_card(run, 1, "x", "saved_model", "", found)
    prose = "".join(text.split("---\n", 2)[2].split("```")[::2])
    assert r"\`!\[x\](http://x/y.png)\|\<script\>\*\*bold\*\*" in prose
    assert not re.search(r"(?<!\\)<script|(?<!\\)\*\*bold|!\[x", prose)
    assert text.count("```") == 8  # what stands in a block of code doesn't end it
    assert _head(text)[0]["model-index"][0]["results"][0]["dataset"]["name"] == markup
    assert "<" not in text.split("---\n")[1]


def test_classes_are_called_by_their_names(tmp_path):
    run = Run(tmp_path / "told")
    facts = CLASSES | {"data": CLASSES["data"] | {"class_names": ["cat", "dog", "owl"]}}
    run.create(models.recipe("dcgan_5x5", "digits", "two_convolutions").override(classes=3, clusters=9), **facts)
    text = card.model_card(run, 7, "pets", "saved_model", "")
    assert "Training images of each: 0 (cat): 1,000, 1 (dog): 200, 2 (owl): 34." in text


@pytest.mark.parametrize(("findings", "verdict"), [
    ([], "Verdict: healthy."),
    ([{"verdict": "missing modes", "evidence": "3 of 10", "advice": "train on"}], "missing modes: 3 of 10"),
])
def test_scores_of_the_step_are_in_it(tmp_path, findings, verdict):
    run = _run(tmp_path)
    scores.save(run, 7, {"count": 9, "protocol": "Protocol: 9 images.", "notes": ["Note: few."], "verdict": findings,
                         "numbers": {"fcd": 1.25, "memorisation": None}, "yardsticks": {
                             "mean image": {"fcd": 113.0, "memorisation": 1.0}}})
    text = card.model_card(run, 7, "digits", "saved_model", "", scores.load(run, 7))
    for said in (verdict, "Protocol: 9 images. Note: few.", "generated     1.25", "mean image  113.00"):
        assert said in text
    assert scores.load(run, 8) is None


CLASSES = {**FACTS, "data": {**FACTS["data"], "class_counts": [1000, 200, 34]}}


@pytest.fixture
def told(tmp_path):
    """A run that is told three classes."""
    run = Run(tmp_path / "told")
    run.create(models.recipe("dcgan_5x5", "digits", "two_convolutions").override(classes=3, clusters=9), **CLASSES)
    return run


def test_the_card_says_which_classes_there_are_and_how_to_ask_for_one(told, tmp_path):
    text = card.model_card(told, 7, "digits", "saved_model", "")
    for said in ("*Seeds 0 to 63, not chosen; the class is the seed modulo 3.*",
                 "sample\"](seed=tf.constant([0, 1, 2], tf.int64), label=tf.constant([1, 1, 1]))",
                 "\n\n`label` is the number of a class, 0 to 2; TensorFlow on a processor refuses others, which XLA, "
                 "GPUs and other programs do not check.\n\n",
                 "\n\n3 classes, numbered in the order of the data's labels. Training images of each: 0: 1,000, "
                 "1: 200, 2: 34.\n\n",
                 "It\n  is told a class and nothing else (whether it draws that class was not measured), and it makes"):
        assert said in text
    assert "can't be told" not in text
    assert "`generator.keras`, where it is published with this card, opens in Keras 3.8 and later" in text
    assert "generator.keras" not in card.model_card(told, 7, "digits", "preset", "")
    assert '"label": np.array([1, 1, 1], np.int32)}' in card.model_card(told, 7, "", "onnx", "")
    assert "label=np.array([1, 1, 1], np.int32))" in card.model_card(told, 7, "", "litert", "")
    assert '{"z": z, "label": np.array([1, 1, 1], np.int32)}' in card.model_card(told, 7, "", "openvino", "")
    plain = card.model_card(_run(tmp_path), 7, "digits", "saved_model", "")
    assert "It\n  can't be told what to draw, and it makes 28×28 pixels" in plain
    assert "label" not in plain.split("## Data")[0]


@pytest.mark.parametrize(("numbers", "real", "said"), [
    ({"agreement": 0.975}, {"agreement": 0.9943},
     "the judge takes 97.50% of its images for that class, and 99.43% of real ones for theirs"),
    ({"agreement": 0.975}, {}, "the judge takes 97.50% of its images for that class)"),
    ({}, {}, "whether it draws that class was not measured"),  # scores of before agreement
])
def test_the_card_says_whether_the_class_is_drawn(told, numbers, real, said):
    found = {"protocol": "", "notes": [], "verdict": [], "numbers": {"fcd": 1.0, **numbers},
             "yardsticks": {"real train vs test": {"fcd": 0.25, **real}, "mean image": {"fcd": 113.0}}}
    text = card.model_card(told, 7, "digits", "saved_model", "", found)
    assert said in text
    assert ("97.50%" in text.split("## Metrics")[1].split("## Limits")[0]) == bool(numbers)


@pytest.mark.parametrize(("classes", "columns"), [(0, None), (2, 8), (3, 6), (5, 5), (10, 10), (16, 16), (17, None)])
def test_a_column_of_the_cards_picture_is_of_one_class(classes, columns):
    assert card.columns(classes) == columns
    assert columns is None or columns % classes == 0


def test_a_closed_form_has_no_steps_and_no_idle_settings(tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("pca", "digits"), **FACTS)
    text = card.model_card(run, 1, "digits", "saved_model", "")
    assert "kgan's `pca` fitted to some pictures" in text
    assert "| weights | fitted in closed form |" in text
    assert "| latent_dim | 100 |" in text
    assert not any(f"| {name} |" in text for name in ("d_steps", "dropout", "precision"))


@pytest.mark.parametrize(("form", "said"), [("onnx", '.run(["images"], {"seed": np.array([0, 1, 2])})'),
                                            ("litert", "sample(seed=np.array([0, 1, 2]))"),
                                            ("openvino", 'normal(size=(3, 100)).astype(np.float32)')])
def test_a_card_shows_its_own_runtime(form, said, tmp_path):
    text = card.model_card(_run(tmp_path), 1, "digits", form, "")
    assert said in text
    assert "tf.saved_model" not in text


NUMBERS = {"fcd": 1.25, "kid": 0.00123, "agreement": 0.975, "memorisation": None, "one_nn": float("inf"), "other": 7}


def _head(text):
    """The card's YAML head, and what follows it."""
    start, head, rest = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(head), rest


def test_the_head_is_what_hubs_read(tmp_path):
    found = {"protocol": "", "notes": [], "verdict": [], "yardsticks": {}, "numbers": NUMBERS}
    head, rest = _head(card.model_card(_run(tmp_path, dataset="mnist"), 7, "my-digits", "saved_model", "", found))
    assert rest.startswith("\n# my-digits\n")
    assert head == {
        "library_name": "keras", "pipeline_tag": "unconditional-image-generation", "license": "cc-by-sa-3.0",
        "tags": ["gan", "kgan", "dcgan", "image-generation"], "datasets": ["ylecun/mnist"],
        "model-index": [{"name": "my-digits", "results": [{
            "task": {"type": "unconditional-image-generation"},
            "dataset": {"type": "ylecun/mnist", "name": "mnist", "split": "test"},
            "metrics": [{"type": "fcd", "name": "FCD", "value": 1.25},
                        {"type": "kid", "name": "KID-c ×10³", "value": 1.23},
                        {"type": "agreement", "name": "agreement", "value": 0.975}]}]}]}


def test_the_head_claims_no_scores_and_no_licence_that_nobody_knows(tmp_path):
    head, _ = _head(card.model_card(_run(tmp_path, dataset=None, data="a: 'b'.zip"), 7, "x", "onnx", ""))
    assert head == {"library_name": "keras", "pipeline_tag": "unconditional-image-generation", "license": "unknown",
                    "tags": ["gan", "kgan", "dcgan", "image-generation"]}


def test_every_public_data_set_has_its_licence_in_the_head_too():
    assert all("license_name" in licence.hub and "license_link" in licence.hub for licence in LICENCES.values()
               if licence.hub["license"] == "other")


def test_the_hubs_own_reader_takes_the_head(tmp_path):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    found = {"protocol": "", "notes": [], "verdict": [], "yardsticks": {}, "numbers": NUMBERS}
    text = card.model_card(_run(tmp_path), 7, "my-digits", "saved_model", "", found)
    read = huggingface_hub.ModelCard(text, ignore_metadata_errors=False).data
    assert (read.library_name, read.license, read.model_name) == ("keras", "cc-by-4.0", "my-digits")
    assert [(one.metric_type, one.metric_value) for one in read.eval_results] == [
        ("fcd", 1.25), ("kid", 1.23), ("agreement", 0.975)]


def test_weights_say_what_they_began_with():
    recipe = models.recipe("dcgan")
    before = {"run": "runs/photos", "step": 2500, "before": {"run": "/home/me/generator.keras", "step": 0, "file": "x",
                                                              "before": None}}
    assert card.weights(recipe, {}) == "the step's own"
    assert card.weights(recipe, {"branch": before}) == (
        "the step's own; begun with those of photos at step 2,500; begun with those of generator.keras")
