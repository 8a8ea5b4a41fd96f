"""Whether a model keeps its samples apart and on the first axis, which pruning per sample needs.

Shapes alone cannot tell: 64 channels in front look like 64 samples. So the model runs on two and on three copies of one
sample, and what grows with them is compared.
"""

from torch import Tensor, nn

from genoplrp.errors import GenoPLRPError, UnsupportedCallError
from genoplrp.lrp.ops import KINDS
from genoplrp.lrp.plan import LINEAR, Gap, calls_on_path
from genoplrp.lrp.tape import leaves, record


def samples_stay_first(model: nn.Module, sample: Tensor) -> bool:
    """Whether the first axis of every tensor that a linear call reads, and of every output, counts the samples.

    True also where it cannot be known because the model takes no other number of samples (some exported models do).

    Parameters
    ----------
    model
        In eval mode.
    sample
        One input, (1, ...).

    Raises
    ------
    UnsupportedCallError
        A call on the way to the output mixes samples.
    """
    try:
        (two, output), (three, _) = (record(model, sample.expand(n, *sample.shape[1:])) for n in (2, 3))
    except GenoPLRPError:
        raise
    except (RuntimeError, ValueError, AssertionError, IndexError):
        return True
    if [call.op for call in two.calls] != [call.op for call in three.calls]:
        return False
    ends = [two.index_of(leaf) for leaf in leaves(output) if isinstance(leaf, Tensor)]
    calls = [call for end in ends if end is not None for call in calls_on_path(two, end)]
    for call in calls:
        before, after = two.values[call.output], three.values[call.output]
        if 3 * before.numel() != 2 * after.numel():
            raise UnsupportedCallError(str(Gap(call, "it mixes samples, so that a result depends on the others")))
    read = [index for call in calls if KINDS.get(call.op) in LINEAR for index in call.inputs]
    return all(two.values[index].shape[:1] == (2,) and three.values[index].shape[:1] == (3,) for index in read)
