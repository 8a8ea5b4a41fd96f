"""A network whose knowledge is known: its filters are two JASPAR matrices, on both strands, written in by hand."""

import torch

from genoplrp.models import CNNConfig, MotifCNN
from genoplrp.motifs import shipped_motifs

LABELS = ("CTCF", "REST")
WIDTH = 21


def matrix_network(length: int = 60) -> MotifCNN:
    """Network that scores the best match of each matrix, in bits above 6: the largest over both strands' filters."""
    matrices = {motif.name: motif for motif in shipped_motifs()}
    chosen = [matrices[label] for label in LABELS]
    config = CNNConfig(length=length, outputs=2, filters=(4,), widths=(WIDTH,), pools=(1,), dense=(2,), head="max")
    network = MotifCNN(config)
    convolution, hidden, final = network.convolutions[0], network.dense[0], network.dense[2]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for i, motif in enumerate(chosen):
            for k, strand in enumerate((motif, motif.reverse_complement())):
                convolution.weight[2 * i + k, :, : motif.width] = torch.from_numpy(strand.log_odds())
                hidden.weight[i, 2 * i + k] = 1.0
        convolution.bias.fill_(-6.0)
        final.weight.copy_(torch.eye(2))
    network.spec = network.describe(LABELS, motifs={motif.name: motif.matrix_id for motif in chosen})
    return network.eval()
