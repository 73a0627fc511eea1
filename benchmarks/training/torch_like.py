"""thalweg and PyTorch: the same lines of Python for both."""

from __future__ import annotations

import importlib
import statistics
import time
from typing import Any

from .networks import network
from .workloads import BETAS, CHECKED, EPS, MOMENTUM, RATE, VISCOSITY, Workload, numbers, order

MOST_SECONDS = 0.6  # of a round that runs step by step


class Training:
    """A network with its optimiser and its data. ``mode`` is eager, compiled (thalweg) or epoch (thalweg)."""

    def __init__(self, library: str, work: Workload, mode: str) -> None:
        self.lib: Any = importlib.import_module(library)
        self.work, self.mode = work, mode
        nn = importlib.import_module(f"{library}.nn")
        weights, x, y = numbers(work)
        self.model = self.perceptron(nn) if work.by_epochs else network(library, work.kind)
        self.model.load_state_dict({name: self.lib.from_numpy(value) for name, value in weights.items()})
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = self.make_optimizer(importlib.import_module(f"{library}.optim"))
        self.x, self.y = self.lib.from_numpy(x), self.lib.from_numpy(y)
        self.epochs = 0
        step = self.physics_step if work.physics else self.step
        self.run: Any = step if mode == "eager" else self.lib.compile(step)

    def perceptron(self, nn: Any) -> Any:
        modules: list[Any] = []
        for inputs, outputs in zip(self.work.sizes, self.work.sizes[1:], strict=False):
            modules += [nn.Linear(inputs, outputs), nn.Tanh() if self.work.physics else nn.ReLU()]
        return nn.Sequential(*modules[:-1])

    def make_optimizer(self, optim: Any) -> Any:
        rate = RATE[self.work.optimizer]
        if self.work.optimizer == "adam":
            return optim.Adam(self.model.parameters(), lr=rate, betas=BETAS, eps=EPS)
        momentum = MOMENTUM if self.work.optimizer == "momentum" else 0.0
        return optim.SGD(self.model.parameters(), lr=rate, momentum=momentum)

    def step(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def physics_step(self, z: Any) -> Any:
        """u_t + u u_x - nu u_xx squared, averaged; the derivatives by z = (x, t) are differentiated again."""
        grad = self.lib.autograd.grad
        self.optimizer.zero_grad()
        z = z.detach().requires_grad_()
        u = self.model(z)
        (first,) = grad(u.sum(), z, create_graph=True)
        u_x, u_t = first[:, 0:1], first[:, 1:2]
        (second,) = grad(u_x.sum(), z, create_graph=True)
        residual = u_t + u * u_x - VISCOSITY * second[:, 0:1]
        loss = residual.square().mean()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def batch(self, rows: Any) -> tuple[Any, ...]:
        index = self.lib.from_numpy(rows)
        return (self.x[index],) if self.work.physics else (self.x[index], self.y[index])

    def start(self) -> dict[str, float]:
        """Take the first steps in the order of the data; their mean loss, and how long the first step took."""
        size, rows = self.work.batch, order(self.work, 0)
        begin = time.perf_counter()
        losses = [float(self.run(*self.batch(rows[:size])))]
        first = time.perf_counter() - begin
        if self.mode == "epoch":
            end = CHECKED * size
            data = self.loader(self.x[size:end], self.y[size:end], shuffle=False)
            losses += self.run.epoch(data).tolist()
        else:
            for i in range(1, CHECKED):
                losses.append(float(self.run(*self.batch(rows[i * size : (i + 1) * size]))))
        if self.mode == "epoch":
            self.shuffled = self.loader(self.x, self.y, shuffle=True)
            self.time()
        return {"loss": statistics.fmean(losses), "first": first}

    def loader(self, x: Any, y: Any, shuffle: bool) -> Any:
        from thalweg.utils.data import DataLoader, TensorDataset

        data = TensorDataset(x) if self.work.physics else TensorDataset(x, y)
        return DataLoader(data, batch_size=self.work.batch, shuffle=shuffle)

    def time(self) -> float:
        """Microseconds a step over an epoch, or over as many steps as go into MOST_SECONDS; gathering included."""
        self.epochs += 1
        begin = time.perf_counter()
        if self.mode == "epoch":
            self.run.epoch(self.shuffled)
            return (time.perf_counter() - begin) / self.work.steps * 1e6
        rows, size, done = order(self.work, self.epochs), self.work.batch, 0
        begin = time.perf_counter()
        while done < self.work.steps and time.perf_counter() - begin < MOST_SECONDS:
            self.run(*self.batch(rows[done * size : (done + 1) * size]))
            done += 1
        return (time.perf_counter() - begin) / done * 1e6
