"""From the streaming network to the one file of the model contract: a step, repeated by ONNX's Scan."""

import onnx
import torch
from onnx import GraphProto, ModelProto, TensorProto, helper
from torch import Tensor, nn

from export.jsb16.streaming import Streaming
from export.networks.network import State
from export.to_onnx import quiet, store_as_half


class _Step(nn.Module):
    """One token, as torch exports it: the parts of the state one by one."""

    def __init__(self, network: Streaming) -> None:
        super().__init__()
        self.network = network

    def forward(self, token: Tensor, state: State) -> tuple[State, Tensor]:
        """The state after a token, then its logits: the order that Scan wants."""
        logits, after = self.network.advance(token, state)
        return after, logits


def to_onnx(network: Streaming) -> ModelProto:
    """The network as one self-contained graph, its weights in float16; give it a ``rounded`` one."""
    step, names = _step(network), list(network.state_parts())
    body = step.graph
    scan = helper.make_node(
        "Scan",
        [*(f"state.{name}" for name in names), "tokens"],
        [*(f"state.{name}.next" for name in names), "logits"],
        name="tokens_one_by_one",
        body=_body(body),
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
    )
    shapes: dict[str, list[str | int | None]]
    shapes = {name: ["batch", *shape] for name, (shape, _) in network.state_parts().items()}
    kinds = {value.name.removeprefix("before."): value.type.tensor_type.elem_type for value in body.input}
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "time"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "time", network.vocab])]
    for name, shape in shapes.items():
        inputs.append(helper.make_tensor_value_info(f"state.{name}", kinds[name], shape))
        outputs.append(helper.make_tensor_value_info(f"state.{name}.next", kinds[name], shape))
    graph = helper.make_graph([scan], "streaming", inputs, outputs, list(body.initializer))
    model = helper.make_model(graph, opset_imports=list(step.opset_import), ir_version=step.ir_version)
    store_as_half(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def _step(network: Streaming) -> ModelProto:
    """One token as a graph: ``before.*`` and ``token`` in, ``after.*`` and ``of_token`` out."""
    state, batch = network.begin(2), torch.export.Dim("batch")
    with quiet():
        program = torch.onnx.export(
            _Step(network).eval(),
            (torch.zeros(2, dtype=torch.int64),),
            kwargs={"state": state},
            dynamo=True,
            input_names=["token", *(f"before.{name}" for name in state)],
            output_names=[*(f"after.{name}" for name in state), "of_token"],
            dynamic_shapes={"token": {0: batch}, "state": {name: {0: batch} for name in state}},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _body(step: GraphProto) -> GraphProto:
    """The step as Scan repeats it: the state first; its weights lie outside, once."""
    token, *state = step.input
    return helper.make_graph(list(step.node), "step", [*state, token], list(step.output))
