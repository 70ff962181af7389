"""The tree of modules: every module once, equal ones folded, the same before weights are read as after."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfie_tui.engine.inspecting.tree import full_path, module_nodes
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.loading.skeleton import build_skeleton
from selfie_tui.engine.model import Model
from selfie_tui.engine.service import EngineService
from selfie_tui.errors import LoadError, RequestError
from selfie_tui.records import LoadModel, ModelProgress, ModelReady, ModuleNode, ModulesRead, ReadModules
from tests.engine.inspecting.models import FAMILIES, OTHERS, build
from tests.engine.zoo import byte_tokenizer


def unfolded(nodes: tuple[ModuleNode, ...]) -> dict[str, ModuleNode]:
    """The nodes with those below a module that is like another one, by path."""
    found = {node.path: node for node in nodes}
    for node in nodes:
        if node.like:
            below = [other for other in list(found.values()) if other.path.startswith(f"{node.like}.")]
            for other in below:
                found[node.path + other.path[len(node.like) :]] = other
    return found


@pytest.mark.parametrize("family", [*FAMILIES, *OTHERS])
def test_a_tree_has_every_module_and_parameter_of_the_model(family: str) -> None:
    model = build(family)
    nodes = module_nodes(model.module, model.anatomy)
    found = unfolded(nodes)
    modules = {path: module for path, module in model.modules.items() if path}
    assert found.keys() == modules.keys()
    for path, module in modules.items():
        assert found[path].kind == type(module).__name__
        assert found[path].parameters == sum(each.numel() for each in module.parameters())
        weight = getattr(module, "weight", None)
        assert found[path].shape == (tuple(weight.shape) if isinstance(weight, torch.nn.Parameter) else ())
    assert [node.path for node in nodes] == [path for path in modules if path in {node.path for node in nodes}]


def test_equal_blocks_and_experts_are_folded_and_unlike_ones_are_not() -> None:
    likes = {node.path: node.like for node in module_nodes(build("mixtral").module) if node.like}
    assert {likes[f"model.layers.{layer}"] for layer in (1, 2, 3)} == {"model.layers.0"}
    nodes = module_nodes(build("jamba").module)
    paths = {node.path: node.like for node in nodes}
    assert paths["model.layers.2"] == "model.layers.0"
    assert paths["model.layers.1"] == ""
    assert paths["model.layers.3"] == "model.layers.1"
    assert not any(path.startswith("model.layers.3.") for path in paths)


def test_a_node_knows_its_layer_and_stack() -> None:
    model = build("t5")
    nodes = {node.path: node for node in module_nodes(model.module, model.anatomy)}
    assert (nodes["decoder.block.1"].stack, nodes["decoder.block.1"].layer) == ("decoder", 1)
    assert (nodes["encoder.block.0.layer.0"].stack, nodes["encoder.block.0.layer.0"].layer) == ("encoder", 0)
    assert (nodes["shared"].stack, nodes["shared"].layer) == ("", None)


def test_a_node_says_in_words_what_it_is() -> None:
    llama = {node.path: node.note for node in module_nodes(build("llama").module)}
    assert llama["model.layers.0.self_attn"] == "4 heads / 2"
    assert llama["model.layers.0.mlp.up_proj"] == "64 → 96"
    assert llama["model.embed_tokens"] == "160 × 64"
    assert llama["model.norm"] == "64"
    gpt2 = {node.path: node.note for node in module_nodes(build("gpt2").module)}
    assert gpt2["transformer.h.0.attn.c_attn"] == "64 → 192"
    assert gpt2["transformer.h.0.attn"] == "4 heads"


@pytest.mark.parametrize("family", ["gpt2", "llama", "opt", "bloom", "mixtral", "t5", "bert"])
def test_the_tree_of_a_configuration_alone_is_that_of_the_loaded_model(family: str, tmp_path: Path) -> None:
    model = build(family)
    model.module.config.save_pretrained(tmp_path)
    nodes = module_nodes(build_skeleton(str(tmp_path)))
    assert nodes == module_nodes(model.module)


def test_no_number_of_a_skeleton_is_in_memory(demo: Model) -> None:
    skeleton = build_skeleton("demo")
    assert all(weight.is_meta for weight in skeleton.parameters())
    assert module_nodes(skeleton) == module_nodes(demo.module)


def test_what_is_no_model_has_no_tree(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"has no config\.json"):
        build_skeleton(str(tmp_path))
    with pytest.raises(LoadError, match="Folder not found"):
        build_skeleton("./nowhere")


def test_the_tree_of_an_adapter_is_that_of_its_base_model(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from tests.engine import zoo

    base, adapter = tmp_path / "base", tmp_path / "adapter"
    module = type(zoo.build("llama").module)(zoo.CONFIGS["llama"](2))
    module.save_pretrained(base)
    byte_tokenizer().save_pretrained(base)
    settings = peft.LoraConfig(r=2, target_modules=["q_proj"], base_model_name_or_path=str(base))
    adapted = peft.get_peft_model(type(module).from_pretrained(base), settings)
    adapted.save_pretrained(adapter)
    assert module_nodes(build_skeleton(str(adapter))) == module_nodes(load(str(base), device="cpu").module)


def test_a_path_may_be_written_by_its_unique_end() -> None:
    modules = build("llama").modules
    assert full_path(modules, "layers.2.mlp") == "model.layers.2.mlp"
    assert full_path(modules, "model.layers.2.mlp") == "model.layers.2.mlp"
    assert full_path(modules, "lm_head") == "lm_head"
    with pytest.raises(RequestError, match=r"end of 4 modules: model\.layers\.0\.mlp, .*Write more"):
        full_path(modules, "mlp")
    with pytest.raises(RequestError, match=r"The nearest are .*model\.layers\.2\.mlp\.gate_proj"):
        full_path(modules, "layers.2.mlp.gate_porj")


def test_the_tree_comes_before_a_weight_is_read() -> None:
    service, posted = EngineService(threads=1), []
    ready = list(service.run(LoadModel("demo"), lambda: False, posted.append))
    steps = [event.step if isinstance(event, ModelProgress) else type(event) for event in posted]
    assert steps.index(ModulesRead) < steps.index("reading the weights")
    shown = next(event for event in posted if isinstance(event, ModulesRead))
    assert (shown.model, shown.nodes) == ("demo", module_nodes(service.model.module))
    assert isinstance(ready[-1], ModelReady)
    (again,) = service.run(ReadModules(), lambda: False, posted.append)
    assert isinstance(again, ModulesRead)
    assert [node.path for node in again.nodes] == [node.path for node in shown.nodes]
    assert {node.layer for node in again.nodes} == {None, *range(8)}
    (other,) = service.run(ReadModules("demo"), lambda: False, posted.append)
    assert other == shown
