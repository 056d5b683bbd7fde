"""What a run is told is part of it: images, classes and clusters are compared where it goes on or is replayed."""

import json

import keras
import numpy as np
import pytest

import kgan
from kgan import kernels, latent, models
from kgan.data import clusters
from kgan.layers import ClusterByLatent
from kgan.runs import loop, replay, resume, setup
from kgan.runs import training_data as data_lib
from kgan.runs.build import build_gan, set_shares
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


@pytest.fixture
def labelled(tmp_path):
    """Writes an .npz of 60 noisy images, class k of brightness 40 k, and returns its path; `by` moves the labels."""
    classes = np.arange(60) % 3
    images = (np.random.default_rng(0).integers(0, 40, (60, 28, 28)) + 70 * classes[:, None, None]).astype(np.uint8)

    def write(by=0):
        np.savez(tmp_path / "set.npz", images=images, labels=(classes + by) % 3)
        return str(tmp_path / "set.npz")

    return write


def _job(workdir, data, **given):
    return setup.resolve({"model": "dcgan_fast", "data": data, "clusters": 6, "steps": 2, "tick": 1, "batch_size": 4,
                          **given}, str(workdir))


def _open(job, **options):
    return resume.open_data(job.run, job.recipe, job.source, **options)


def _created(workdir, data, **given):
    """Returns a run that was created and not trained, and its data."""
    job = _job(workdir, data, **given)
    found = _open(job)
    job.run.create(job.recipe.override(classes=found.classes), data=found.facts, versions={})
    return job.run, found


def test_a_run_does_not_go_on_with_other_labels(tmp_path, labelled):
    run, found = _created(tmp_path / "run", labelled())
    assert found.labels_sha256 == run.config()["data"]["labels_sha256"]
    assert _open(_job(run.path, labelled())).labels_sha256 == found.labels_sha256
    job = _job(run.path, labelled(by=1))
    with pytest.raises(UserError, match=r"were told other classes or clusters of these images than those found now .*; "
                       r"bring the labels back, go on with the new ones by --accept_labels, or start a new run from "
                       r"this one: --init_from=.*run --workdir=NEW, with a larger length where this one is at its end"):
        _open(job)
    with pytest.raises(UserError, match="the labels are others: the run's networks were told other classes"):
        replay.open_data(run, job.source)
    accepted = _open(job, accept_labels=True)
    with resume.open_run(run, run.recipe(), accepted):
        assert run.config()["data"]["labels_sha256"] == accepted.labels_sha256 != found.labels_sha256
    assert _open(_job(run.path, labelled(by=1))).identity == accepted.identity
    assert run.config()["data"]["accepted_labels"] == [0]


def test_other_images_are_said_before_other_labels(tmp_path, labelled):
    """Also where there are fewer classes, or none, and --accept_labels can't help with these."""
    run, _ = _created(tmp_path / "run", labelled())
    images, labels = np.load(labelled())["images"], np.arange(60) % 3
    np.savez(tmp_path / "set.npz", images=images[labels < 2], labels=labels[labels < 2])
    with pytest.raises(UserError, match="this run was started on other images"):
        _open(_job(run.path, str(tmp_path / "set.npz")), accept_labels=True)
    np.savez(tmp_path / "set.npz", images=images, labels=labels % 2)
    for accept in (False, True):
        with pytest.raises(UserError, match=r"the networks of '.*run' are told 3 classes, and these data have 2 "
                           r"classes: they can't go on with them; bring the labels back, or start a new run: "
                           r"--workdir=NEW\.$"):
            _open(_job(run.path, str(tmp_path / "set.npz")), accept_labels=accept)


def test_names_of_classes_that_changed_are_kept_anew(tmp_path, labelled, capsys):
    run, _ = _created(tmp_path / "run", labelled())
    images = np.load(labelled())["images"]
    np.savez(tmp_path / "set.npz", images=images, labels=5 + np.arange(60) % 3)
    found = _open(_job(run.path, str(tmp_path / "set.npz")))
    with resume.open_run(run, run.recipe(), found):
        assert run.class_names == ["5", "6", "7"]
    assert "The classes are called 5, 6, 7 from here on, in place of 0, 1, 2." in capsys.readouterr().err


def test_what_was_trained_before_labels_were_accepted_is_not_replayed(tmp_path, labelled):
    run, _ = _created(tmp_path / "run", labelled())
    for step in (2, 4, 6, 8):
        (run.checkpoints / f"step-{step}").mkdir(parents=True)
    assert [window.start for window in replay.windows(run, 9)] == [0, 2, 4, 6]
    config = run.config()
    run.write_config(config | {"data": config["data"] | {"accepted_labels": [2, 4]}})
    assert [window.start for window in replay.windows(run, 9)] == [4, 6]


def test_a_closed_form_goes_on_with_its_own_images_alone_and_leaves_nothing_where_it_is_refused(tmp_path, labelled):
    job = setup.resolve({"model": "pca", "data": labelled(), "latent_dim": 100}, str(tmp_path / "run"))
    with pytest.raises(UserError, match="latent_dim=100"):
        loop.train(*job)
    assert not job.run.exists()
    loop.train(*setup.resolve({"model": "pca", "data": labelled(), "latent_dim": 9}, str(tmp_path / "run")))
    images = np.load(labelled())["images"]
    np.savez(tmp_path / "set.npz", images=255 - images, labels=np.arange(60) % 3)
    with pytest.raises(UserError, match=r"this run was started on other images .*; bring them back, or choose another "
                       r"--workdir\.$"):
        loop.train(*setup.resolve({}, str(tmp_path / "run")))


def test_arrays_and_a_named_data_set_are_not_both(tmp_path):
    with pytest.raises(UserError, match="dataset='digits', data=None and arrays: give one of them"):
        kgan.fit("dcgan_fast", np.zeros((60, 28, 28), np.uint8), dataset="digits", workdir=tmp_path / "run")


def test_networks_that_go_on_may_have_more_clusters_than_there_are_images(tmp_path, labelled):
    plain = _job(tmp_path / "a", labelled(), conditional=False, clusters=90)
    with pytest.raises(UserError, match="clusters=90 are more than the 60 images"):
        data_lib.prepare(plain.source, plain.recipe)
    found = data_lib.prepare(plain.source, plain.recipe, start=plain.run)
    assert (len(found.cluster_counts), sum(found.cluster_counts)) == (90, 60)


def test_conditional_on_a_branch_of_a_model_that_is_told_none_is_refused(tmp_path, labelled):
    job = setup.resolve({"data": labelled(), "conditional": True}, str(tmp_path / "b"), init_from="preset:zhao")
    with pytest.raises(UserError, match="classes=3: dcgan has no networks that are told classes; these have: "):
        setup.describe(job)


def test_other_images_name_the_way_to_a_new_run(tmp_path, labelled):
    run, _ = _created(tmp_path / "run", labelled())
    images = np.load(labelled())["images"]
    np.savez(tmp_path / "set.npz", images=images[::-1], labels=np.arange(60)[::-1] % 3)
    with pytest.raises(UserError, match=r"other images \(.*\), or on the same in another order, .*--init_from=.*run"):
        _open(_job(run.path, str(tmp_path / "set.npz")))


def _as_format_3(run, method="scipy", **changes):
    """Turns config.json into what kgan wrote before it kept a hash of the labels."""
    config = run.config()
    data = {name: value for name, value in config["data"].items() if name not in ("labels_sha256", "clustering")}
    data["kind_counts"] = data.pop("cluster_counts")
    run.config_file.write_text(json.dumps(config | {"format": 3, "data": data | changes}))


def test_a_run_of_format_3_goes_on_with_its_own_clusters_where_their_counts_are_equal(tmp_path, labelled, capsys):
    run, _ = _created(tmp_path / "run", labelled())
    job = _job(run.path, labelled())
    old = data_lib.prepare(job.source, run.recipe(), "scipy", start=run)
    _as_format_3(run, kind_counts=old.cluster_counts)
    found = _open(job)
    np.testing.assert_array_equal(found.labels, old.labels)
    np.testing.assert_array_equal(old.labels, clusters.clusters(found.prepared.images, 2, found.prepared.labels,
                                                                "scipy"))
    with resume.open_run(run, run.recipe(), found):
        config = run.config()
    assert (config["format"], config["data"]["labels_sha256"]) == (5, old.labels_sha256)
    assert config["data"]["clustering"] == "scipy"  # for the next time
    assert "This run's labels were not recorded yet." in capsys.readouterr().err
    np.testing.assert_array_equal(_open(job).labels, old.labels)


def test_a_run_of_format_3_whose_clusters_are_gone_is_refused_by_the_flag_that_accepts_others(tmp_path, labelled,
                                                                                             monkeypatch):
    run, _ = _created(tmp_path / "run", labelled())
    job = _job(run.path, labelled())
    _as_format_3(run, kind_counts=[1, 19, 10, 10, 10, 10])
    with pytest.raises(UserError, match="--accept_labels"):
        _open(job)

    def without_seed(features, count, iter, minit):
        raise AssertionError

    monkeypatch.setattr("scipy.cluster.vq.kmeans2", without_seed)  # as it will be: seed is no argument any more
    with pytest.raises(UserError, match=r"no kmeans2\(seed=\) any more; install an earlier SciPy, or give "
                       "--accept_labels"):
        _open(job)
    assert _open(job, accept_labels=True).method == "sklearn"


def test_clusters_do_not_depend_on_the_sign_of_a_singular_vector(monkeypatch):
    images = np.random.default_rng(3).integers(0, 256, (80, 14, 14, 1), np.uint8)
    expected, svd = clusters.clusters(images, 6), np.linalg.svd

    def flipped(*arguments, **options):
        left, values, right = svd(*arguments, **options)
        return -left, values, -right

    monkeypatch.setattr(np.linalg, "svd", flipped)
    np.testing.assert_array_equal(clusters.clusters(images, 6), expected)
    assert (clusters.clusters(images, 6, method="scipy") != clusters.clusters(images, 6)).any()


def test_networks_are_told_the_new_shares_of_labels_that_were_accepted():
    recipe = models.recipe("dcgan_fast").override(classes=2, clusters=4)
    gan = build_gan(recipe, [1, 3, 2, 2])
    set_shares([3, 1, 4, 0], gan.generator, gan.ema_generator)
    for network in (gan.generator, gan.ema_generator):
        np.testing.assert_array_equal(ClusterByLatent.of(network).shares, [[0.75, 0.25], [1, 0]])
    average = ClusterByLatent.of(gan.ema_generator).shares
    average.assign([[0.75, 0.25000003], [1, 0]])  # as averaging rounds it
    set_shares([3, 1, 4, 0], gan.generator, gan.ema_generator)
    assert float(average[0, 1]) > 0.25


@pytest.mark.parametrize("model", ["dcgan_fast", "dcgan_stable"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_cluster_that_is_told_is_the_one_that_is_drawn(model, precision):
    """Under mixed_bfloat16, 24% of 20,000 draws were of another cluster, of 128."""
    recipe = models.recipe(model).override(conditional=False, clusters=128, precision=precision)
    generator = models.build_generator(recipe)
    kind = ClusterByLatent.of(generator)
    told = np.arange(20_000) % 128
    z, _ = kind.z_for(told, latent.normal((1, 2), (20_000, recipe.latent_dim)))
    np.testing.assert_array_equal(kind(z), told)
    exported = ClusterByLatent.of(kernels.plain(generator, dtype="float32"))  # also what a web page is made of
    np.testing.assert_array_equal(exported(z), told)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        again = ClusterByLatent.from_config(kind.get_config() | {"dtype": "mixed_bfloat16"})  # as files of before say
    finally:
        keras.config.set_dtype_policy("float32")
    assert again.compute_dtype == "float32"


def test_networks_that_go_on_are_told_what_they_were(tmp_path, labelled):
    """A branch of networks without classes does not look for any, and one that is to have 10 can't have 3."""
    plain = _job(tmp_path / "a", labelled(), conditional=False, clusters=0)
    found = data_lib.prepare(plain.source, plain.recipe.override(conditional=True), start=plain.run)
    assert (found.classes, found.labels) == (None, None)
    ten = Run(tmp_path / "ten")
    ten.create(models.recipe("dcgan_fast", "digits").override(classes=10))
    (ten.checkpoints / "step-2").mkdir(parents=True)
    job = setup.resolve({"data": labelled(), "classes": 10}, str(tmp_path / "b"), init_from=f"{ten.path}@2")
    with pytest.raises(UserError, match=r"the networks of '.*ten' are told 10 classes, and these data have 3 classes: "
                       r"they can't go on with them\. Leave --classes out: then networks are told those that the data "
                       r"have\.$"):
        resume.open_data(job.run, job.recipe, job.source, job.branch)
    job = setup.resolve({"data": labelled()}, str(tmp_path / "b"), init_from=f"{ten.path}@2")
    assert (job.recipe.classes, job.branch.anew) == (3, True)


def test_a_branch_on_own_pictures_is_of_no_named_data_set(tmp_path, labelled):
    job = setup.resolve({"data": labelled()}, str(tmp_path / "b"), init_from="preset:digits")
    assert (job.recipe.dataset, job.recipe.data, job.source.name) == (None, labelled(), None)
    own = Run(tmp_path / "own")
    own.create(models.recipe("dcgan").override(dataset=None, data=labelled(), crop=20, skip_bad=True))
    (own.checkpoints / "step-2").mkdir(parents=True)
    named = setup.resolve({"dataset": "digits"}, str(tmp_path / "c"), init_from=f"{own.path}@2")
    assert (named.recipe.dataset, named.recipe.data, named.source.name) == ("digits", None, "digits")
    assert (named.recipe.crop, named.recipe.skip_bad) == (None, False)  # they were for the pictures of before
    kept = setup.resolve({"seed": 3}, str(tmp_path / "d"), init_from=f"{own.path}@2")
    assert (kept.recipe.dataset, kept.recipe.data, kept.source.name) == (None, labelled(), None)
    assert (kept.recipe.crop, kept.recipe.skip_bad) == (20, True)


def test_data_of_a_run_that_are_gone_are_said_to_be_the_runs(tmp_path, labelled):
    run, _ = _created(tmp_path / "run", labelled())
    (tmp_path / "set.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(UserError, match=r"set\.npz' is not there; .* These are the data of .*run; give their new place "
                       r"by --data\.$"):
        setup.resolve({}, str(run.path))
    found = resume.open_data(*setup.resolve({"data": str(tmp_path / "moved.npz")}, str(run.path))[:3])
    assert found.differences(run.config()["data"]) == []
