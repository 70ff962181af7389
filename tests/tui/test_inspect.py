"""What the view of modules is made of, without an app: outline, bars, answers, completion, and what events change."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from selfie_tui.records import (
    Answer,
    AnswersSoFar,
    AttentionRead,
    Edit,
    EditsSet,
    GeneratedToken,
    HeadPattern,
    JobFailed,
    LensToken,
    LoadModel,
    ModelReady,
    ModuleNode,
    ModuleTensor,
    Peek,
    Peeked,
    PromptTokens,
    ReadAttention,
    ReadModules,
    SetEdits,
    Values,
)
from selfie_tui.tui.render.styles import Look, Piece, cells
from selfie_tui.tui.views.inspect.answers import answer_line, answer_lines, difference
from selfie_tui.tui.views.inspect.completing import completions, file_of, kept_names
from selfie_tui.tui.views.inspect.inspection import MOST_PEEKED, Inspection
from selfie_tui.tui.views.inspect.outline import Outline
from selfie_tui.tui.views.inspect.pattern import MOST_WINDOWS, PatternSource
from selfie_tui.tui.views.inspect.sparks import count, number, pooled, scaled, shortest, spark
from selfie_tui.tui.views.inspect.value_lines import (
    attention_bar,
    head_line,
    nearest_line,
    numbers_line,
    window_of,
)
from selfie_tui.tui.widgets.completing import completed
from tests.tui.fake_engine import info, words
from tests.tui.fake_modules import modules_read, nodes
from tests.tui.test_state import Submitted, ready

PLAIN = Look()
PROMPT = "one two three four"


def plain(line: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in line)


def labels(outline: Outline) -> list[str]:
    return [f"{' ' * row.depth}{row.label}" for row in outline.rows]


# The outline ----------------------------------------------------------------------------------------------------------


def test_lists_have_no_row_and_their_parts_say_which_list_they_are_in():
    outline = Outline(nodes(2))
    assert labels(outline) == ["LlamaForCausalLM"]
    outline.fold("", folded=False)
    outline.fold("model", folded=False)
    assert labels(outline) == [
        "LlamaForCausalLM", " model", "  embed_tokens", "  layers.0", "  layers.1", "  norm", " lm_head",
    ]  # fmt: skip
    assert [row.unfolded for row in outline.rows] == [True, True, None, False, False, None, None]


def test_the_parts_of_an_equal_block_are_those_of_the_first_in_its_own_layer():
    outline = Outline(nodes(8))
    assert outline.below("model.layers.5") == ["model.layers.5.self_attn", "model.layers.5.mlp"]
    assert outline.below("model.layers.5.mlp") == ["model.layers.5.mlp.down_proj"]
    module = outline.module("model.layers.5.mlp.down_proj")
    assert (module.path, module.kind, module.layer) == ("model.layers.5.mlp.down_proj", "Linear", 5)
    assert outline.above("model.layers.5.mlp.down_proj") == "model.layers.5.mlp"
    assert outline.above("model.layers.5") == "model"
    assert "model.layers.5.mlp" in outline
    assert "model.layers.9.mlp" not in outline
    assert "model.layers.5.nothing" not in outline


def test_parts_of_parts_that_are_equal_are_found_too():
    tree = (
        ModuleNode("", "M", 1), ModuleNode("h", "ModuleList", 1), ModuleNode("h.0", "B", 1, layer=0),
        ModuleNode("h.0.e", "ModuleList", 1), ModuleNode("h.0.e.0", "E", 1, layer=0), ModuleNode("h.0.e.0.up", "L", 1),
        ModuleNode("h.0.e.1", "E", 1, like="h.0.e.0", layer=0), ModuleNode("h.1", "B", 1, like="h.0", layer=1),
    )  # fmt: skip
    outline = Outline(tree)
    assert outline.below("h.1") == ["h.1.e.0", "h.1.e.1"]
    assert outline.below("h.1.e.1") == ["h.1.e.1.up"]
    assert (outline.module("h.1.e.1.up").kind, outline.module("h.1.e.1.up").layer) == ("L", 1)
    assert list(outline.paths())[-4:] == ["h.1.e.0", "h.1.e.0.up", "h.1.e.1", "h.1.e.1.up"]


def test_a_module_is_revealed_and_found_wherever_it_is_folded_away():
    outline = Outline(nodes(8))
    assert outline.line_of("model.layers.5.mlp") == 0
    line = outline.reveal("model.layers.5.mlp")
    assert outline.rows[line].path == "model.layers.5.mlp"
    outline.fold("model.layers.5")
    assert outline.rows[outline.line_of("model.layers.5.mlp")].path == "model.layers.5"
    found = outline.matches("5.SELF")
    assert found == ["model.layers.5.self_attn", *(f"model.layers.5.self_attn.{part}_proj" for part in "qo")]
    assert len(outline.matches("LlamaMLP")) == 8
    assert outline.matches("") == outline.matches("nothing of it") == []
    assert outline.of_layer(5, "") == "model.layers.5"
    assert outline.first_block() == "model.layers.0"


def test_blocks_are_known_by_their_likeness_before_the_model_is_loaded():
    assert Outline(nodes(8, loaded=False)).first_block() == "model.layers.0"


def test_a_model_of_ten_thousand_modules_has_rows_for_what_is_unfolded_only():
    blocks = 2000
    outline = Outline(nodes(blocks))
    assert len(list(outline.paths())) == 3 + blocks * 6 + 2
    assert len(outline.rows) == 1
    outline.reveal("model.layers.1999.mlp")
    assert len(outline.rows) == 5 + blocks + 2, "the block's two parts, its neighbours, and what is around them"


# Bars and numbers -----------------------------------------------------------------------------------------------------


def test_bars_are_shares_of_the_largest_but_of_four_medians_at_most():
    assert scaled([1, 2, 4]) == [0.25, 0.5, 1.0]
    assert scaled([1, 1, 1, 1000]) == [0.25, 0.25, 0.25, 1.0]
    assert scaled([0, 0]) == [0.0, 0.0]
    assert math.isnan(scaled([1, math.nan])[1])
    assert scaled([1, math.inf]) == [1.0, 1.0]


def test_more_values_than_cells_are_pooled_to_the_largest_and_nan_is_kept():
    assert pooled([1, 5, 2, 3], 2) == [5, 3]
    assert math.isnan(pooled([1, math.nan, 2, 3], 2)[0])
    assert plain(spark([1, 2, 4], 9, 1)) == "▃▌▅▐█"
    assert plain(spark([1, math.nan, 4], 9)) == "▃×█"
    assert spark([], 9) == spark([1], 2, 0) == ()


@given(st.lists(st.floats(0, 1e30) | st.just(math.nan), min_size=1, max_size=300), st.integers(3, 60), st.data())
def test_bars_fit_their_cells_whatever_the_values(values, room, data):
    here = data.draw(st.integers(0, len(values) - 1))
    line = spark(values, room, here)
    assert 3 <= cells(line) <= room
    assert line[1].text == "▌"
    assert len(line[2].text) == 1


def test_numbers_have_three_figures_and_what_is_none_stands_out():
    assert [shortest(value) for value in (41.234, 0.0201, -0.5, 0, 1234567, math.nan, -math.inf)] == [
        "41.2", ".0201", "-.5", "0", "1e+06", "×", "-inf",
    ]  # fmt: skip
    assert number(41.2) == "  41.2"
    assert number(-0.000473) == "-5e-04"
    assert [count(parameters) for parameters in (576, 1234, 134_512_000, 7_000_000_000)] == [
        "576", "1.2 k", "134.5 M", "7.0 G",
    ]  # fmt: skip
    line = numbers_line(Values(math.nan, 0, 0, 0, 0.25))
    assert "norm      ×" in plain(line)
    assert line[-1] == Piece(" 75% not finite", "bad")


def test_nearest_tokens_are_as_many_as_fit_and_shown_safely():
    tokens = (LensToken(" of", 0.21), LensToken("[/INST]\x1b", 0.09), LensToken(" Paris", math.nan))
    line = nearest_line(tokens, 60, PLAIN)
    assert plain(line) == "nearest      ·of .21  [/INST]␛ .09  ·Paris  ×   "
    assert "INST" not in plain(nearest_line(tokens, 24, PLAIN))
    assert plain(nearest_line(tokens, 60, PLAIN, stale=True)).startswith("nearest …    ·of .21")
    many = tuple(LensToken(" Paris", 0.1) for _ in range(8))
    assert plain(nearest_line(many, 120, PLAIN)).count("·Paris") == 8
    assert plain(nearest_line(many, 120, PLAIN, brief=True)).count("·Paris") == 2, "while the keys go elsewhere"


# Attention ------------------------------------------------------------------------------------------------------------


def test_a_head_has_a_bar_a_token_of_the_root_of_its_share_and_says_what_is_outside():
    assert [attention_bar(share) for share in (0.0, 0.02, 0.25, 1.0)] == ["▁", "▂", "▅", "█"]
    assert attention_bar(math.nan) == "×"
    read = AttentionRead(
        prompt=PROMPT, path="a", layer=0, heads=1, key_heads=1, queries=(9, 10), keys=(8, 10),
        patterns=(HeadPattern(0, ((0.25, 0.25),)),),
    )  # fmt: skip
    assert plain(head_line(read, 0, 40)).rstrip() == "h0    ▅    ▅     .50 before"
    assert window_of(9, 6 + 5 * 4) == (6, 10)
    assert window_of(2, 60) == (0, 3)


def test_a_pattern_asks_for_the_windows_it_lacks_and_keeps_the_last_few():
    state = ready()
    source = PatternSource(state)
    source.open("a", 2, 9)
    source.want(range(3), range(3))
    source.want(range(3), range(3))
    (task,) = [task for task in state.jobs.tasks if isinstance(task, ReadAttention)]
    assert (task.queries, task.keys, task.heads) == ((0, 3), (0, 3), (2,))
    rows = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.25, math.nan, 0.25))
    window = AttentionRead(
        job=len(state.jobs.tasks), prompt=PROMPT, path="a", layer=0, heads=9, key_heads=9, queries=(0, 3), keys=(0, 3),
        patterns=(HeadPattern(2, rows),),
    )  # fmt: skip
    assert source.take(window)
    assert not source.take(EditsSet(model=info("demo", 8)))
    assert source.cell(2, 0)[:3] == ("read", 0.5, ".25")
    assert source.cell(0, 1).heat is None, "a token that cannot be looked at has no bar"
    assert math.isnan(source.cell(2, 1).heat)
    assert source.cell(3, 0).state == "unasked"
    source.want(range(2), range(2))
    assert len([task for task in state.jobs.tasks if isinstance(task, ReadAttention)]) == 1, "it is known"
    for _ in range(2 * MOST_WINDOWS):
        source.take(window)
    assert len(source._windows) == MOST_WINDOWS


# Answers --------------------------------------------------------------------------------------------------------------


def said(*texts: str) -> tuple[GeneratedToken, ...]:
    return tuple(GeneratedToken(text, 1, 0.5) for text in texts)


def both(one: tuple[str, ...], other: tuple[str, ...], differs: int | None, *, finished: bool = True) -> AnswersSoFar:
    return AnswersSoFar(prompt=PROMPT, plain=said(*one), edited=said(*other), differs_from=differs, finished=finished)


def test_both_answers_stand_token_under_token_with_the_first_difference_marked():
    answers = both((" Paris", ",", "\x1b[31m"), (" Paris", " or", " Rome"), 1)
    lines = answer_lines(answers, 60, PLAIN)
    assert [plain(line).rstrip() for line in lines] == [
        "plain   ·Paris ,   ␛[31m",
        "edited  ·Paris ·or ·Rome",
    ]
    assert [piece.role for piece in lines[1] if piece.text.strip()] == ["dim", "text", "match", "accent"]
    assert difference(answers) == "differs from token 1"
    assert difference(both((" a",), (" a",), None)) == "no difference"
    assert difference(both((" a",), (" a",), None, finished=False)) == difference(both((" a",), (), None)) == ""


def test_long_answers_go_on_in_further_pairs_of_lines():
    answers = both(tuple(f" word{n}" for n in range(20)), tuple(f" other{n}" for n in range(18)), 0)
    lines = answer_lines(answers, 60, PLAIN)
    assert len(lines) % 2 == 0
    assert all(cells(line) <= 60 for line in lines)
    joined = "".join(map(plain, lines))
    assert all(f"·word{n} " in joined for n in range(20))
    assert joined.count("plain") == 1


@given(st.lists(st.text(max_size=20), max_size=30), st.lists(st.text(max_size=20), max_size=30), st.integers(10, 120))
def test_answers_fit_whatever_is_in_them(one, other, width):
    answers = both(tuple(one), tuple(other), None)
    assert cells(answer_line(answers, width, PLAIN)) <= width
    assert all(cells(line) <= width for line in answer_lines(answers, width, PLAIN))


# Completion -----------------------------------------------------------------------------------------------------------


def test_a_line_is_completed_by_forms_and_by_the_names_of_vectors(tmp_path):
    assert kept_names(tmp_path / "none") == ()
    for name in ("rome", "paris"):
        (tmp_path / f"{name}.safetensors").touch()
    names = kept_names(tmp_path)
    assert names == ("paris", "rome")
    assert completions("+ n", names) == ("+ noise 0.1 seed 3",)
    assert completions("= vec:r", names) == ("= vec:rome",)
    assert "= vec:paris" in completions("=", names)
    assert not [form for form in completions("", ()) if "vec:" in form or "weights:" in form]
    assert completions("= w", names, ("athens", "rome")) == ("= weights:athens",)
    assert completions("= weights:r", names, ("athens", "rome")) == ("= weights:rome",)
    assert completed("z", completions("z", ())) == "zero"
    assert completed("+", completions("+", ())) == "+ "
    assert completed("half", completions("half", ())) == "half"
    assert file_of("paris", tmp_path) == tmp_path / "paris.safetensors"
    assert file_of("/some/file", tmp_path).name == "file"


# What events change ---------------------------------------------------------------------------------------------------


def inspecting(path: str = "model.layers.2.mlp") -> Inspection:
    inspection = Inspection(ready())
    inspection.ask_modules()
    inspection.take(modules_read("demo", 8, loaded=True))
    inspection.path = path
    return inspection


def tasks(inspection: Inspection, kind: type) -> list:
    jobs = inspection.state.jobs
    assert isinstance(jobs, Submitted)
    return [task for task in jobs.tasks if isinstance(task, kind)]


def answered(inspection: Inspection, norm: float = 41.0, **changes) -> None:
    task = tasks(inspection, Peek)[-1]
    job = len(inspection.state.jobs.tasks)
    values = Values(norm, 0.0, 1.0, 6.0)
    fields = {"prompt": task.prompt, "module": task.module, "position": task.position, "shape": (4, 256)}
    inspection.take(
        Peeked(**{"job": job, "dtype": "bf16", "whole": values, "tokens": (values,) * 4, **fields, **changes})
    )


def test_the_tree_is_asked_for_once_a_model_and_first_of_the_one_that_is_being_loaded():
    inspection = Inspection(ready())
    inspection.ask_modules()
    inspection.ask_modules()
    assert [task.model for task in tasks(inspection, ReadModules)] == [""]
    inspection.state.loading = LoadModel("gpt2")
    inspection.ask_modules()
    inspection.ask_modules()
    inspection.state.take(ModelReady(model=info("gpt2", 12)))
    inspection.ask_modules()
    assert [task.model for task in tasks(inspection, ReadModules)] == ["", "gpt2", ""]


def test_values_are_asked_for_once_and_known_when_the_cursor_comes_back():
    inspection = inspecting()
    assert not inspection.look()
    assert not inspection.look()
    assert len(tasks(inspection, Peek)) == 1
    answered(inspection)
    assert inspection.look()
    inspection.state.selection.move(position=0)
    assert not inspection.look()
    assert inspection.peeked is not None, "the norms of all tokens are known meanwhile"
    answered(inspection, 7.0)
    inspection.state.selection.move(position=3)
    assert inspection.look()
    assert len(tasks(inspection, Peek)) == 2


def test_values_that_come_late_or_of_another_tensor_are_not_shown():
    inspection = inspecting()
    inspection.look()
    inspection.path = "model.layers.3.mlp"
    inspection.look()
    inspection.take(
        Peeked(
            job=len(inspection.state.jobs.tasks) - 1,
            prompt=PROMPT,
            module=ModuleTensor("model.layers.2.mlp"),
            position=3,
            shape=(1,),
            dtype="",
            whole=Values(1, 1, 1, 1),
        )
    )
    assert inspection.peeked is None


def test_what_is_kept_of_long_prompts_has_a_bound_and_goes_with_other_edits():
    inspection = inspecting()
    for layer in range(2 * MOST_PEEKED):
        inspection.path = f"model.layers.{layer % 8}.mlp"
        inspection.which = "output" if layer < MOST_PEEKED else "input"
        inspection.state.selection.move(position=layer // 8)
        inspection.look()
        answered(inspection)
    assert len(inspection._peeked) == MOST_PEEKED
    inspection.forget()
    assert inspection.peeked is None
    assert not inspection.look()


def test_a_refusal_stands_in_place_of_the_values_until_another_module_is_looked_at():
    inspection = inspecting()
    inspection.look()
    job = len(inspection.state.jobs.tasks)
    assert inspection.take(JobFailed(job=job, cause="No forward called it.", remedy="Choose another.")).values
    assert inspection.problem == "No forward called it. Choose another."
    inspection.path = "model.layers.3.mlp"
    inspection.look()
    assert inspection.problem == ""
    assert not any(inspection.take(JobFailed(job=999, cause="Other.", remedy="")))


def set_edits(inspection: Inspection) -> tuple[Edit, ...]:
    """The edits that were asked for last, as if they stood now."""
    edits = tasks(inspection, SetEdits)[-1].edits
    model = inspection.state.model
    assert model is not None
    inspection.state.take(EditsSet(model=replace(model, edits=edits)))
    return edits


def test_an_edit_replaces_one_of_the_same_tensor_at_the_same_tokens_and_answers_are_asked_for():
    inspection = inspecting()
    half, zero = Edit("m.2", "scale", 0.5), Edit("m.2", "zero")
    inspection.add(half)
    assert set_edits(inspection) == (half,)
    assert len(tasks(inspection, Answer)) == 1
    inspection.add(zero)
    assert set_edits(inspection) == (zero,)
    some = Edit("m.2", "scale", 2.0, (1,))
    inspection.add(some)
    assert set_edits(inspection) == (zero, some)
    inspection.add(Edit("m.2", "scale", 3.0, (2,)), some)
    assert set_edits(inspection) == (zero, Edit("m.2", "scale", 3.0, (2,)))


def test_edits_that_are_taken_off_come_back():
    inspection = inspecting()
    first, second = Edit("m.2", "zero"), Edit("m.3", "zero")
    for edit in (first, second):
        inspection.add(edit)
        set_edits(inspection)
    assert not inspection.undo()
    inspection.remove((first,))
    assert set_edits(inspection) == (second,)
    inspection.remove((second,))
    assert set_edits(inspection) == ()
    assert inspection.undo()
    assert set_edits(inspection) == (second,)
    assert inspection.undo()
    assert set(set_edits(inspection)) == {first, second}
    assert not inspection.undo()


def test_other_edits_clear_what_the_state_knows_of_the_model():
    state = ready()
    changed = state.take(EditsSet(model=info("demo", 8)))
    assert changed.edits
    assert changed.lens
    assert len(state.lenses) == 0


@pytest.mark.parametrize("prompt", ["", PROMPT])
def test_nothing_is_looked_at_without_a_prompt(prompt):
    inspection = inspecting()
    inspection.state.take(PromptTokens(prompt=inspection.state.prompt, tokens=words(prompt)))
    inspection.state.selection.show_tokens(prompt, words(prompt))
    assert inspection.can_look == bool(prompt)
    assert not inspection.look()
    assert bool(tasks(inspection, Peek)) == bool(prompt)
