"""Checkpoints go to PyTorch and come from it with nothing lost, and no code of theirs is run."""

import collections
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import SerializationError
from thalweg.io import load_file, load_torch, save_file, save_torch

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]
FORMATS = [True, False]  # the zip archive, the older stream


def from_torch(obj, zipped=True, **options):
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=zipped, **options)
    file.seek(0)
    return load_torch(file)


def to_torch(obj):
    file = io.BytesIO()
    save_torch(obj, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def same(ours, theirs):
    """Equal structures, types, dtypes and bits."""
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.stride() == theirs.stride() or not theirs.numel()
        assert ours.requires_grad == theirs.requires_grad
        assert isinstance(ours, tw.nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)) and type(theirs) in (list, tuple):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for x, y in zip(ours, theirs, strict=True):
            same(x, y)
    elif isinstance(theirs, (torch.dtype, torch.device, torch.Size)):
        assert str(ours).split(".")[-1] == str(theirs).split(".")[-1]
    else:
        assert type(ours) is type(theirs)
        assert ours == theirs or ours != ours  # NaN


PLAIN = {
    "none": None, "flags": [True, False], "ints": (0, -1, 255, 256, -(2**31), 2**31, 2**63, -(2**80)), "text": "grün\n",
    "floats": [0.1, float("inf"), float("nan"), -0.0], "bytes": b"\x00\xff", "empty": [(), [], {}, ""],
    3: {"nested": {(1, "a"): 2.5}}, "ordered": collections.OrderedDict(b=1, a=2), "set": {1, 2},
    "counter": collections.Counter("aab"),
}  # fmt: skip


@pytest.mark.parametrize("zipped", FORMATS)
def test_plain_values_come_from_pytorch(zipped):
    same(from_torch(PLAIN, zipped), PLAIN)


def test_plain_values_go_to_pytorch():
    same(PLAIN, to_torch(PLAIN))


def samples(library):
    """Tensors of every dtype and layout, made alike in both libraries."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name in DTYPES:
        values = rng.normal(size=(3, 4)) * 3
        x = library.tensor(values.tolist()).to(getattr(library, name))
        tensors |= {name: x, f"{name} 0-d": x[0, 0], f"{name} empty": x[:0], f"{name} row": x[1], f"{name} T": x.t()}
    tensors["steps"] = library.arange(20).view(4, 5)[::2, 1::2]
    tensors["expanded"] = library.ones(1, 3).expand(4, 3)
    tensors["leaf"] = library.ones(2, requires_grad=True)
    tensors["parameter"] = library.nn.Parameter(library.ones(2))
    tensors["frozen"] = library.nn.Parameter(library.ones(2), requires_grad=False)
    tensors["special"] = library.tensor([float("nan"), float("inf"), -0.0, 1e-45])
    return tensors


@pytest.mark.parametrize("zipped", FORMATS)
def test_tensors_come_from_pytorch(zipped):
    theirs = samples(torch)
    ours = from_torch(theirs, zipped)
    same(ours, theirs)
    ours["float32"][1, 0] = 100  # views of one memory are that again
    assert ours["float32 row"][0].item() == ours["float32 T"][0, 1].item() == 100


def test_tensors_go_to_pytorch():
    ours = samples(tw)
    theirs = to_torch(ours)
    for name in theirs:
        np.testing.assert_array_equal(ours[name].detach().numpy(), theirs[name].detach().numpy(), err_msg=name)
        assert ours[name].requires_grad == theirs[name].requires_grad
        assert str(ours[name].dtype).split(".")[1] == str(theirs[name].dtype).split(".")[1]
    assert isinstance(theirs["frozen"], torch.nn.Parameter)
    theirs["float32"][1, 0] = 100
    assert theirs["float32 row"][0].item() == theirs["float32 T"][0, 1].item() == 100


def test_one_tensor_in_two_places_stays_one():
    x = torch.ones(2)
    back = from_torch([x, {"again": x}])
    assert back[0] is back[1]["again"]
    x = tw.ones(2)
    back = to_torch([x, {"again": x}])
    assert back[0] is back[1]["again"]


@pytest.mark.parametrize("zipped", FORMATS)
def test_bfloat16_becomes_float32_with_a_warning(zipped):
    x = torch.randn(3, 4).bfloat16()
    with pytest.warns(UserWarning, match="bfloat16, which are now float32"):
        back = from_torch({"x": x.t()}, zipped)["x"]
    assert back.dtype is tw.float32
    np.testing.assert_array_equal(back.numpy(), x.t().float().numpy())


def test_other_values_of_pytorch():
    values = {"dtype": torch.float16, "device": torch.device("cuda:1"), "size": torch.Size([2, 3])}
    back = from_torch(values)
    assert back == {"dtype": tw.float16, "device": tw.device("cuda:1"), "size": tw.Size([2, 3])}
    same(back, to_torch(back))


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "uint16"])
def test_numpy_arrays_and_numbers_come_from_pytorch(dtype):
    arrays = {"a": np.arange(6).reshape(2, 3).astype(dtype), "t": np.arange(6).reshape(2, 3).astype(dtype).T}
    back = from_torch({**arrays, "n": arrays["a"][1, 2]})
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array, strict=True)
    assert back["n"] == arrays["a"][1, 2] and back["n"].dtype == dtype


def test_big_endian_checkpoints_are_turned():
    file = io.BytesIO()
    torch.save({"x": torch.tensor([1.0, 2.0])}, file)
    file.seek(0)
    archive = zipfile.ZipFile(file)
    turned = io.BytesIO()
    with zipfile.ZipFile(turned, "w") as out:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("byteorder"):
                content = b"big"
            if name.endswith("data/0"):
                content = np.frombuffer(content, np.float32).byteswap().tobytes()
            out.writestr(name, content)
    turned.seek(0)
    assert load_torch(turned)["x"].tolist() == [1, 2]


# -- models -----------------------------------------------------------------------------------------------


def block(nn, width):
    """A layer with names such as torchvision's; the buffers are those of a BatchNorm."""
    m = nn.Module()
    m.conv1 = nn.Linear(width, width, bias=False)
    m.bn1 = nn.Module()
    return m


def resnet_like(library):
    nn = library.nn
    model = nn.Module()
    model.layer1 = nn.Sequential(block(nn, 3), block(nn, 3))
    for m in model.layer1:
        m.bn1.weight = nn.Parameter(library.ones(3))
        m.bn1.register_buffer("running_mean", library.arange(3.0))
        m.bn1.register_buffer("num_batches_tracked", library.tensor(7))
    model.fc = nn.Linear(3, 10)
    return model


def gpt_like(library):
    """nanoGPT's names, with the weights of the embedding and the head tied."""
    nn = library.nn
    model = nn.Module()
    model.transformer = nn.ModuleDict({"wte": nn.Linear(4, 11, bias=False), "h": nn.ModuleList([nn.Linear(4, 4)])})
    model.lm_head = nn.Linear(4, 11, bias=False)
    model.transformer.wte.weight = model.lm_head.weight
    return model


@pytest.mark.parametrize("make", [resnet_like, gpt_like])
def test_a_state_dict_goes_round(make, tmp_path):
    theirs, ours = make(torch), make(tw)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    loaded = load_torch(tmp_path / "theirs.pt")
    assert loaded._metadata == theirs.state_dict()._metadata
    assert str(ours.load_state_dict(loaded)) == "<All keys matched successfully>"
    same(ours.state_dict(), theirs.state_dict())

    save_torch(ours.state_dict(), tmp_path / "ours.pt")
    other = make(torch)
    other.load_state_dict(torch.load(tmp_path / "ours.pt", weights_only=True))
    same(ours.state_dict(), other.state_dict())


def test_tied_weights_stay_tied_and_a_prefix_can_be_taken_off(tmp_path):
    theirs = gpt_like(torch)
    state = {f"_orig_mod.{name}": value for name, value in theirs.state_dict().items()}
    torch.save({"model": state, "iter_num": 5, "best_val_loss": torch.tensor(2.5)}, tmp_path / "ckpt.pt")
    checkpoint = tw.load(tmp_path / "ckpt.pt", map_location="cpu")
    assert checkpoint["iter_num"] == 5 and checkpoint["best_val_loss"].item() == 2.5
    state = {name.removeprefix("_orig_mod."): value for name, value in checkpoint["model"].items()}
    state["lm_head.weight"][0, 0] = 42.0
    assert state["transformer.wte.weight"][0, 0].item() == 42
    ours = gpt_like(tw)
    ours.load_state_dict(state)
    assert ours.lm_head.weight is ours.transformer.wte.weight


def test_an_optimiser_goes_on_here_and_there(tmp_path):
    results = []
    theirs = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    for _ in range(2):
        theirs(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    torch.save({"model": theirs.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "x.pt")
    for library, load in ((torch, torch.load), (tw, tw.load)):
        checkpoint = load(tmp_path / "x.pt")
        model = library.nn.Linear(3, 2)
        model.load_state_dict(checkpoint["model"])
        other = library.optim.AdamW(model.parameters(), lr=1.0)
        other.load_state_dict(checkpoint["optimizer"])
        model(library.ones(1, 3)).sum().backward()
        other.step()
        results.append(model.weight.detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_safetensors_go_both_ways(tmp_path):
    st = pytest.importorskip("safetensors.torch")
    theirs = resnet_like(torch).state_dict()
    st.save_file(theirs, tmp_path / "theirs", metadata={"format": "pt"})
    same({n: load_file(tmp_path / "theirs")[n] for n in theirs}, dict(theirs))
    save_file({n: tw.tensor(x.numpy()) for n, x in theirs.items()}, tmp_path / "ours", metadata={"format": "pt"})
    for name, x in st.load_file(tmp_path / "ours").items():
        assert torch.equal(x, theirs[name]), name


# -- what is refused --------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/thalweg_was_here",)


@pytest.mark.parametrize("zipped", FORMATS)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Evil, r"(posix|nt)\.system"),
        (lambda: torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
        (lambda: np.array([None]), "'O8'"),
        (lambda: torch.tensor([1 + 2j]), r"torch\.Complex\w+Storage: complex numbers"),
        (lambda: torch.zeros(2, dtype=torch.uint16), "_rebuild_tensor_v3: a tensor of a dtype"),
        (lambda: torch.eye(2).to_sparse(), "_rebuild_sparse_tensor: a sparse tensor"),
        (lambda: torch.zeros(2, device="meta"), "meta device"),
        (lambda: torch.bfloat16, "bfloat16"),
        (lambda: np.array(["text"]), "U4"),
        (lambda: pickle, r"torch|pickle"),
    ],
)
def test_what_could_run_code_is_refused_by_name(make, name, zipped):
    try:
        file = io.BytesIO()
        torch.save({"x": make()}, file, _use_new_zipfile_serialization=zipped)
    except (TypeError, AttributeError):
        pytest.skip("PyTorch can't save it either")
    file.seek(0)
    with pytest.raises(SerializationError, match=f"the BytesIO can't be read: it holds .*{name}"):
        load_torch(file)
    assert not os.path.exists("/tmp/thalweg_was_here")


@pytest.mark.parametrize("zipped", FORMATS)
def test_no_damage_goes_unnoticed_or_escapes(zipped):
    """Every file cut short is refused; a flipped byte is refused or gives a value, and never another error."""
    file = io.BytesIO()
    state = {"weight": torch.arange(6.0).view(2, 3), "steps": [1, 2.5, "text"], "array": np.arange(3)}
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    whole = file.getvalue()
    rng = np.random.default_rng(0)
    for keep in rng.integers(0, len(whole), 60):
        with pytest.raises(SerializationError):
            load_torch(io.BytesIO(whole[:keep]))
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[rng.integers(0, len(whole))] ^= 1 << rng.integers(0, 8)
        try:
            load_torch(io.BytesIO(bytes(damaged)))
        except SerializationError:
            continue


def test_a_compressed_record_is_refused():
    file, bomb = io.BytesIO(), io.BytesIO()
    torch.save({"x": torch.zeros(100_000)}, file)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        for name in zipfile.ZipFile(file).namelist():
            out.writestr(name, zipfile.ZipFile(file).read(name))
    bomb.seek(0)
    with pytest.raises(SerializationError, match=r"which torch\.save never does"):
        load_torch(bomb)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_named():
    scripted = torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1))
    file = io.BytesIO()
    torch.jit.save(scripted, file)
    file.seek(0)
    with pytest.raises(SerializationError, match="TorchScript"):
        load_torch(file)
