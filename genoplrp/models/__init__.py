"""Networks: one configurable architecture, its training, model files, and the shipped ``vertebrate20``."""

from genoplrp.models.cnn import CNNConfig, MotifCNN
from genoplrp.models.files import load_model, save_model, shipped_models, spec_of
from genoplrp.models.spec import ModelSpec
from genoplrp.models.training import TrainingCard, auroc, masked_cross_entropy, predict, train

__all__ = [
    "CNNConfig",
    "ModelSpec",
    "MotifCNN",
    "TrainingCard",
    "auroc",
    "load_model",
    "masked_cross_entropy",
    "predict",
    "save_model",
    "shipped_models",
    "spec_of",
    "train",
]
