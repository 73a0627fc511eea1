"""Models saved whole: what comes back, and what a file may not name."""

import io
import json

import pytest

import thalweg as tw
from thalweg import nn, serialization
from thalweg.errors import SerializationError


class Tied(nn.Module):
    """Two names for one weight, and for one module, a buffer, a function and plain attributes."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), 2)
        self.head = nn.Linear(4, 5)
        self.head.weight = self.embedding.weight
        self.again = self.head
        self.register_buffer("scale", tw.tensor(2.0))
        self.sizes = {"vocabulary": 5, "heads": [2, 2]}

    def forward(self, x):
        return self.again(self.encoder(self.embedding(x) * self.scale))


def file_of(x):
    file = io.BytesIO()
    tw.save(x, file)
    file.seek(0)
    return file


def test_a_model_of_layers_comes_back():
    tw.manual_seed(0)
    for model in (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.GELU()), nn.Linear(3, 2).double().eval()):
        x = tw.randn(6, 3, dtype=next(model.parameters()).dtype)
        again = tw.load(file_of({"model": model, "epoch": 1}))["model"]
        assert again.training == model.training and repr(again) == repr(model)
        assert tw.equal(again(x), model(x))


def test_a_model_of_ones_own_class_needs_leave():
    model = Tied()
    with pytest.raises(SerializationError, match=r"test_whole_models.Tied.*add_safe_globals.*weights_only=False"):
        tw.load(file_of(model))
    with serialization.safe_globals([Tied]):
        assert Tied in serialization.get_safe_globals()
        allowed = tw.load(file_of(model))
    assert serialization.get_safe_globals() == []
    x = tw.arange(5).reshape(5, 1)
    for again in (allowed, tw.load(file_of(model), weights_only=False)):
        assert type(again) is Tied and again.head is again.again and again.head.weight is again.embedding.weight
        assert again.sizes == model.sizes and list(again.state_dict()) == list(model.state_dict())
        assert tw.equal(again(x), model(x))
        again(x).sum().backward()
        assert again.head.weight.grad is not None and model.head.weight.grad is None


def test_functions_of_ones_own_need_leave_even_without_weights_only():
    model = nn.TransformerEncoderLayer(4, 2, activation=silly)
    with pytest.raises(SerializationError, match="silly"):
        tw.load(file_of(model), weights_only=False)
    serialization.add_safe_globals([silly])
    serialization.add_safe_globals([silly])
    assert tw.load(file_of(model)).activation is silly and serialization.get_safe_globals() == [silly]
    serialization.clear_safe_globals()


def silly(x):
    return x * 0


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (["os", "system"], "os.system"),
        (["builtins", "eval"], "builtins.eval"),
        (["thalweg.nn.module", "sys.exit"], "sys.exit"),
        (["thalweg.nn.functional.linear", "linear"], "as a module, which is none"),
        (["no.such.module", "Name"], "import no.such.module first"),
    ],
)
def test_a_file_can_name_nothing_else(place, message):
    content = file_of(nn.Flatten()).getvalue()
    flat = json.dumps(["thalweg.nn.flatten", "Flatten"])
    escaped = json.dumps(flat)[1:-1].encode()
    text = content[8:].decode()
    assert escaped.decode() in text
    text = text.replace(escaped.decode(), json.dumps(json.dumps(place))[1:-1])
    forged = len(text.encode()).to_bytes(8, "little") + text.encode()
    with pytest.raises(SerializationError, match=message):
        tw.load(io.BytesIO(forged), weights_only=False)


def test_a_class_without_a_place_is_refused():
    class Local(nn.Module):
        pass

    with pytest.raises(SerializationError, match="Local, a class that can't be found by its name"):
        tw.save(Local(), io.BytesIO())
