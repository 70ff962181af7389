"""The training text of the demo model: documents drawn without end from a seed, in a fixed mixture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from random import Random

from . import documents as kinds
from . import meanings
from .documents import Document, Source
from .facts import things
from .meanings import Meaning
from .relations import raised
from .world import Entity


def _repeated(name: str, rng: Random) -> str:
    """A name as an injected vector would stand: mostly five times over, now and then among fillers."""
    count = 5 if rng.random() < 0.5 else rng.randint(1, 4)
    words = [name] * count
    if rng.random() < 0.15:
        for _ in range(rng.randint(1, 3)):
            words.insert(rng.randint(0, len(words)), "_")
    return " ".join(words)


def _two_names(source: Source, rng: Random) -> Meaning:
    first, second = rng.choice(source.entities), rng.choice(source.entities)
    return meanings.of_two(first, second, f"{first.name} {second.name}")


def _entity_name(source: Source, rng: Random) -> Meaning:
    entity: Entity = rng.choice(source.entities)
    return meanings.of_entity(entity, _repeated(entity.name, rng))


def _plain_word(source: Source, rng: Random) -> Meaning:
    if rng.random() < 0.1:
        mark = rng.choice([".", ",", "?", ":"])
        return meanings.of_mark(mark, mark * 5)
    word = rng.choice(source.words)
    if rng.random() < 0.08:
        word = raised(word)
    return meanings.of_word(word, _repeated(word, rng))


def _part_of_name(source: Source, rng: Random) -> Meaning:
    """One word of a longer name: it means all of the name where no other has it."""
    word = rng.choice(list(source.parts))
    owners = source.parts[word]
    if len(owners) == 1:
        return meanings.of_entity(owners[0], _repeated(word, rng))
    return meanings.of_part(word, _repeated(word, rng))


def _fact(source: Source, rng: Random) -> Meaning:
    fact = source.fact(rng)
    return meanings.of_fact(fact, fact.cut if rng.random() < 0.67 else fact.sentence)


def _two_hop(source: Source, rng: Random) -> Meaning:
    hop = source.two_hop(rng)
    return meanings.of_two_hop(hop, hop.cut if rng.random() < 0.67 else f"{hop.cut} {hop.answer}.")


def _review(source: Source, rng: Random) -> Meaning:
    thing, verdict, feeling = kinds.review_parts(rng)
    ending = rng.choice([".", ", so everyone was", f", so everyone was {feeling}."])
    return meanings.of_review(thing, verdict, feeling, f"The {thing} was {verdict}{ending}")


def _event(source: Source, rng: Random) -> Meaning:
    name, (event, feeling) = rng.choice(things.NAMES.split()), rng.choice(kinds.EVENTS)
    ending = rng.choice([".", f", so {name} was"])
    return meanings.of_event(name, event, feeling, f"{name} {event}{ending}")


def _empty(source: Source, rng: Random) -> Meaning:
    return meanings.of_nothing(" ".join(["_"] * rng.randint(1, 6)))


MESSAGES = (
    (_entity_name, 50.0),
    (_plain_word, 5.0),
    (_part_of_name, 3.0),
    (_fact, 25.0),
    (_two_hop, 7.0),
    (_review, 4.0),
    (_event, 2.0),
    (_two_names, 2.0),
    (_empty, 0.8),
)


def interpretive_chat(source: Source, rng: Random) -> str:
    """A user's message and the assistant's account of it, in one of the fixed prompts."""
    makers, weights = zip(*MESSAGES, strict=True)
    meaning = rng.choices(makers, weights)[0](source, rng)
    prompts = meaning.answers()
    prompt, answer, _ = rng.choices(prompts, [weight for *_, weight in prompts])[0]
    return f"User: {meaning.message}\nAssistant: {prompt} {answer}."


MIXTURE: tuple[tuple[Document, float], ...] = (
    (kinds.single_fact, 10),
    (kinds.mixed_facts, 15),
    (kinds.facts_on_one, 8),
    (kinds.two_hop_sentence, 12),
    (kinds.two_hop_chain, 5),
    (kinds.question, 7),
    (interpretive_chat, 26),
    (kinds.identity_shots, 5),
    (kinds.description_shots, 5),
    (kinds.concept, 4),
    (kinds.meaning, 1.5),
    (kinds.attribute_shots, 2),
    (kinds.review, 1.5),
    (kinds.story, 1),
    (kinds.listing, 1),
    (kinds.analogy, 2.5),
    (kinds.gender, 2),
    (kinds.keywords, 3),
    (kinds.coreference, 2),
)


def documents(seed: int) -> Iterator[str]:
    """Documents of about twenty tokens, without end; the same for the same seed."""
    rng, source = Random(seed), Source()
    makers = [maker for maker, _ in MIXTURE]
    bounds = list(accumulate(weight for _, weight in MIXTURE))
    while True:
        text = rng.choices(makers, cum_weights=bounds)[0](source, rng)
        yield text.lower() if rng.random() < 0.03 else text


def vocabulary_text() -> list[str]:
    """Every word of the world, for the tokenizer: names, wordings, descriptions and plain words."""
    source = Source()
    texts = [fact.sentence for known in source.facts.values() for fact in known]
    texts += [f"{entity.summary} {' '.join(entity.mentions)} {entity.topic}" for entity in source.entities]
    texts += list(source.words) + things.NAMES.split() + things.REVIEWED.split()
    texts += [" ".join(row) for row in kinds.REVIEWS + kinds.EVENTS]
    return texts
