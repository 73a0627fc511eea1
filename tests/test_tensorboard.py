"""``SummaryWriter``: the event files are read back, with a reader of their own, and compared."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import math
import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.errors import ArgumentError, DependencyError, ShapeError, TraceError
from thalweg.utils.tensorboard import SummaryWriter
from thalweg.viz import Picture

proto = pytest.importorskip("tensorboardX.proto", reason="tensorboardX is not installed: the extra 'tensorboard'")
from tensorboardX.proto import event_pb2, graph_pb2, layout_pb2, plugin_hparams_pb2, types_pb2  # noqa: E402


def crc32c(data):
    """CRC-32C, bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def records(path):
    """The messages of an event file: length, its checksum, the message, its checksum."""
    content = path.read_bytes()
    while content:
        assert masked(content[:8]) == content[8:12]
        (n,) = struct.unpack("<Q", content[:8])
        yield content[12 : 12 + n]
        assert masked(content[12 : 12 + n]) == content[12 + n : 16 + n]
        content = content[16 + n :]


def events(folder):
    """The events of the one file in a folder, without the version that begins it."""
    (path,) = Path(folder).glob("events.out.tfevents.*")
    first, *others = [event_pb2.Event.FromString(record) for record in records(path)]
    assert first.file_version == "brain.Event:2"
    return others


def written(tmp_path, method, *args, **kwargs):
    """The one event and its value that a method writes."""
    with SummaryWriter(tmp_path) as writer:
        getattr(writer, method)(*args, **kwargs)
    (event,) = events(tmp_path)
    (value,) = event.summary.value
    return event, value


def test_the_checksum():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4


# -- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [0.5, tw.tensor([0.5], requires_grad=True), np.float32(0.5), tw.tensor(0.5).double()])
def test_scalar(tmp_path, x):
    event, value = written(tmp_path, "add_scalar", "loss of the net/train", x, tw.tensor(300), walltime=12.5)
    assert (event.step, event.wall_time) == (300, 12.5)
    assert (value.tag, value.simple_value) == ("loss of the net/train", 0.5)


def test_scalar_in_the_new_style(tmp_path):
    _, value = written(tmp_path, "add_scalar", "loss", 0.1, new_style=True, double_precision=True)
    assert list(value.tensor.double_val) == [0.1]
    assert value.metadata.plugin_data.plugin_name == "scalars"


def test_not_one_number_is_refused(tmp_path):
    with (
        SummaryWriter(tmp_path) as writer,
        pytest.raises(ArgumentError, match=r"'loss' must be one number, got an array of shape \(2,\)"),
    ):
        writer.add_scalar("loss", tw.zeros(2))


def test_scalars_go_to_a_folder_each(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss/all", {"train": 1, "test": tw.tensor(2.0)}, 7)
        writer.add_scalars("loss/all", {"train": 3}, 8)
    train, test = events(tmp_path / "loss_all_train"), events(tmp_path / "loss_all_test")
    assert [(e.step, e.summary.value[0].tag, e.summary.value[0].simple_value) for e in train] == [
        (7, "loss/all", 1.0), (8, "loss/all", 3.0)
    ]  # fmt: skip
    assert [e.summary.value[0].simple_value for e in test] == [2.0]


@pytest.mark.parametrize("dtype", [tw.float16, tw.float32, tw.float64, tw.int64, tw.uint8, tw.bool], ids=str)
def test_tensor(tmp_path, dtype):
    x = tw.tensor([[0, 1, 3], [1, 1, 0]]).to(dtype)
    _, value = written(tmp_path, "add_tensor", "x", x, 1)
    assert [d.size for d in value.tensor.tensor_shape.dim] == [2, 3]
    held = next(list(numbers) for field, numbers in value.tensor.ListFields() if field.name.endswith("_val"))
    if dtype is tw.float16:
        held = np.array(held, np.uint16).view(np.float16)
    assert [float(v) for v in held] == x.flatten().double().tolist()


def test_histogram(tmp_path):
    x = tw.tensor([[-3.0, 0.0], [1.0, 1.05]], requires_grad=True)
    _, value = written(tmp_path, "add_histogram", "weights", x, 3)
    found = value.histo
    assert (found.min, found.max, found.num) == (-3.0, pytest.approx(1.05), 4)
    assert (found.sum, found.sum_squares) == (pytest.approx(-0.95), pytest.approx(9 + 1 + 1.05**2))
    limits, counts = np.array(found.bucket_limit), np.array(found.bucket)
    assert counts.sum() == 4
    assert (np.diff(limits) > 0).all()
    # each value lies below the limit of its bucket, and not below that before it
    for v in (-3.0, 0.0, 1.0, 1.05):
        assert counts[np.searchsorted(limits, v, side="right")] > 0


def test_histogram_with_given_bins(tmp_path):
    _, value = written(tmp_path, "add_histogram", "weights", tw.tensor([1.0, 2.0, 4.0]), bins=3)
    assert list(value.histo.bucket_limit) == [1.0, 2.0, 3.0, 4.0]
    assert list(value.histo.bucket) == [0.0, 1.0, 1.0, 1.0]


def test_histogram_that_is_known(tmp_path):
    _, value = written(tmp_path, "add_histogram_raw", "h", 0, 2, 3, 4.0, tw.tensor(6.0), [1.0, 2.0], tw.tensor([1, 2]))
    assert list(value.histo.bucket) == [1.0, 2.0]
    assert (value.histo.sum, value.histo.sum_squares) == (4.0, 6.0)


@pytest.mark.parametrize("x", [tw.tensor([1.0, math.nan]), tw.zeros(0), [math.inf]])
def test_histogram_of_nothing_finite_is_refused(tmp_path, x):
    with SummaryWriter(tmp_path) as writer, pytest.raises(ArgumentError, match="all of them finite"):
        writer.add_histogram("weights", x)


def test_precision_and_recall(tmp_path):
    labels, predictions = tw.tensor([1, 1, 0, 0]), tw.tensor([0.9, 0.4, 0.6, 0.1])
    _, value = written(tmp_path, "add_pr_curve", "pr", labels, predictions, num_thresholds=3)
    assert value.metadata.plugin_data.plugin_name == "pr_curves"
    table = np.array(value.tensor.float_val).reshape(6, 3)
    # thresholds 0, 1/2, 1: true and false positives, true and false negatives, precision, recall
    assert table[:4].tolist() == [[2, 1, 0], [2, 1, 0], [0, 1, 2], [0, 1, 2]]
    assert table[4:].tolist() == [[0.5, 0.5, 0.0], [1.0, 0.5, 0.0]]


def test_precision_and_recall_that_are_known(tmp_path):
    columns = [tw.tensor([float(i), 1.0]) for i in range(6)]
    _, value = written(tmp_path, "add_pr_curve_raw", "pr", *columns, num_thresholds=2)
    assert list(value.tensor.float_val) == [0, 1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1]


# -- pictures, sounds and texts ---------------------------------------------------------------------------


def pixels(value):
    from PIL import Image

    with Image.open(io.BytesIO(value.image.encoded_image_string)) as image:
        return np.asarray(image.convert("RGB"))


def test_image(tmp_path):
    x = tw.rand(3, 4, 5, generator=tw.Generator().manual_seed(0))
    _, value = written(tmp_path, "add_image", "a picture", x)
    assert (value.tag, value.image.height, value.image.width, value.image.colorspace) == ("a picture", 4, 5, 3)
    assert (pixels(value) == np.round(x.numpy().transpose(1, 2, 0) * 255)).all()


def test_image_of_bytes_and_other_axes(tmp_path):
    x = np.arange(20, dtype=np.uint8).reshape(4, 5)
    _, value = written(tmp_path, "add_image", "picture", x, dataformats="HW")
    assert (pixels(value)[..., 0] == x).all()


def test_images_stand_side_by_side(tmp_path):
    _, value = written(tmp_path, "add_images", "pictures", tw.stack([tw.zeros(1, 4, 4), tw.ones(1, 4, 4)]))
    assert pixels(value).mean() == pytest.approx(127.5)
    assert pixels(value).shape[0] * pixels(value).shape[1] == 32


def test_image_with_boxes(tmp_path):
    boxes = tw.tensor([[2, 3, 12, 9]])
    _, value = written(tmp_path, "add_image_with_boxes", "found", tw.ones(3, 16, 16), boxes)
    red = (pixels(value) == [255, 0, 0]).all(-1)
    assert red[3:10, 2].all()
    assert red[3, 2:13].all()
    assert not red[5:8, 5:10].any()


def test_image_of_other_axes_than_said_is_refused(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(ShapeError, match="axes 'CHW' of dataformats"):
        writer.add_image("picture", tw.zeros(2, 3))


def test_figure_of_thalweg_s_own(tmp_path):
    pytest.importorskip("resvg_py")

    class Square(Picture):
        title, description, width, height = "a square", "a square", 12, 8

        def body(self):
            return '<rect width="12" height="8" fill="#ff0000"/>'

    _, value = written(tmp_path, "add_figure", "figure", Square())
    assert (value.image.width, value.image.height) == (24, 16)
    assert (pixels(value) == [255, 0, 0]).all()


def test_figure_of_matplotlib_s(tmp_path):
    if importlib.util.find_spec("matplotlib") is None:
        with SummaryWriter(tmp_path) as writer, pytest.raises(DependencyError, match="pip install matplotlib"):
            writer.add_figure("figure", object())
        return
    from matplotlib.figure import Figure

    _, value = written(tmp_path, "add_figure", "figure", Figure(figsize=(2, 1), dpi=50), close=False)
    assert (value.image.width, value.image.height) == (100, 50)


def test_video(tmp_path):
    from PIL import Image

    clips = tw.stack([tw.zeros(3, 1, 4, 5), tw.ones(3, 1, 4, 5)])
    _, value = written(tmp_path, "add_video", "clip", clips, fps=10)
    with Image.open(io.BytesIO(value.image.encoded_image_string)) as image:
        assert image.size == (10, 4)
        first = np.asarray(image.convert("L"))
    assert (first[:, :5] == 0).all()
    assert (first[:, 5:] == 255).all()
    with SummaryWriter(tmp_path / "other") as writer, pytest.raises(ShapeError, match=r"\(N, T, C, H, W\)"):
        writer.add_video("clip", tw.zeros(3, 4, 5))


def test_audio(tmp_path):
    _, value = written(tmp_path, "add_audio", "sound", tw.tensor([[0.0, 0.5, -1.0, 3.0]]), sample_rate=8000)
    assert (value.audio.sample_rate, value.audio.length_frames, value.audio.num_channels) == (8000, 4, 1)
    with wave.open(io.BytesIO(value.audio.encoded_audio_string)) as sound:
        assert sound.getframerate() == 8000
        assert np.frombuffer(sound.readframes(4), "<i2").tolist() == [0, 16384, -32767, 32767]


def test_text(tmp_path):
    _, value = written(tmp_path, "add_text", "note", "**hello**")
    assert (value.tag, list(value.tensor.string_val)) == ("note/text_summary", [b"**hello**"])


# -- graphs -----------------------------------------------------------------------------------------------


def graph_of(tmp_path, *args, **kwargs):
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(*args, **kwargs)
    (event,) = events(tmp_path)
    return {node.name: node for node in graph_pb2.GraphDef.FromString(event.graph_def).node}


def sizes(node):
    (shape,) = node.attr["_output_shapes"].list.shape
    return [d.size for d in shape.dim]


def test_graph_has_modules_as_groups_and_shapes(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    nodes = graph_of(tmp_path, model, tw.zeros(5, 3))
    assert set(nodes) == {
        "input/input", "Sequential/0/weight", "Sequential/0/bias", "Sequential/0/linear", "Sequential/1/0/relu",
        "Sequential/1/1/weight", "Sequential/1/1/bias", "Sequential/1/1/linear", "output/output",
    }  # fmt: skip
    first = nodes["Sequential/0/linear"]
    assert list(first.input) == ["input/input", "Sequential/0/weight", "Sequential/0/bias"]
    assert (first.op, sizes(first)) == ("Linear", [5, 4])
    assert first.attr["dtype"].type == types_pb2.DT_FLOAT
    assert first.attr["line"].s.startswith(b"test_tensorboard.py:")
    assert (nodes["input/input"].op, nodes["Sequential/0/weight"].op) == ("Argument", "Parameter")
    assert list(nodes["output/output"].input) == ["Sequential/1/1/linear"]
    assert model[0].weight.grad is None


def test_graph_of_a_function_and_of_several_inputs(tmp_path, capsys):
    def distance(a, b):
        return ((a - b) ** 2).sum() * 0.5

    nodes = graph_of(tmp_path, distance, (tw.zeros(3), tw.zeros(3)), verbose=True)
    assert {"input/a", "input/b", "distance/sub", "output/C"} <= set(nodes)
    assert nodes["distance/mul"].attr["parameters"].s == b"0.5"
    assert all(name in nodes for node in nodes.values() for name in node.input)
    assert "sub float32[3]" in capsys.readouterr().out


def test_nodes_of_one_kind_get_numbers(tmp_path):
    nodes = graph_of(tmp_path, lambda x: (x + 1).tanh().tanh(), tw.zeros(2))
    assert {"<lambda>/tanh", "<lambda>/tanh_1"} <= set(nodes)


def test_graph_of_a_model_that_draws_and_keeps_statistics(tmp_path):
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    nodes = graph_of(tmp_path, model, tw.zeros(5, 3))
    assert nodes["Sequential/random_state"].op == "Random"
    assert {"Sequential/1/uniform", "Sequential/0/running_mean"} <= set(nodes)
    assert model[0].num_batches_tracked == 0


def test_graph_that_depends_on_values_is_refused(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(TraceError, match=r"test_tensorboard\.py:\d+: a branch"):
        writer.add_graph(lambda x: x if x.sum() > 0 else -x, tw.zeros(2))


# -- embeddings, settings, layouts, meshes ----------------------------------------------------------------


def test_embedding(tmp_path):
    from PIL import Image

    points = tw.tensor([[1.0, 2.5], [3.0, 4.0]])
    pictures = tw.stack([tw.zeros(1, 4, 4), tw.ones(1, 4, 4)])
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(points, ["a", "b"], pictures, global_step=3, tag="a/b")
    folder = tmp_path / "00003" / "a%2fb"
    assert (folder / "tensors.tsv").read_text() == "1.0\t2.5\n3.0\t4.0\n"
    assert (folder / "metadata.tsv").read_text() == "a\nb\n"
    with Image.open(folder / "sprite.png") as image:
        sprite = np.asarray(image.convert("L"))
    assert sprite.shape == (8, 8)
    assert (sprite[:4, 4:] == 255).all()
    assert sprite.sum() == 255 * 16
    assert 'tensor_path: "00003/a%2fb/tensors.tsv"' in (tmp_path / "projector_config.pbtxt").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((tw.zeros(3),), r"a matrix \(N, D\), got shape \(3,\)"),
        ((tw.zeros(2, 3), ["a"]), "2 points have 1 labels"),
        ((tw.zeros(2, 3), None, tw.zeros(2, 3, 4, 5)), r"shape \(2, 1 or 3, H, H\)"),
    ],
)
def test_embedding_that_does_not_fit_is_refused(tmp_path, args, message):
    with SummaryWriter(tmp_path) as writer, pytest.raises(ShapeError, match=message):
        writer.add_embedding(*args)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_hyperparameters(tmp_path):
    settings = {"lr": 0.1, "layers": tw.tensor(3), "kind": "relu", "bias": True}
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams(settings, {"accuracy": tw.tensor(0.5)}, {"kind": ["relu", "tanh"]}, run_name="one")
    *session, accuracy = events(tmp_path / "one")
    assert accuracy.summary.value[0].simple_value == 0.5
    found = {}
    for event in session:
        content = event.summary.value[0].metadata.plugin_data.content
        found[event.summary.value[0].tag] = plugin_hparams_pb2.HParamsPluginData.FromString(content)
    kinds = {h.name: list(h.domain_discrete) for h in found["_hparams_/experiment"].experiment.hparam_infos}
    assert kinds == {"lr": [], "layers": [], "kind": ["relu", "tanh"], "bias": []}
    values = found["_hparams_/session_start_info"].session_start_info.hparams
    assert (values["lr"].number_value, values["layers"].number_value) == (0.1, 3.0)
    assert (values["kind"].string_value, values["bias"].bool_value) == ("relu", True)
    with SummaryWriter(tmp_path) as writer, pytest.raises(ArgumentError, match=r"hparam_domain_discrete\['kind'\]"):
        writer.add_hparams(settings, {}, {"kind": [1]})


def test_custom_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_custom_scalars_multilinechart(["a", "b"], "mine", "both")
        writer.add_custom_scalars_marginchart(["a", "low", "high"])
        with pytest.raises(ArgumentError, match="three tags, got 1"):
            writer.add_custom_scalars_marginchart(["a"])
    first, second = (
        layout_pb2.Layout.FromString(event.summary.value[0].tensor.string_val[0]).category[0]
        for event in events(tmp_path)
    )
    assert (first.title, first.chart[0].title, list(first.chart[0].multiline.tag)) == ("mine", "both", ["a", "b"])
    assert second.chart[0].margin.series[0].lower == "low"


def test_mesh(tmp_path):
    vertices, faces = tw.rand(1, 4, 3), tw.tensor([[[0, 1, 2]]])
    with SummaryWriter(tmp_path) as writer:
        writer.add_mesh("mesh", vertices, faces=faces)
    (event,) = events(tmp_path)
    first, second = event.summary.value
    assert list(first.tensor.float_val) == vertices.flatten().tolist()
    assert list(second.tensor.float_val) == [0.0, 1.0, 2.0]


# -- the files --------------------------------------------------------------------------------------------


def test_files_have_names_of_their_own_and_the_suffix(tmp_path):
    writers = [SummaryWriter(tmp_path / "run", filename_suffix=".end") for _ in range(2)]
    for writer in writers:
        writer.close()
    assert len(list((tmp_path / "run").glob("events.out.tfevents.*.end"))) == 2
    assert writers[0].get_logdir() == writers[0].log_dir == str(tmp_path / "run")


def test_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SummaryWriter(comment="_lr_0.1").close()
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_lr_0.1")


def test_events_wait_for_the_queue_and_for_flush(tmp_path):
    writer = SummaryWriter(tmp_path, max_queue=3)
    counts = []
    for step in range(5):
        writer.add_scalar("x", step, step)
        counts.append(len(events(tmp_path)))
    assert counts == [0, 0, 3, 3, 3]
    writer.flush()
    assert len(events(tmp_path)) == 5
    writer.close()
    writer.close()


def test_events_wait_no_longer_than_said(tmp_path):
    writer = SummaryWriter(tmp_path, flush_secs=0)
    writer.add_scalar("x", 1)
    assert len(events(tmp_path)) == 1
    writer.close()


def test_a_closed_writer_goes_on_in_a_new_file(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.close()
    writer.add_scalar("x", 1.0)
    writer.close()
    files = sorted(tmp_path.glob("events.*"), key=lambda path: int(path.name.rpartition(".")[2]))
    assert [len(list(records(path))) for path in files] == [1, 2]


def test_purging_says_where_the_run_goes_on(tmp_path):
    SummaryWriter(tmp_path, purge_step=7).close()
    (event,) = events(tmp_path)
    assert (event.step, event.session_log.status) == (7, event_pb2.SessionLog.START)


def test_without_tensorboardx_no_writer_is_made(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        DependencyError, match=r"SummaryWriter needs tensorboardX: pip install 'thalweg\[tensorboard\]'"
    ):
        SummaryWriter(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "method", "args", "message"),
    [
        ("PIL", "add_image", ("x", tw.zeros(3, 2, 2)), r"pip install 'thalweg\[images\]'"),
        ("PIL", "add_video", ("x", tw.zeros(1, 1, 3, 2, 2)), r"pip install 'thalweg\[images\]'"),
        ("onnx", "add_onnx_graph", ("x.onnx",), "pip install onnx"),
    ],
)
def test_missing_packages_are_named(tmp_path, monkeypatch, missing, method, args, message):
    monkeypatch.setitem(sys.modules, missing, None)
    with SummaryWriter(tmp_path) as writer, pytest.raises(DependencyError, match=message):
        getattr(writer, method)(*args)


# -- PyTorch's interface ----------------------------------------------------------------------------------


def pytorch_methods():
    """The parameters of PyTorch's methods and their defaults, read in its source: importing it takes TensorBoard."""
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        pytest.skip("PyTorch is not installed")
    source = (Path(torch.origin).parent / "utils" / "tensorboard" / "writer.py").read_text(encoding="utf-8")
    (cls,) = [n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == "SummaryWriter"]
    for method in cls.body:
        if isinstance(method, ast.FunctionDef) and (method.name == "__init__" or not method.name.startswith("_")):
            names = [a.arg for a in method.args.args]
            yield method.name, names, [ast.literal_eval(d) for d in method.args.defaults]


@pytest.mark.oracle
def test_methods_take_what_pytorch_s_take():
    for name, names, defaults in pytorch_methods():
        ours = inspect.signature(getattr(SummaryWriter, name)).parameters
        assert list(ours) == names, name
        given = [p.default for p in ours.values() if p.default is not inspect.Parameter.empty]
        assert given == defaults, name
