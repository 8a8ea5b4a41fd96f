"""On which axis of a tensor the units of the layer that made it lie.

A convolution has its channels on axis 1. The neurons of a product of matrices lie where the product puts them, which
depends on the side that the weight is on.
"""

from torch import Tensor

from genoplrp.lrp.call import Call, Value, leaves
from genoplrp.lrp.linear import linear_map
from genoplrp.lrp.ops import Kind
from genoplrp.lrp.plan import LINEAR, Plan, Step


def unit_axis(plan: Plan, index: int) -> int | None:
    """Axis of the units in live tensor `index`, the samples being on axis 0; None where no axis behind it holds them.

    Activations, norms and pools keep them where the linear call before put them; behind other calls it is axis 1.
    """
    ndim = plan.tape.values[index].ndim
    step = _linear_before(plan, index)
    axis = 1 if step is None or step.kind is Kind.CONV else _dense_axis(step.call, ndim)
    return axis if axis is not None and 1 <= axis < ndim else None


def _linear_before(plan: Plan, index: int) -> Step | None:
    """The linear step that made a live tensor, but for calls that leave its axes as they are."""
    makers = {made: step for step in plan.steps for made in step.outputs}
    step = makers.get(index)
    while step is not None and step.kind not in LINEAR:
        inputs = step.call.inputs
        same = len(inputs) == 1 and plan.tape.values[inputs[0]].ndim == plan.tape.values[index].ndim
        step = makers.get(inputs[0]) if same and step.kind is not Kind.VIEW else None
    return step


def _dense_axis(call: Call, ndim: int) -> int | None:
    """Axis of the neurons in the output, of `ndim` axes, of a dense call; None where it has none."""
    if call.op == "einsum":
        return _einsum_axis(call, ndim)
    weight = linear_map(call).weight
    several = any(size > 1 and step for size, step in zip(weight.shape[:-2], weight.stride(), strict=False))
    if weight.ndim < 2 or several:
        return None  # a vector gives one number, and of several matrices each has neurons of its own
    return ndim - (2 if _weight_on_the_left(call) else 1)


def _weight_on_the_left(call: Call) -> bool:
    """Whether a product is ``weight @ x``."""
    if call.op == "linear":
        return False
    named = [call.kwargs[name] for name in ("other", "mat2") if name in call.kwargs]
    last = named[0] if named else call.args[2 if call.op == "addmm" else 1]
    return isinstance(last, Value) != (call.op == "rmatmul")  # whose second argument is the left factor


def _einsum_axis(call: Call, ndim: int) -> int | None:
    """Axis of the one letter of the output that only the weight has; None where there is no such letter, or several."""
    equation, *rest = call.args
    operands = [leaf for leaf in leaves(rest) if isinstance(leaf, (Tensor, Value))]
    if not isinstance(equation, str):
        return None
    given, arrow, output = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    if not arrow:
        output = "..." * ("..." in given) + "".join(sorted(c for c in set(given) - set(".,") if given.count(c) == 1))
    weight, x = (
        next(term for term, operand in zip(terms, operands, strict=True) if isinstance(operand, kind))
        for kind in (Tensor, Value)
    )
    own = [letter for letter in output if letter in weight and letter != "."]
    if len(own) != 1 or own[0] in x:
        return None
    before, _, after = output.partition("...")
    return before.index(own[0]) if own[0] in before else ndim - len(after) + after.index(own[0])
