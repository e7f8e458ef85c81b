"""Continual learning: one task after another, by reading a network as a Bayesian ensemble of tangent experts.

`TangentEnsemble` is the theory, exact, for classifiers of PyTorch and JAX and for spiking networks; `NTE` (an optimiser
of PyTorch) and `nte` (a gradient transformation of Optax) are the rule that learns. What belongs to a front end is
loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.continual.cells import same_cell, spike_order
from saltation.continual.classifier import Classifier, jacobian
from saltation.continual.ensemble import TangentEnsemble, Validity, random_signs
from saltation.continual.metrics import (
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    learning_accuracy,
    mean_accuracy,
)
from saltation.continual.posterior import Posterior
from saltation.continual.report import NTEReport
from saltation.continual.streams import (
    Arrays,
    Stream,
    Task,
    class_incremental,
    permuted,
    rotated,
    split_classes,
)
from saltation.errors import MissingDependencyError

if TYPE_CHECKING:
    from saltation.continual.avalanche import from_avalanche, task_masked, to_avalanche
    from saltation.continual.by_jax import jax_classifier
    from saltation.continual.by_torch import torch_classifier
    from saltation.continual.gradients import expert_parameters, per_example_gradients
    from saltation.continual.learning import Learned, Learning, learn
    from saltation.continual.methods import AGEM, EWC, SI, Descent, Ensemble, Joint, LwF, Method, Replay
    from saltation.continual.optimiser import NTE
    from saltation.continual.outer import OuterProducts
    from saltation.continual.spiking import SpikingModule
    from saltation.continual.transformation import (
        NTEState,
        displaced,
        gradient_point,
        nte,
        nte_statistics,
        per_example,
        reseed,
        revived,
    )

# What needs a front end: the module it is in, and the extra that installs it.
_LAZY = {
    "AGEM": ("methods", "torch"),
    "Descent": ("methods", "torch"),
    "EWC": ("methods", "torch"),
    "Ensemble": ("methods", "torch"),
    "Joint": ("methods", "torch"),
    "Learned": ("learning", "torch"),
    "Learning": ("learning", "torch"),
    "LwF": ("methods", "torch"),
    "Method": ("methods", "torch"),
    "NTE": ("optimiser", "torch"),
    "NTEState": ("transformation", "jax"),
    "OuterProducts": ("outer", "torch"),
    "Replay": ("methods", "torch"),
    "SI": ("methods", "torch"),
    "SpikingModule": ("spiking", "torch"),
    "displaced": ("transformation", "jax"),
    "expert_parameters": ("gradients", "torch"),
    "from_avalanche": ("avalanche", "torch"),
    "gradient_point": ("transformation", "jax"),
    "jax_classifier": ("by_jax", "jax"),
    "learn": ("learning", "torch"),
    "nte": ("transformation", "jax"),
    "nte_statistics": ("transformation", "jax"),
    "per_example": ("transformation", "jax"),
    "per_example_gradients": ("gradients", "torch"),
    "reseed": ("transformation", "jax"),
    "revived": ("transformation", "jax"),
    "task_masked": ("avalanche", "torch"),
    "to_avalanche": ("avalanche", "torch"),
    "torch_classifier": ("by_torch", "torch"),
}

__all__ = [
    "AGEM",
    "EWC",
    "NTE",
    "SI",
    "Arrays",
    "Classifier",
    "Descent",
    "Ensemble",
    "Joint",
    "Learned",
    "Learning",
    "LwF",
    "Method",
    "NTEReport",
    "NTEState",
    "OuterProducts",
    "Posterior",
    "Replay",
    "SpikingModule",
    "Stream",
    "TangentEnsemble",
    "Task",
    "Validity",
    "average_accuracy",
    "backward_transfer",
    "class_incremental",
    "displaced",
    "expert_parameters",
    "forgetting",
    "forward_transfer",
    "from_avalanche",
    "gradient_point",
    "jacobian",
    "jax_classifier",
    "learn",
    "learning_accuracy",
    "mean_accuracy",
    "nte",
    "nte_statistics",
    "per_example",
    "per_example_gradients",
    "permuted",
    "random_signs",
    "reseed",
    "revived",
    "rotated",
    "same_cell",
    "spike_order",
    "split_classes",
    "task_masked",
    "to_avalanche",
    "torch_classifier",
]


def __getattr__(name: str) -> Any:
    """Load what needs a front end when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'saltation.continual' has no attribute {name!r}")
    module, extra = _LAZY[name]
    try:
        value = getattr(import_module(f"saltation.continual.{module}"), name)
    except ModuleNotFoundError as error:
        # Only where the front end itself is missing: a broken one should show its own error.
        if error.name not in (extra, "optax"):
            raise
        raise MissingDependencyError(
            f'saltation.continual.{name} needs {error.name}, which is not installed: pip install "saltation[{extra}]"'
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, loaded or not."""
    return sorted(__all__)
