"""What scripts take for granted does the same in both libraries: the same lines, run with each."""

import copy

import numpy as np
import pytest

import thalweg as tw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def both(function, *args):
    """The results of ``function(library, ...)`` as plain Python values."""
    ours, theirs = function(tw, *args), function(torch, *args)
    assert plain(ours) == plain(theirs)


def plain(x):
    if hasattr(x, "tolist") and hasattr(x, "dtype"):
        return [str(x.dtype).split(".")[-1], np.round(np.asarray(x.detach().numpy(), np.float64), 5).tolist()]
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, dict):
        return {str(k): plain(v) for k, v in x.items()}
    if isinstance(x, (str, tw.device, tw.dtype, torch.dtype, torch.device)):
        return str(x).replace("thalweg", "torch")
    return x


TYPES = ["Float", "Double", "Half", "Byte", "Char", "Short", "Int", "Long", "Bool"]


@pytest.mark.parametrize("name", TYPES)
def test_old_types(name):
    def use(lib):
        make = getattr(lib, f"{name}Tensor")  # BoolTensor, ByteTensor, CharTensor, DoubleTensor, HalfTensor, …
        x = make([[0, 1], [1, 0]])
        return [
            x, make(2, 3).shape, make().shape, x.type(), lib.typename(x), isinstance(x, make),
            isinstance(lib.zeros(1), make), lib.zeros(2).type(make), lib.ones(2).type(x.type()),
            getattr(lib.tensor([0.0, 1.7]), name.lower())(),
        ]  # fmt: skip

    both(use)


def test_short_names_of_old_types_are_all_here():
    for name in ("IntTensor", "LongTensor", "ShortTensor", "HalfTensor", "DoubleTensor", "CharTensor", "ByteTensor"):
        assert repr(getattr(tw, name)) == repr(getattr(torch, name)).replace("torch", "thalweg")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_default_type():
    def use(lib):
        try:
            lib.set_default_tensor_type(lib.DoubleTensor)
            return lib.zeros(1), lib.tensor(1.5), lib.get_default_dtype(), lib.tensor(1)
        finally:
            lib.set_default_tensor_type("torch.FloatTensor")

    both(use)


TO = {
    "dtype": lambda lib, x: x.to(lib.int32),
    "device": lambda lib, x: x.to("cpu"),
    "device and dtype": lambda lib, x: x.to(lib.device("cpu"), lib.float64),
    "other": lambda lib, x: x.to(lib.ones(1, dtype=lib.uint8)),
    "keywords": lambda lib, x: x.to(device="cpu", dtype=lib.float16, non_blocking=True, copy=True),
    "copy": lambda lib, x: x.to(lib.float64, False, True),
    "memory format": lambda lib, x: x.to(memory_format=lib.contiguous_format),
    "device and none": lambda lib, x: x.to("cpu", None),
}


@pytest.mark.parametrize("form", TO.values(), ids=TO)
def test_forms_of_to(form):
    def use(lib):
        x = lib.tensor([[1.5, 2.5], [0.0, 3.0]])
        y = form(lib, x)
        return y, y is x, y.device, y.is_cpu, y.is_cuda, y.get_device(), y.is_pinned(), str(y.layout)

    both(use)


@pytest.mark.parametrize("args", [("cpu",), ("cuda:1",), ("cuda", 2), ("cpu", 0), ("meta",), ("mps",)])
def test_devices(args):
    def use(lib):
        d = lib.device(*args)
        return str(d), repr(d), d.type, d.index, d == lib.device(*args), d == lib.device("cpu"), copy.deepcopy(d) == d

    both(use)
    for lib in (tw, torch):
        with pytest.raises(RuntimeError):
            lib.device("gpu")


def test_switches():
    def use(lib):
        before = lib.get_float32_matmul_precision(), lib.are_deterministic_algorithms_enabled()
        lib.set_float32_matmul_precision("high")
        lib.use_deterministic_algorithms(True, warn_only=True)
        lib.set_default_device("cpu")
        during = (
            lib.get_float32_matmul_precision(), lib.are_deterministic_algorithms_enabled(),
            lib.is_deterministic_algorithms_warn_only_enabled(), lib.get_default_device(), lib.is_storage(3),
        )  # fmt: skip
        lib.set_float32_matmul_precision("highest")
        lib.use_deterministic_algorithms(False)
        return before, during, lib.cuda.device_count(), lib.cuda.is_available(), lib.distributed.is_initialized()

    both(use)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_modes_and_wrappers():
    def use(lib):
        x = lib.autograd.Variable(lib.ones(2), requires_grad=True)
        with lib.no_grad():
            a = (x * 2).requires_grad
            with lib.enable_grad():
                b = (x * 2).requires_grad
        with lib.autocast("cpu", enabled=False):
            c = (lib.ones(2, 2) @ lib.ones(2, 2)).dtype
        with lib.inference_mode():
            d = (x * 2).requires_grad
        scaler = lib.amp.GradScaler("cuda")
        model = lib.nn.DataParallel(lib.nn.Linear(1, 1))
        return a, b, c, d, scaler.scale(lib.ones(1)), scaler.get_scale(), list(model.state_dict())

    both(use)


def test_hooks_of_tensors():
    def use(lib):
        seen = []
        x = lib.ones(2, requires_grad=True)
        x.register_hook(lambda g: g * 2)
        x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
        y = x * 3
        y.retain_grad()
        (y * y).sum().backward()
        return x.grad, y.grad, seen

    both(use)


# -- classes of one's own ---------------------------------------------------------------------------------


def descent(lib):
    """An optimiser in the manner of the tutorials."""

    class Descent(lib.optim.Optimizer):
        def __init__(self, params, lr=0.1, beta=0.9):
            super().__init__(params, {"lr": lr, "beta": beta})

        @lib.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with lib.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"] = 0
                        state["mean"] = lib.zeros_like(p, memory_format=lib.preserve_format)
                    state["step"] += 1
                    state["mean"].mul_(group["beta"]).add_(p.grad, alpha=1 - group["beta"])
                    p.addcdiv_(state["mean"], p.grad.abs().add_(1e-3), value=-group["lr"] / state["step"])
            return loss

    return Descent


def warmup(lib):
    class Warmup(lib.optim.lr_scheduler.LRScheduler):
        def __init__(self, optimizer, steps, last_epoch=-1):
            self.steps = steps
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            return [base * min(1, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]

    return Warmup


def test_an_optimiser_and_a_schedule_of_ones_own():
    def use(lib):
        w = lib.tensor([1.0, -2.0], requires_grad=True)
        v = lib.tensor([3.0], requires_grad=True)
        optimizer = descent(lib)([{"params": [w]}, {"params": [v], "lr": 0.5}])
        scheduler = warmup(lib)(optimizer, 4)
        losses = []
        for _ in range(6):

            def closure():
                optimizer.zero_grad()
                loss = (w * w).sum() + (v - 1).pow(2).sum()
                loss.backward()
                return loss

            losses.append(optimizer.step(closure).item())
            scheduler.step()
        state = optimizer.state_dict()
        other = descent(lib)([{"params": [w]}, {"params": [v]}])
        other.load_state_dict(copy.deepcopy(state))
        return [round(x, 4) for x in losses], w, v, scheduler.get_last_lr(), state, repr(other), other.state_dict()

    both(use)


# -- data and nn.utils ------------------------------------------------------------------------------------


def test_orders():
    def use(lib):
        d = lib.utils.data

        class Stream(d.IterableDataset):
            def __iter__(self):
                return iter(range(3))

        class Squares(d.Dataset):
            def __len__(self):
                return 5

            def __getitem__(self, i):
                return i * i

        batches = d.BatchSampler(d.SequentialSampler(range(5)), 2, False)
        parts = [
            list(d.DistributedSampler(range(7), 3, r, shuffle=False, drop_last=drop))
            for r in range(3)
            for drop in (False, True)
        ]
        return [
            list(batches), len(batches), parts, list(d.ChainDataset([Stream(), Stream()])), d.get_worker_info(),
            list(d.Subset(Squares(), [3, 1])), list(d.ConcatDataset([Squares(), range(2)])),
            sorted(d.SubsetRandomSampler([4, 2])), sorted(d.RandomSampler(range(4))),
            list(d.WeightedRandomSampler([0.0, 1.0], 3)), len(d.RandomSampler(range(4), True, 9)),
            [x.tolist() for x in d.DataLoader(Squares(), batch_size=2, sampler=d.SequentialSampler(range(5)))],
        ]  # fmt: skip

    both(use)
    assert issubclass(tw.utils.data.RandomSampler, tw.utils.data.Sampler)


@pytest.mark.parametrize("bias", [True, False])
def test_fused_layers(bias):
    rng = np.random.default_rng(0)
    arrays = {n: rng.uniform(0.5, 1.5, 4) for n in ("weight", "bias", "running_mean", "running_var")}
    weights = {"linear": rng.normal(size=(4, 3)), "conv": rng.normal(size=(4, 3, 2, 2)), "other": rng.normal(size=4)}

    def use(lib):
        u = lib.nn.utils
        t = {n: lib.tensor(a) for n, a in arrays.items()}
        given = t["running_mean"], t["running_var"], 1e-3, t["weight"], t["bias"]
        b = lib.tensor(weights["other"]) if bias else None
        linear, conv, norm = lib.nn.Linear(3, 4, bias), lib.nn.Conv2d(3, 4, 2, bias=bias), lib.nn.BatchNorm2d(4)
        norm1 = lib.nn.BatchNorm1d(4)
        modules = [m.double().eval() for m in (linear, conv, norm, norm1)]
        with lib.no_grad():
            linear.weight.copy_(lib.tensor(weights["linear"]))
            conv.weight.copy_(lib.tensor(weights["conv"]))
            for m in modules[2:]:
                m.load_state_dict({**t, "num_batches_tracked": lib.tensor(1)})
            for m in modules[:2]:
                if bias:
                    m.bias.copy_(b)
        return [
            *u.fuse_linear_bn_weights(lib.tensor(weights["linear"]), b, *given),
            *u.fuse_conv_bn_weights(lib.tensor(weights["conv"]), b, *given),
            *u.fuse_conv_bn_weights(lib.tensor(weights["conv"]).transpose(0, 1), b, *given, transpose=True),
            u.fuse_linear_bn_eval(linear, norm1)(lib.ones(2, 3).double()),
            u.fuse_conv_bn_eval(conv, norm)(lib.ones(1, 3, 3, 3).double()),
        ]

    both(use)


def test_the_rest_of_nn_utils():
    def use(lib):
        layer = lib.nn.utils.skip_init(lib.nn.Linear, 2, 3, bias=False)
        lib.nn.init.ones_(layer.weight)
        lib.nn.init.constant_(layer.weight[:, 0], 2.0)
        lib.nn.init.zeros_(layer.weight[0])
        layer.register_buffer("b", lib.nn.Buffer(lib.ones(1), persistent=False))
        (layer(lib.ones(1, 2)) ** 2).sum().backward()
        lib.nn.utils.clip_grads_with_norm_(layer.parameters(), 1.0, lib.tensor(2.0))
        return layer.weight, layer.weight.grad, list(layer.state_dict()), [n for n, _ in layer.named_buffers()]

    both(use)
