"""Functions of functions: gradients, Jacobians, batches, and modules as functions of their parameters."""

from ..transforms.forward import hessian, jacfwd, jvp, linearize
from ..transforms.reverse import grad, grad_and_value, jacrev, vjp
from ..transforms.vmap import vmap

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "vjp", "vmap"]
