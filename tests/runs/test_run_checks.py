"""What a run directory says is checked, and its links and paths are followed no further than is said."""

import json

import pytest
from PIL import Image

from kgan import models
from kgan.data import cache, clusters, sources
from kgan.runs import checks, scores
from kgan.runs.directory import Run
from kgan.runs.training_data import check_recorded, locate_recorded
from kgan.runtime.errors import UserError

DATA = {"origin": "somewhere", "images": 640, "left_out": 0, "sha256": "0" * 64}
FINDING = {"verdict": "ill", "evidence": "pale", "advice": "rest"}
SCORES = {"protocol": "Protocol.", "notes": ["Note."], "count": 9, "verdict": [FINDING],
          "numbers": {"fcd": 5, "swd": None}, "yardsticks": {"mean image": {"fcd": 1.5}}}


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path / "run")
    made.create(models.recipe("dcgan", "digits"), data=DATA, versions={"kgan": "0"})
    return made


def _nested(depth):
    branch = None
    for _ in range(depth):
        branch = {"run": "a", "step": 1, "before": branch}
    return branch


@pytest.mark.parametrize(("section", "name", "value", "said"), [
    ("data", "images", "many", "data.images is 'many', and must be a whole number from 0 on"),
    ("data", "images", -1, "data.images is -1"), ("data", "images", True, "data.images is True"),
    ("data", "images", 1.5, "data.images is 1.5"), ("data", "images", 10**400, "data.images is 1000"),
    ("data", "left_out", None, "data.left_out is None"), ("data", "origin", ["<b>"], "data.origin is of type list"),
    ("data", "sha256", 7, "data.sha256 is 7, and must be a text"),
    ("data", "class_counts", [0, 0], "data.class_counts"),
    ("data", "class_counts", [1, "2"], "data.class_counts"), ("data", "cluster_counts", {}, "data.cluster_counts"),
    ("data", "kind_counts", [float("nan")], "NaN is no number"),
    ("data", "labels_sha256", 1, "data.labels_sha256 is 1"),
    ("data", "class_names", "cats", "data.class_names is 'cats', and must be texts"),
    ("data", "clustering", "magic", "data.clustering is 'magic', and must be sklearn or scipy"),
    ("data", "clustering", ["sklearn"], "data.clustering is of type list"),
    ("versions", "kgan", 1, "versions is of type dict, and must be texts by name"),
    ("versions", "replicas", "two", "versions.replicas is 'two'"),
    ("versions", "replicas", "0", "versions.replicas is '0'"),
    ("branch", "run", None, "branch.run is None, and must be a text"), ("branch", "step", "7", "branch.step is '7'"),
    ("branch", "step", None, "branch.step is None"),
    ("branch", "anew", 1, "branch.anew is 1, and must be true or false"),
    ("branch", "changed", {"loss": 3}, "branch.changed"), ("branch", "before", {"run": 1}, "branch.before.run is 1"),
    ("branch", "before", {"run": "a"}, "branch.before.step is None"),
    ("branch", "before", _nested(120), "more than 100 times"),
    ("length", "minutes", "ten", "length.minutes is 'ten', and must be a number above 0"),
    ("length", "before", {"steps": 0}, "length.before"),
    ("length", "fixed_at", [], "length.fixed_at"), ("length", "fixed_at", [[5, 4]], "pairs of a step and a length")])
def test_a_config_that_is_not_what_it_must_be_is_a_sentence(run, section, name, value, said):
    config = json.loads(run.config_file.read_text())
    if section == "length":
        config["length"] = {"minutes": 1.0, "fixed_at": [[0, 9]],
                            "before": {"steps": 9, "decay_images": None, "momentum_images": None}}
    if section == "branch":
        config["branch"] = {"run": "runs/a", "step": 3, "changed": {}, "before": None}
    config[section][name] = value
    run.config_file.write_text(json.dumps(config))
    for read in (run.config, run.recipe):
        with pytest.raises(UserError, match="config.json' is damaged") as error:
            read()
        assert said in str(error.value) and "\n" not in str(error.value)
        assert len(str(error.value)) < 300 + len(str(run.path))


@pytest.mark.parametrize("branch", [None, _nested(60), {"run": "a", "step": 0, "file": "a.keras", "sha256": None}])
def test_what_it_may_be_is_read(run, branch):
    facts = {**DATA, "class_counts": [1, 0], "class_names": ["a", "b"], "clustering": "scipy", "kind_counts": None}
    run.write_config({**run.config(), "data": facts, "branch": branch, "rounded": "float16", "other": [[{}]]})
    assert run.config()["data"] == facts
    assert run.config()["branch"] == branch
    assert list(clusters.METHODS) == checks.CLUSTERINGS


def test_counts_of_other_classes_than_the_recipes_are_a_sentence(run):
    for classes, counts, good in ((3, [1, 2, 3], True), (3, [1, 2], False), (3, [1] * 1000, False), (3, None, True),
                                  (None, [1, 2], True)):
        recipe = models.recipe("dcgan_fast", "digits").override(classes=classes).to_dict()
        run.write_config({**run.config(), "recipe": recipe, "data": DATA | {"class_counts": counts}})
        if good:
            assert run.recipe().classes == classes
        else:
            with pytest.raises(UserError, match=f"class_counts is of {len(counts)} classes, and the recipe of 3"):
                run.recipe()


@pytest.mark.parametrize(("name", "value"), [
    ("numbers", {"fcd": "5"}), ("numbers", {"fcd": [5]}), ("numbers", {"fcd": float("inf")}), ("numbers", []),
    ("numbers", {"fcd": True}), ("numbers", {"count": "few"}), ("numbers", {"two_sample": [1]}),
    ("numbers", {"fcd": 10**309}), ("yardsticks", {"a": {"swd": "<b>"}}),
    ("yardsticks", {"a": 1}), ("notes", "Note."), ("notes", [1]), ("protocol", None), ("count", -1), ("count", "9"),
    ("verdict", [{"verdict": "ill"}]), ("verdict", [FINDING | {"evidence": 3}]), ("verdict", [FINDING | {"x": "y"}]),
    ("verdict", {})])
def test_scores_that_are_not_what_they_must_be_are_a_sentence(run, name, value):
    scores.save(run, 7, SCORES)
    assert scores.load(run, 7) == SCORES
    run.scores_file(7).write_text(json.dumps(SCORES | {name: value}))
    with pytest.raises(UserError, match="step_000007.json' is damaged") as error:
        scores.load(run, 7)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("; remove it, or evaluate again.")


def test_numbers_that_are_too_large_for_a_float_are_none(run):
    run.scores_file(7).parent.mkdir()
    run.scores_file(7).write_text(json.dumps(SCORES).replace("1.5", "1e999"))
    with pytest.raises(UserError, match="yardsticks is of type dict, and must be numbers by name"):
        scores.load(run, 7)


def test_a_file_that_is_no_json_of_bounded_size_is_a_sentence(run):
    for content in (b"[" * 100_000, b"\xff", b'{"a": ' + b"9" * 5000 + b"}", b" " * (checks.LARGEST + 1), b"-Infinity"):
        run.config_file.write_bytes(content)
        with pytest.raises(UserError, match="config.json' is damaged"):
            run.config()


def test_texts_have_no_characters_that_act(run):
    config = run.config() | {"versions": {"a\x1b[2J": "b\u202ec\ud800d\n"}}
    config["recipe"] |= {"data": "a\tb", "augment": "x\x07"}
    run.config_file.write_text(json.dumps(config))
    found = run.config()
    assert found["versions"] == {"a\ufffd[2J": "b\ufffdc\ufffdd\ufffd"}
    assert (found["recipe"]["data"], found["recipe"]["augment"]) == ("a\tb", "x\ufffd")  # a path is to be opened


@pytest.mark.parametrize("acting", "\u061c\u200e\u200f\u2028\u2029\u202e\u2066\x85")
def test_characters_that_act_are_marked(acting):
    assert checks.clean(f"a{acting}b") == "a\ufffdb"


@pytest.mark.parametrize(("place", "name"), [
    ("/home/a/b", "b"), ("b", "b"), ("a/b/", "b"), (r"C:\Users\a\b.zip", "b.zip"), ("preset:x", "preset:x"), ("/", "/"),
    ("../..", ".."), ("a/b\n", "b\ufffd")])
def test_the_last_name_of_a_path(place, name):
    assert checks.last_name(place) == name


def test_grids_are_png_of_the_run_itself(run, tmp_path, capsys):
    run.samples.mkdir()
    Image.new("L", (9, 9), 7).save(run.sample_file(0))
    Image.new("RGBA", (9, 9)).save(run.sample_file(1))
    Image.new("L", (9, 9)).save(run.sample_file(2), "BMP")
    Image.new("1", (checks.WIDEST + 1, 1)).save(run.sample_file(3))
    run.sample_file(4).write_bytes(run.sample_file(0).read_bytes()[:-30])
    Image.new("L", (9, 9)).save(tmp_path / "own.png")
    run.sample_file(5).symlink_to(tmp_path / "own.png")
    run.sample_file(6).symlink_to(run.sample_file(0))
    found = [checks.open_grid(run.sample_file(step), run.path) for step in range(8)]
    assert [picture and picture.mode for picture in found] == ["L", "RGB", None, None, None, None, "L", None]
    said = capsys.readouterr().err
    assert [step for step in range(8) if f"{run.sample_file(step)} is left out" in said] == [2, 3, 4, 5]
    (tmp_path / "link").symlink_to(run.path)  # whichever way the run itself is reached
    assert checks.open_grid(Run(tmp_path / "link").sample_file(0), tmp_path / "link") is not None


def test_scores_are_read_and_kept_inside_of_the_run(run, tmp_path):
    (tmp_path / "other").mkdir()
    run.scores.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="leads out of the run directory"):
        scores.save(run, 7, SCORES)
    (tmp_path / "other" / "step_000007.json").write_text(json.dumps(SCORES))
    assert scores.load(run, 7) is None


def test_a_recorded_path_is_opened_for_its_hash_alone(run, tmp_path, capsys):
    for number in range(12):
        (tmp_path / "own").mkdir(exist_ok=True)
        Image.new("L", (28, 28), number).save(tmp_path / "own" / f"{number}.png")
    config = run.config()
    run.write_config(config | {"recipe": config["recipe"] | {"dataset": None, "data": str(tmp_path / "own")}})
    source = locate_recorded(run)
    assert f"{str(tmp_path / 'own')!r}, as its config.json says" in capsys.readouterr().err
    prepared = cache.prepare(source, **run.recipe().image_settings)
    with pytest.raises(UserError, match=f"images of SHA-256 {'0' * 64}, and folder own has {prepared.sha256}"):
        check_recorded(run, prepared, source)
    run.write_config({**run.config(), "data": DATA | {"sha256": prepared.sha256}})
    check_recorded(run, prepared, source)
    run.write_config({**run.config(), "data": DATA | {"sha256": None}})
    with pytest.raises(UserError, match="names data='.*own', but no hash of the images, so the path is not opened"):
        locate_recorded(run)
    assert locate_recorded(run, str(tmp_path / "own")).count == 12  # the user's own word
    with pytest.raises(UserError, match="images of SHA-256 None"):
        check_recorded(run, prepared, source)


def test_a_home_that_is_not_there_is_a_sentence():
    with pytest.raises(UserError, match="'~nobody-here/photos' is not there"):
        sources.locate(data="~nobody-here/photos")
    with pytest.raises(UserError, match="'~nobody-here/run' is not a run directory"):
        Run("~nobody-here/run").config()
