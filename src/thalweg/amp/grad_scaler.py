"""The scaler that keeps the gradients of 16-bit numbers from vanishing; here it scales by 1."""

from __future__ import annotations

from typing import Any

__all__ = ["GradScaler"]


class GradScaler:
    """PyTorch's scaler, disabled: losses are not scaled, and ``step`` is the optimiser's.

    As in PyTorch where CUDA is not available. All arguments are accepted without effect.

    >>> import thalweg as tw
    >>> w = tw.tensor([1.0], requires_grad=True)
    >>> optimizer, scaler = tw.optim.SGD([w], lr=0.5), tw.amp.GradScaler()
    >>> scaler.scale(w.sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self.device = device

    def scale(self, outputs: Any) -> Any:
        """The outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: the gradients have not been scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(*args, **kwargs)``."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Nothing: the scale is 1."""

    def get_scale(self) -> float:
        """1."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """An empty dictionary."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: there is no state."""
