"""The line of vector arithmetic: what is read, names of every kind, and errors that say where."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.vector_line import (
    Call,
    Expression,
    Name,
    Negative,
    Number,
    Operation,
    State,
    completions,
    names_in,
    parse_line,
    renamed,
    terms_in,
    written,
)
from selfie_tui.vector_line_tokens import LineError


def shown(expression: Expression) -> str:
    """An expression with every parenthesis that it means."""
    match expression:
        case Number(value=value):
            return f"{value:g}"
        case Name(name=name, layer=layer, index=index):
            at = "" if layer is None else f"@{layer}"
            return f"{name}{at}{'' if index is None else f'[{index}]'}"
        case State():
            return str(expression)
        case Negative(operand=operand):
            return f"-{shown(operand)}"
        case Operation(sign=sign, left=left, right=right):
            return f"({shown(left)} {sign} {shown(right)})"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(shown, arguments))})"


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("king - man + woman", "((king - man) + woman)"),
        ("paris − rome + 0.5 * italy", "((paris - rome) + (0.5 * italy))"),
        ("2*a/4", "((2 * a) / 4)"),
        ("-(a + b) * .5", "(-(a + b) * 0.5)"),
        ("a - -b", "(a - -b)"),
        ("+a", "a"),
        ("mean(a b)", "mean(a, b)"),
        ("mean(a, b, c - d)", "mean(a, b, (c - d))"),
        ("mean(a -b)", "mean((a - b))"),
        ("2 * unit(formal@L12)", "(2 * unit(formal@12))"),
        ("formal@embed + x@3", "(formal@-1 + x@3)"),
        ("sae[10412] * 1e-2", "(sae[10412] * 0.01)"),
        ('"of city" - "a-b"', "(of city - a-b)"),
        ("without(a, project(b c))", "without(a, project(b, c))"),
        ("mean", "mean"),
        ("'The king'@4 - 'a man'@L4", "('The king'@4 - 'a man'@4)"),
        ("2*'x - \"y\"'@embed[1]", "(2 * 'x - \"y\"'@embed[1])"),
        ("mean('a'@1 'b'@2)", "mean('a'@1, 'b'@2)"),
        ("/tmp/some-file v.safetensors", "/tmp/some-file v.safetensors"),
        ('"/tmp/a.gguf"@L7 × 2', "(/tmp/a.gguf@7 * 2)"),
        ("größe + x.y", "(größe + x.y)"),
    ],
)
def test_a_line_means_what_it_says(line: str, means: str) -> None:
    assert shown(parse_line(line)) == means


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("of@L5 - of-city", "(of@L5 - of-city)"),
        ("of@L5-of-city", "(of@L5 - of-city)"),
        ("of", "of"),
        ("of@L6", "of@6"),
        ("of@L5@L2", "of@L5@2"),
        ("of-cit", "(of - cit)"),
        ("of-citya", "(of - citya)"),
        ("two words*2", "(two words * 2)"),
        ("7up + 7", "(7up + 7)"),
        ("mean(mean of)", "mean(mean, of)"),
    ],
)
def test_the_longest_name_that_is_known_is_taken(line: str, means: str) -> None:
    assert shown(parse_line(line, ["of", "of@L5", "of-city", "two words", "7up", "mean", ""])) == means


@pytest.mark.parametrize(
    ("line", "says", "at"),
    [
        ("", "missing at the end", 0),
        ("a +", "missing at the end", 3),
        ("a + * b", "missing at character 5", 4),
        ("a - 'The king'", "No layer stands behind 'The king'", 4),
        ("'The king'[2]", "No layer stands behind 'The king'", 0),
        ("'The king", "An apostrophe is not closed", 0),
        ("' '@3", "no text between the apostrophes", 0),
        ("(a + b", "“(” at character 1 is not closed", 0),
        ("a + b)", "“)” at character 6 closes nothing", 5),
        ("a b", "no sign before “b” at character 3", 2),
        ("2 3", "no sign before “3” at character 3", 2),
        ("a & b", "“&” at character 3", 2),
        ('a + "of', "not closed", 4),
        ("unit(a b)", "takes one vector, and has 2", 0),
        ("x + mean()", "takes 1 or more vectors, and has 0", 4),
        ("project(a)", "takes 2 vectors, and has 1", 0),
        ("mean(a", "not closed", 4),
        ("(" * 100 + "a" + ")" * 100, "nested too deeply", 60),
        ("-" * 3000 + "a", "nested too deeply", 60),
        ("a+" * 3000, "6,000 characters", 4000),
    ],
)
def test_what_cannot_be_read_says_where(line: str, says: str, at: int) -> None:
    with pytest.raises(LineError) as error:
        parse_line(line)
    assert says in error.value.cause
    assert error.value.remedy
    assert error.value.at == at


def test_the_names_of_a_line_are_found_once_each() -> None:
    assert names_in(parse_line("a - mean(b a -c) + 2 * d@L1")) == ("a", "b", "c", "d")


@given(st.text(max_size=40) | st.text(alphabet='ab-+*/()@L1[]." ,meanunit', max_size=40))
def test_any_text_is_read_or_refused(line: str) -> None:
    known = ["ab", "a-b", "unit"]
    with contextlib.suppress(LineError):
        assert set(names_in(parse_line(line, known))) <= {
            *known,
            *re.findall(r'[^"]+', line),
            *re.findall(r"[\w.]+", line),
        }


@given(st.text(min_size=1, max_size=12).filter(lambda name: '"' not in name))
def test_a_written_name_is_read_back(name: str) -> None:
    assert names_in(parse_line(f"2 * {written(name)}")) == (name,)


def test_the_name_at_the_end_is_completed() -> None:
    names = ["paris", "parma", "of@L5", "of-city", "two words"]
    assert completions("rome - pa", names) == ("rome - paris", "rome - parma")
    assert completions("paris+of-", names) == ("paris+of-city",)
    assert completions("of@", names) == ("of@L5",)
    assert completions("2 * two w", names) == ("2 * two words",)
    assert completions("un", names) == ("unit(",)
    assert completions("paris", names) == ()
    assert completions("paris ", names) == ()
    assert completions("rome - 'The pa", names) == (), "a text has no names"
    assert completions("'The pa'@4 - pa", names) == ("'The pa'@4 - paris", "'The pa'@4 - parma")
    assert completions('"it\'s" - pa', names) == ('"it\'s" - paris', '"it\'s" - parma')


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("a-b * 2 + mean(formal@3 sad)", 'a-b * 2 + mean("/t/f.gguf"@3 sad)'),
        ('formal[7] - "x y"', '"/t/f.gguf"[7] - "/q"'),
        ("formally + formal", 'formally + "/t/f.gguf"'),
        ('"formal"', '"/t/f.gguf"'),
        ("2 * unit(", "2 * unit("),
    ],
)
def test_names_in_a_line_are_written_as_files(line: str, wanted: str) -> None:
    assert renamed(line, {"formal": "/t/f.gguf", "x y": "/q"}, ["a-b"]) == wanted


def test_a_line_with_a_sign_that_is_not_part_of_one_is_not_rewritten() -> None:
    with pytest.raises(LineError):
        renamed("formal ? 2", {"formal": "/f"})


def test_the_terms_of_a_line_are_its_names_as_they_are_written() -> None:
    line = 'formal@L3 - 2 * "of city" + mean(f[3] formal@3) - g@embed'
    assert terms_in(parse_line(line)) == ("formal@3", '"of city"', "f[3]", "g@embed")
    assert terms_in(parse_line("'The king'@4 - 'a man'@embed[1] + a")) == ("'The king'@4", "'a man'@embed[1]", "a")
    assert terms_in(parse_line("2 * 3")) == ()
