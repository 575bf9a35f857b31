"""Training, evaluation, export and ranking through the scripts, on a few drawn series."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_series.data import SeriesDataset, embed_examples
from keras_series.evaluation import evaluate_model
from keras_series.training import RunFolder
from tests.examples import FewSeries, encode_grey

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    FewSeries(data_dir=folder).download_and_prepare()
    return folder


def run(script, *flags):
    return subprocess.run(
        [sys.executable, ROOT / script, *flags], capture_output=True, text=True, cwd=ROOT
    )


def train(workdir, data_dir, *flags):
    return run(
        "train.py",
        f"--workdir={workdir}",
        "--dataset=few_series",
        f"--data_dir={data_dir}",
        "--preset=tiny",
        "--override=image_size=32",
        "--pack_size=4",
        "--batch_size=2",
        "--learning_rate=0.01",
        *flags,
    )


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    result = train(workdir, data_dir, "--epochs=2")
    assert result.returncode == 0, result.stderr
    return workdir, result.stdout + result.stderr


def test_run_folder_is_complete(finished):
    workdir, output = finished
    names = {path.name for path in workdir.iterdir()}
    assert names == {
        "flags.txt", "best.keras", "metrics.csv", "curves.png", "checkpoints", "tensorboard",
        "training.json",
    }  # fmt: skip
    training = json.loads((workdir / "training.json").read_text())
    assert (training["dataset"], training["preset"]) == ("few_series/1.0.0", "tiny")
    assert str(workdir / "best.keras") in output
    assert "1 of 10 photos could not be decoded" in output
    assert [row["epoch"] for row in RunFolder(workdir).read_metrics()] == [1, 2]
    assert any((workdir / "tensorboard").rglob("events*"))


def test_reference_is_the_mean_over_the_training_photos(finished, data_dir):
    model = RunFolder(finished[0]).load_best()
    examples = SeriesDataset.open("few_series", data_dir).examples("train")
    embeddings, valid = embed_examples(model, examples)
    expected = np.mean([e for e, ok in zip(embeddings, valid, strict=True) if ok], axis=0)
    assert valid.sum() == 9
    np.testing.assert_allclose(model.reference_embedding.numpy(), expected, atol=1e-5)


@pytest.mark.slow
def test_flags_repeat_the_run(finished, data_dir, tmp_path):
    workdir, _ = finished
    result = run("train.py", f"--flagfile={workdir / 'flags.txt'}", f"--workdir={tmp_path / 'b'}")
    assert result.returncode == 0, result.stderr
    first, again = (RunFolder(path).read_metrics() for path in (workdir, tmp_path / "b"))
    assert [row["loss"] for row in again] == pytest.approx([row["loss"] for row in first], rel=1e-3)


@pytest.mark.slow
def test_a_longer_run_resumes(finished, data_dir, tmp_path):
    workdir = shutil.copytree(finished[0], tmp_path / "run")
    before = RunFolder(workdir).read_metrics()
    result = train(workdir, data_dir, "--epochs=3")
    assert result.returncode == 0, result.stderr
    assert f"Resuming the run in {workdir} after epoch 2" in result.stdout
    rows = RunFolder(workdir).read_metrics()
    assert rows[:2] == before
    assert [row["epoch"] for row in rows] == [1, 2, 3]


def test_a_model_to_start_with_or_a_preset(tmp_path):
    flags = "--init_from=lite", "--dataset=none_of_this_name", f"--workdir={tmp_path}"
    # The default is in flags.txt, with which a run is repeated.
    assert "Received: both" not in run("train.py", *flags, "--preset=paper").stderr
    assert "Received: both" in run("train.py", *flags, "--preset=tiny").stderr


def test_a_mixture_of_datasets_is_not_reproduced(tmp_path):
    flags = "--dataset=biq2021/series,biq2021/mixed", f"--folder={tmp_path}"
    refused = run("reproduce.py", *flags)
    assert refused.returncode == 1
    assert "Expected one dataset" in refused.stderr


def test_other_flags_in_the_same_folder_are_refused(finished, data_dir):
    result = train(finished[0], data_dir, "--epochs=2", "--labels=soft")
    assert result.returncode == 1
    assert "--labels=soft" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_run_that_failed_at_once_can_be_repeated(data_dir, tmp_path):
    failed = train(tmp_path, data_dir, "--epochs=1", "--override=arrangement=diagonal")
    assert failed.returncode == 1
    assert "diagonal" in failed.stderr
    mended = train(tmp_path, data_dir, "--epochs=1", "--override=arrangement=channel")
    assert mended.returncode == 0, mended.stderr


def test_stray_and_unknown_arguments_are_refused(tmp_path):
    stray = run("train.py", f"--workdir={tmp_path}", "--dataset=few_series", "stray")
    unknown = run("train.py", f"--workdir={tmp_path}", "--dataset=few_series", "--speed=9")
    assert stray.returncode != 0
    assert "stray" in stray.stderr + stray.stdout
    assert unknown.returncode != 0
    assert "speed" in unknown.stderr


def test_help_explains_every_flag():
    result = run("train.py", "--flagfile=configs/photo_triage.flags", "--help")
    for name in ("workdir", "dataset", "preset", "labels", "dense_multiplier", "decay_factor"):
        assert f"--{name}" in result.stdout or f"--[no]{name}" in result.stdout


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    base = tmp_path_factory.mktemp("exported")
    result = run("export.py", f"--workdir={finished[0]}", f"--base={base}")
    assert result.returncode == 0, result.stderr
    return base / "1"


def test_evaluate(finished, data_dir):
    flags = f"--workdir={finished[0]}", "--dataset=few_series", f"--data_dir={data_dir}"
    evaluated = run("evaluate.py", *flags)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "sharpness" in evaluated.stdout


def test_evaluate_without_the_split_and_the_model_of_the_training(finished, data_dir, tmp_path):
    folder = RunFolder(shutil.copytree(finished[0], tmp_path / "run"))
    folder.write_training({"init_from": str(tmp_path / "moved")})
    copy = shutil.copytree(data_dir, tmp_path / "datasets")
    (path,) = copy.rglob("dataset_info.json")
    info = json.loads(path.read_text())
    info["splits"] = [split for split in info["splits"] if split["name"] != "train"]
    path.write_text(json.dumps(info))
    report, _ = evaluate_model(folder.path, "few_series", copy)
    assert report["leaks"] is None
    assert "start" not in report["predictors"]
    assert folder.provenance()["evaluation"]["metrics"] == report["predictors"]["model"]


def rank(tmp_path, *flags, **environment):
    """Ranks with a cache of its own, from another folder."""
    return subprocess.run(
        [sys.executable, ROOT / "rank.py", *map(str, flags)],
        capture_output=True, cwd=tmp_path, text=not environment,
        env=os.environ | {"KERAS_HOME": str(tmp_path / "home")} | environment,
    )  # fmt: skip


def write_folders(tmp_path):
    """Three photos in a folder, a broken one in another, and a file that is none."""
    photos = tmp_path / "photos"
    (photos / "broken").mkdir(parents=True)
    (photos / "broken" / "0.jpg").write_bytes(b"\xff\xd8\xff no photo")
    contents = {f"{grey}.png": encode_grey(grey) for grey in (50, 120, 200)}
    for name, content in contents.items():
        (photos / name).write_bytes(content)
    (photos / "page.jpg").write_bytes(b"<html>")
    return photos, contents


def test_rank(exported, tmp_path):
    photos, contents = write_folders(tmp_path)
    flags = photos, photos / "broken", f"--model={exported}", "--by_folder", "--csv=a/b.csv"
    ranked = rank(tmp_path, *flags)
    assert ranked.returncode == 0, ranked.stderr
    assert "4 photos: 1 series, 1 single photo." in ranked.stdout
    assert f"  {photos}/broken/0.jpg: truncated" in ranked.stdout
    assert "Files skipped: 1 not an image (.jpg)." in ranked.stdout
    assert rows(ranked.stdout) == expected_rows(exported, contents)
    table = (tmp_path / "a" / "b.csv").read_bytes()
    # The second run needs neither the photos nor TensorFlow, and says the same.
    again = rank(tmp_path, *flags, CUDA_VISIBLE_DEVICES="", PYTHONWARNINGS="ignore")
    assert again.stdout.decode() == ranked.stdout
    assert (tmp_path / "a" / "b.csv").read_bytes() == table


def test_a_second_run_imports_no_tensorflow(exported, tmp_path):
    photos, _ = write_folders(tmp_path)
    cache = tmp_path / "c.sqlite"
    code = (
        "import sys; from keras_series.ranking import rank_photos; "
        f"rank_photos([{str(photos)!r}], {str(exported)!r}, cache={str(cache)!r}); "
        "print('tensorflow' in sys.modules)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout.strip() for run in runs] == ["True", "False"]


def test_nothing_is_written_in_a_dry_run(exported, tmp_path):
    photos, _ = write_folders(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    flags = "--csv=a/b.csv", "--json=b.json", "--copy_best=best", "--dry_run"
    result = rank(tmp_path, photos, f"--model={exported}", "--by_folder", *flags)
    assert result.returncode == 0, result.stderr
    assert "Table, not written: a/b.csv" in result.stdout
    assert "Copies in best, not written: 1 copied." in result.stdout
    home = tmp_path / "home"
    after = [path for path in tmp_path.rglob("*") if path != home and home not in path.parents]
    assert sorted(after) == before


def test_sidecars_and_copies_are_undone_at_once(exported, tmp_path):
    photos, _ = write_folders(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    flags = photos, f"--model={exported}", "--by_folder", "--keep=50%", "--copy_best=best"
    written = rank(tmp_path, *flags, "--xmp").stdout
    assert "Sidecars: 3 created." in written
    assert "2 copied" in written
    assert len(list((tmp_path / "best").iterdir())) == 2
    # With the folder of the copies.
    assert "Taken back: 6 removed." in rank(tmp_path, "--undo").stdout
    home = tmp_path / "home"
    after = [path for path in tmp_path.rglob("*") if path != home and home not in path.parents]
    assert sorted(after) == before


def test_rank_fails_if_no_photo_can_be_read(exported, tmp_path):
    photos, _ = write_folders(tmp_path)
    result = rank(tmp_path, photos / "broken", f"--model={exported}", "--csv=a.csv")
    assert result.returncode == 1
    assert f"{photos}/broken/0.jpg: truncated" in result.stdout
    assert "error: Expected at least one photo that can be read" in result.stderr


def test_rank_prints_names_that_the_terminal_lacks(exported, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "\u65e5\u672c.png").write_bytes(encode_grey(120))
    (tmp_path / "photos" / "\u65e5\x1b.png").write_bytes(encode_grey(20))
    table = tmp_path / "\u8868.csv"
    flags = "--photos=photos", f"--model={exported}", f"--csv={table}", "--by_folder"
    ranked = rank(tmp_path, *flags, PYTHONIOENCODING="latin-1")
    assert ranked.returncode == 0, ranked.stderr
    for name in (rb"\u65e5\u672c.png", rb"\u65e5\x1b.png", rb"\u8868.csv"):
        assert name in ranked.stdout
    assert "\u65e5\u672c.png" in table.read_text(encoding="utf-8")


def rows(table):
    """Returns the rows of a series that have a score: rank, score, sure and name."""
    lines = [line.lstrip("* ").split() for line in table.splitlines() if line.endswith(".png")]
    return [[*line[:3], line[-1]] if len(line) > 3 else line for line in lines]


def expected_rows(model, contents):
    """Returns the same rows, computed with the signatures `rank` and `score`."""
    signatures = tf.saved_model.load(str(model)).signatures
    photo_bytes = list(contents.values())
    by_rank = signatures["rank"](
        photo_bytes=tf.constant([photo_bytes]), photo_count=tf.constant([len(photo_bytes)])
    )
    preferences = by_rank["preference"][0].numpy()
    order = np.argsort(by_rank["rank"][0].numpy())
    scores = signatures["score"](photo_bytes=tf.constant(photo_bytes))["score"].numpy()
    sure = [f"{preferences[pair]:.0%}" for pair in itertools.pairwise(order)]
    names = list(contents)
    return [
        [str(rank), f"{scores[place]:.3f}", *sure[rank - 1 : rank], names[place]]
        for rank, place in enumerate(order, start=1)
    ]


@pytest.mark.parametrize("script", ["evaluate.py", "export.py"])
def test_missing_model_says_what_to_run(script, tmp_path):
    result = run(
        script, f"--workdir={tmp_path}", "--dataset=x", "--base=x", "--undefok=dataset,base"
    )
    assert result.returncode == 1
    assert "train.py" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["missing"], "Expected a folder of photos, or a photo. Received: 'missing'"),
        (["--photos=."], "in '.'. Received: 1 not an image"),
        ([".", "--html=a.jpg"], "Expected --html to be a file .html or .htm. Received"),
        ([".", "--csv=a.html"], "Expected --csv to be a file .csv. Received: 'a.html'"),
        ([".", "--csv=file/a.csv"], "Expected a writable folder. Received: "),
        ([".", "--keep=0"], "Expected --keep to be a number such as 2"),
        ([".", "--copy_best=best"], "Expected --copy_best to be outside the folders of photos"),
        ([".", "--cache=file"], "Expected --cache to be a new file"),
        ([".", "--model=x"], "Expected the folder of an exported version"),
        ([".", "--undo"], "Expected one of them. Received: --undo and folders"),
        (["--apply=a.json"], "Expected --xmp or --copy_best with --apply. Received: neither"),
        (["--undo", "--csv=a.csv"], "Expected folders with --csv. Received: --undo"),
        ([], "Expected folders of photos, --apply or --undo. Received: none"),
    ],
)
def test_rank_names_what_is_wrong_with_its_flags(flags, message, tmp_path):
    (tmp_path / "file").write_text("a file")
    if "--model=x" in flags:
        (tmp_path / "1.png").write_bytes(encode_grey(1))
    result = rank(tmp_path, *flags)
    assert result.returncode == 1
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "1.png", "home"}
