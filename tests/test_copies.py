"""Copies of tensors, modules, optimisers and schedulers, deep and shallow, and what is sent to other processes."""

import copy
import multiprocessing
import pickle

import pytest

import thalweg as tw
from thalweg.errors import AutogradError


def parts():
    tw.manual_seed(0)
    model = tw.nn.Sequential(tw.nn.Linear(2, 3), tw.nn.Tanh(), tw.nn.Linear(3, 1))
    optimizer = tw.optim.Adam(model.parameters(), lr=0.1)
    scheduler = tw.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    return model, optimizer, scheduler


def train(model, optimizer, scheduler, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(tw.ones(4, 2)).square().mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return loss.item()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_a_copy_of_everything_trains_on_by_itself(how):
    original = parts()
    train(*original)
    copied = how(original)
    assert copied[1].param_groups[0]["params"][0] is copied[0][0].weight  # bound together as the originals are
    assert copied[2].optimizer is copied[1]
    before = original[0][0].weight.tolist()
    copied_loss = train(*copied)
    assert original[0][0].weight.tolist() == before
    assert train(*original) == copied_loss


def test_a_shallow_copy_of_a_module_shares_its_parameters():
    model = parts()[0]
    other = copy.copy(model)
    assert other is not model and other[0] is model[0] and next(iter(other.parameters())) is model[0].weight
    other.extra = 1
    other.training = False
    assert not hasattr(model, "extra") and model.training


def test_tied_weights_stay_tied_in_a_copy():
    model = tw.nn.Sequential(tw.nn.Linear(2, 2), tw.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    other = copy.deepcopy(model)
    assert other[1].weight is other[0].weight is not model[0].weight
    assert len(list(other.parameters())) == 3


def test_shallow_copies_of_tensors():
    x = tw.tensor([1.0], requires_grad=True)
    y = copy.copy(x)
    assert y is not x and y.requires_grad and y.tolist() == [1]


def test_the_result_of_an_operation_is_not_copied_with_its_history():
    y = tw.tensor([1.0], requires_grad=True) * 2
    for how in (copy.deepcopy, pickle.dumps):
        with pytest.raises(AutogradError, match="detach"):
            how(y)
    assert copy.deepcopy(y.detach()).tolist() == [2]


def double(model, queue):
    with tw.no_grad():
        queue.put(model(tw.ones(1, 2)).tolist())


def test_a_module_is_sent_to_another_process():
    context = multiprocessing.get_context("spawn")
    model, queue = tw.nn.Linear(2, 1), context.Queue()
    process = context.Process(target=double, args=(model, queue))
    process.start()
    result = queue.get(timeout=60)
    process.join(60)
    assert result == model(tw.ones(1, 2)).tolist() and process.exitcode == 0
