"""Vectors and steering on the published model: sentiment, word arithmetic and tasks, each beside its control."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.methods.steer import steer
from selfie_tui.engine.methods.vectors import means
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.vectors.arithmetic import evaluate_line
from selfie_tui.engine.vectors.compare import cosines
from selfie_tui.engine.vectors.files import open_vector
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.records import KeepMeans, Steer, SteeredSoFar
from selfie_tui.vector_line import Name
from tests.engine.vectors.test_files import write_control_vector

pytestmark = pytest.mark.real

GOOD = """The film was wonderful and I loved every minute of it.
What a beautiful day, everyone is happy and kind.
The food was delicious and the staff were friendly.
I am so glad that we came, it was a great evening.
She was delighted with the lovely present.
This is the best book that I have ever read.
The hotel was clean, quiet and comfortable.
We had a fantastic time and would love to come again."""
BAD = """The film was terrible and I hated every minute of it.
What an awful day, everyone is sad and cruel.
The food was disgusting and the staff were rude.
I am so sorry that we came, it was a horrible evening.
She was upset about the ugly present.
This is the worst book that I have ever read.
The hotel was dirty, noisy and uncomfortable.
We had a miserable time and would hate to come again."""
WORDS = ("good", "great", "wonderful", "excellent", "beautiful", "amazing", "nice", "fantastic")
AGAINST = ("bad", "terrible", "awful", "poor", "horrible", "boring", "ugly", "disappointing")
JUDGED = ("I think that the movie is", "The restaurant was", "The new teacher is")
"""Prompts that no sentence of either set begins as."""

TRIPLES = """king man woman queen | uncle man woman aunt | brother man woman sister | father man woman mother
man boy girl woman | Paris France Italy Rome | Tokyo Japan Germany Berlin | walking walk swim swimming
bigger big small smaller | cats cat dog dogs"""

TASKS = {
    "opposites": "hot cold|big small|up down|left right|good bad|old young|day night|black white|rich poor|fast slow|"
    "open closed|early late|strong weak|happy sad|light dark|war peace|life death|love hate|north south|high low|"
    "long short|wet dry|full empty|hard soft|clean dirty",
    "pasts": "walk walked|play played|look looked|go went|eat ate|run ran|see saw|take took|give gave|come came|"
    "make made|write wrote|speak spoke|break broke|drive drove|find found|think thought|buy bought|sing sang|swim swam|"
    "know knew|grow grew|fall fell|feel felt|keep kept",
    "capitals": "France Paris|Germany Berlin|Italy Rome|Spain Madrid|Portugal Lisbon|Greece Athens|Austria Vienna|"
    "Ireland Dublin|Belgium Brussels|Finland Helsinki|Sweden Stockholm|Norway Oslo|Denmark Copenhagen|Poland Warsaw|"
    "Hungary Budapest|Russia Moscow|Turkey Ankara|China Beijing|Japan Tokyo|Egypt Cairo|Iran Tehran|Iraq Baghdad|"
    "Kenya Nairobi|Cuba Havana|Peru Lima",
}
SHOWN = 15
"""Pairs of a task that its examples are from; the others are asked for."""


def never() -> bool:
    return False


def finished(model: Model, task: Steer, vector: Vector) -> SteeredSoFar:
    *_, last = steer(model, task, vector, never)
    return last


def mean_odds(model: Model, vector: Vector, strengths: tuple[float, ...]) -> list[float]:
    """The log odds of good words over bad ones in the plain answer and at each strength, the mean over prompts."""
    found = []
    for prompt in JUDGED:
        task = Steer("v", prompt, strengths, max_new_tokens=1, words=WORDS, against=AGAINST)
        answers = finished(model, task, vector)
        found.append([answers.log_odds, *(each.log_odds for each in answers.steered)])
    return torch.tensor(found).mean(0).tolist()


def test_sentiment_is_steered_by_a_difference_of_means_further_than_by_random_directions(smollm2: Model) -> None:
    task = KeepMeans(tuple(GOOD.splitlines()), "good", (18,), tuple(BAD.splitlines()), "mean")
    vector = means(smollm2, task, never)
    plain, minus, plus = mean_odds(smollm2, vector, (-2.0, 2.0))
    moved: list[float] = []
    for seed in range(3):
        noise = torch.randn(1, vector.width, generator=torch.Generator().manual_seed(seed))
        random_direction = Vector(noise / noise.norm() * vector.norm, (18,), "random")
        moved += [odds - plain for odds in mean_odds(smollm2, random_direction, (-2.0, 2.0))[1:]]
    print(f"\nsentiment: plain {plain:.2f}, -2 {minus:.2f}, +2 {plus:.2f}, random {min(moved):.2f} to {max(moved):.2f}")
    assert plus - plain > 2.5
    assert plain - minus > 2.5
    assert max(map(abs, moved)) < 0.6 * min(plus - plain, plain - minus)


def test_words_are_added_and_subtracted_by_centred_cosine(smollm2: Model) -> None:
    triples = [row.split() for row in TRIPLES.replace("\n", "|").split("|")]
    words = sorted({word for triple in triples for word in triple})
    sources = [source_of(smollm2, f"the {word}") for word in words]
    layers = (4, 12, 20)
    states = read_prompts(smollm2, [source.ids for source in sources], layers, [[-1] for _ in sources])
    for layer in layers:
        vectors = {word: Vector(state[layer], (layer,), word) for word, state in zip(words, states, strict=True)}
        named = alone = 0
        for one, less, more, wanted in triples:
            line = evaluate_line(f"{one} - {less} + {more}", words, partial(looked_up, vectors))
            named += nearest_word(line, vectors, (one, less, more)) == wanted
            alone += nearest_word(vectors[more], vectors, (one, less, more)) == wanted
        print(f"\narithmetic at L{layer}: {named} of 10 of {len(words)} words, without the difference {alone}")
        assert named >= 8
        assert alone <= named - 3


def looked_up(vectors: dict[str, Vector], name: Name) -> Vector:
    return vectors[name.name]


def nearest_word(vector: Vector, vectors: dict[str, Vector], but: tuple[str, ...]) -> str:
    """The word whose vector has the largest cosine with another one, the mean of all words taken off both."""
    mean = torch.cat([each.rows for each in vectors.values()]).mean(0)
    rows = torch.stack([vector.rows[0], *(each.rows[0] for each in vectors.values())]) - mean
    found = dict(zip(vectors, cosines(rows)[0, 1:].tolist(), strict=True))
    return max((word for word in vectors if word not in but), key=found.__getitem__)


def examples(pairs: list[list[str]], seed: int) -> str:
    """A prompt of five examples and a question."""
    *shown, asked = random.Random(seed).sample(pairs[:SHOWN], 6)
    return "\n".join(f"{word}: {answer}" for word, answer in shown) + question(asked[0])


def question(word: str) -> str:
    """A question without examples; a line break is before it, as the first token of a text is a sink to this model."""
    return f"\n{word}:"


def test_the_mean_state_of_prompts_with_examples_is_a_vector_of_their_task(smollm2: Model) -> None:
    tasks = {name: [pair.split() for pair in text.split("|")] for name, text in TASKS.items()}
    vectors = {
        name: means(smollm2, KeepMeans(tuple(examples(pairs, seed) for seed in range(9)), name, (20,)), never)
        for name, pairs in tasks.items()
    }
    others = dict(zip(tasks, [*list(tasks)[1:], next(iter(tasks))], strict=True))
    own, other, plain = (dict.fromkeys(tasks, 0) for _ in range(3))
    for name, pairs in tasks.items():
        for word, answer in pairs[SHOWN:]:
            for counts, vector in ((own, vectors[name]), (other, vectors[others[name]])):
                task = Steer("v", question(word), where="last", mode="replace", max_new_tokens=1)
                answers = finished(smollm2, task, vector)
                counts[name] += says(answers.steered[0].tokens, answer)
            plain[name] += says(answers.plain, answer)
    print(f"\ntasks at L20, of 10: {own}, with another task's vector {other}, plain {plain}")
    assert own["opposites"] >= 7
    assert own["pasts"] >= 8
    assert own["capitals"] >= 5
    assert max(other.values()) <= 1


def says(tokens: Any, answer: str) -> bool:
    """Whether an answer begins with the first token of a word."""
    return bool(tokens) and bool(tokens[0].text.strip()) and answer.startswith(tokens[0].text.strip())


def test_the_file_of_a_control_vector_of_its_layers_fits(smollm2: Model, tmp_path: Path) -> None:
    rows = {layer: torch.randn(576).numpy() for layer in range(1, 30)}
    vector = open_vector(str(write_control_vector(tmp_path / "v.gguf", rows)))
    assert isinstance(vector, Vector)
    answers = finished(smollm2, Steer("v", JUDGED[0], (0.0,), max_new_tokens=2), vector)
    assert answers.layers == tuple(range(1, 30))
    assert answers.steered[0].tokens == answers.plain
