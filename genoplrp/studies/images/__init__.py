"""Images: the engine is not only for DNA (paper 4.2.1, figures 2-4, 6, 7).

A VGG and a ResNet trained here on digits with exact masks, explained by LRP and PLRP over p. ``python -m
genoplrp.studies.images OUT`` runs it; docs/images.md holds what came out. `genoplrp.studies.images.pretrained` is for
those who have torchvision's weights and photographs with masks.
"""

from genoplrp.studies.images.study import run

__all__ = ["run"]
