"""Functions of functions: gradients, Jacobians, batches, and modules as functions of their parameters."""

from ..transforms.forward import hessian, jacfwd, jvp, linearize
from ..transforms.reverse import grad, grad_and_value, jacrev, vjp
from ..transforms.vmap import vmap
from .batch_norm import replace_all_batch_norm_modules_
from .functional_call import functional_call, stack_module_state
from .module_jacobians import module_jacobians
from .per_sample import per_sample_grad

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "module_jacobians",
    "per_sample_grad", "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
