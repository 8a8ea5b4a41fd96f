"""Where the shipped matrices, networks and example sequences lie, in a checkout as in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def motif_file(name: str = "vertebrate_core20.jaspar") -> Path:
    """Path of a shipped motif file: inside the package in a wheel, at the top of the repository in a checkout."""
    installed = _PACKAGE / "shipped" / "motifs" / name
    return installed if installed.exists() else _PACKAGE.parent / "motifs" / name


def pretrained_dir() -> Path:
    """Folder of the shipped networks, one ``NAME.safetensors`` and one ``NAME.json`` each."""
    return _PACKAGE / "models" / "pretrained"


def example_file(name: str = "ctcf_gm12878_peaks.fa") -> Path:
    """Path of a shipped example file."""
    return _PACKAGE / "examples" / name
