import pytest

from kgan import models
from kgan.data import sources
from kgan.runs import scores
from kgan.runs.directory import Run
from kgan.serving import card

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
                 "Conv* 5×5/2, LeakyReLU*  14×14×64*    1,664*", "Not in the paper.", "Not measured", "## Limits"):
        assert said in text


def test_own_pictures_have_no_known_licence_and_no_path(tmp_path):
    run = _run(tmp_path, dataset=None, data="/home/someone/photos.zip")
    text = card.model_card(run, 1, "photos", "saved_model", "")
    assert card.UNKNOWN in text
    assert "| data | photos.zip |" in text
    assert "someone" not in text


def test_every_public_data_set_has_its_licence():
    assert sorted(card.LICENCES) == sorted(sources.names())


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


def test_a_closed_form_has_no_steps_and_no_idle_settings(tmp_path):
    run = Run(tmp_path / "run")
    run.create(models.recipe("pca", "digits"), **FACTS)
    text = card.model_card(run, 1, "digits", "saved_model", "")
    assert "kgan's `pca` fitted to some pictures" in text
    assert "| weights | fitted in closed form |" in text
    assert "| latent_dim | 100 |" in text
    assert not any(f"| {name} |" in text for name in ("d_steps", "dropout", "precision"))


def test_the_onnx_card_shows_onnx(tmp_path):
    text = card.model_card(_run(tmp_path), 1, "digits", "onnx", "")
    assert "normal(size=(3, 100))" in text
    assert '.run(["images"], {"z": z})' in text
    assert "tf.saved_model" not in text
