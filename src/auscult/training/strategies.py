"""Which part of a network trains in which epoch, and at what rate: Flash's strategies, by their names.

A strategy is a function of the epoch alone, and the optimiser knows all parameters from the start: so an interrupted
training goes on with the weights that it would have had. What is frozen gets no gradient and is in evaluation mode: its
batch norms keep their statistics, its dropout is off.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from auscult.errors import UsageError
from auscult.models.nets.waveform_net import WaveformNet
from auscult.training.options import TrainOptions


def body_layers(body: nn.Module) -> list[nn.Module]:
    """A body's layers from the sound upwards: what layer-wise learning rates and milestones count.

    They are its `layers` if it has them, those of its `body` if it is built round one, else its children, with what
    stands in `Sequential` and `ModuleList` one by one; a layer without weights is not counted.
    """
    inner = getattr(body, "body", None)
    if isinstance(inner, nn.Module):
        return body_layers(inner)
    own = getattr(body, "layers", None)
    children: Iterable[nn.Module] = own if isinstance(own, nn.Sequential | nn.ModuleList) else _flat(body.children())
    return [layer for layer in children if any(True for _ in layer.parameters())]


def _flat(modules: Iterable[nn.Module]) -> Iterable[nn.Module]:
    for module in modules:
        if isinstance(module, nn.Sequential | nn.ModuleList):
            yield from _flat(module)
        else:
            yield module


def trained_layers(options: TrainOptions, *, epoch: int, epochs: int, n_layers: int) -> int:
    """How many of the body's `n_layers`, counted from the top, train in `epoch` (from 0) of `epochs`.

    Examples
    --------
    >>> options = TrainOptions(backbone="yamnet", strategy="unfreeze_milestones", milestones=(2, 4, 3))
    >>> [trained_layers(options, epoch=epoch, epochs=6, n_layers=14) for epoch in range(6)]
    [0, 0, 3, 3, 14, 14]
    """
    if options.strategy == "freeze":
        return 0
    if options.strategy == "freeze_unfreeze":
        first = max(1, epochs // 3) if options.unfreeze_epoch is None else options.unfreeze_epoch
        return n_layers if epoch >= first else 0
    if options.strategy == "unfreeze_milestones":
        first, second, some = options.milestones or (max(1, epochs // 3), max(2, 2 * epochs // 3), (n_layers + 1) // 2)
        if some > n_layers:
            raise UsageError(
                f"The 'milestones' option of training must name at most the {n_layers} layers of the backbone. "
                f"Got {some} instead."
            )
        return n_layers if epoch >= second else some if epoch >= first else 0
    return n_layers


def freeze(net: WaveformNet, n_trained: int) -> None:
    """Let the head and the top `n_trained` layers of the body train, and nothing else.

    Weights of the body that are in none of its layers train only where all layers do.
    """
    layers = body_layers(net.body)
    whole = n_trained >= len(layers)
    for parameter in net.body.parameters():
        parameter.requires_grad_(whole)
    if net.training:
        net.body.train(whole)
    for layer in layers[len(layers) - n_trained :]:
        for parameter in layer.parameters():
            parameter.requires_grad_(True)
        if net.training:
            layer.train()


def parameter_groups(net: WaveformNet, options: TrainOptions) -> list[dict[str, Any]]:
    """All parameters, a group for each learning rate and weight decay; those of the head come last.

    The rate of a layer is `layer_decay` times that of the layer above. Decay pulls on the weights of convolutions and
    linear layers, not on biases and norms.
    """
    rate, decay = float(options.learning_rate or 0), float(options.layer_decay or 1)
    layers = body_layers(net.body)
    # Stray weights are most often a position or a norm at the entrance: they go with the lowest layer.
    heights = {id(parameter): height for height, layer in enumerate(layers) for parameter in layer.parameters()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for part, entrance in ((net.body, 0), (net.head, len(layers))):
        for parameter in part.parameters():
            depth = len(layers) - heights.get(id(parameter), entrance)
            weight_decay = options.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate * decay**depth, weight_decay), []).append(parameter)
    return [{"params": each, "lr": lr, "weight_decay": weight_decay} for (lr, weight_decay), each in groups.items()]
