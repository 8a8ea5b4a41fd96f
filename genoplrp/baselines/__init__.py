"""The methods people know, with one signature: ``method(model, x, *, target, batch_size, device, ...) -> Attribution``.

`gradient` is torch alone; integrated gradients come from captum, DeepLIFT/SHAP and in-silico mutagenesis from
tangermeme (``pip install "genoplrp[peers]"``). All explain the score that `genoplrp.attribute` explains, and leave the
model as it was: nothing is hooked on it. `METHODS` holds them by name, with LRP and PLRP.
"""

from genoplrp.baselines.deeplift import deep_lift_shap
from genoplrp.baselines.gradient import corrected_gradient, gradient_times_input
from genoplrp.baselines.methods import METHODS, Method, explain, method_of
from genoplrp.baselines.mutagenesis import in_silico_mutagenesis
from genoplrp.baselines.path import integrated_gradients

__all__ = [
    "METHODS",
    "Method",
    "corrected_gradient",
    "deep_lift_shap",
    "explain",
    "gradient_times_input",
    "in_silico_mutagenesis",
    "integrated_gradients",
    "method_of",
]
