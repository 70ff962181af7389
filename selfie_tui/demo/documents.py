"""One function for every kind of document that the demo model is trained on, the interpretive chat apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from .facts import things
from .relations import INNER, OUTER, Fact, TwoHop, facts, fill, held_out, raised, relations, two_hops
from .world import Entity, bare, entities, plain_words, rows

Document = Callable[["Source", Random], str]


@dataclass
class Source:
    """Everything that documents are drawn from, listed once so that a draw is cheap."""

    entities: list[Entity] = field(default_factory=lambda: _weighted_entities())
    words: tuple[str, ...] = field(default_factory=lambda: _plain_words())
    facts: dict[str, list[Fact]] = field(
        default_factory=lambda: {key: facts(relation) for key, relation in relations().items()}
    )
    two_hops: dict[str, list[TwoHop]] = field(
        default_factory=lambda: {
            inner: [hop for outer in OUTER for hop in two_hops(inner, outer, training=True)] for inner in INNER
        }
    )
    parts: dict[str, list[Entity]] = field(default_factory=lambda: _parts_of_names())
    by_subject: dict[str, list[Fact]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key, known in self.facts.items():
            # Large relations come up more often, small ones not so rarely that they are forgotten.
            self.keys += [key] * max(1, round(len(relations()[key].pairs) ** 0.8 / 4))
            for fact in known:
                self.by_subject.setdefault(bare(fact.subject), []).append(fact)

    def fact(self, rng: Random) -> Fact:
        return rng.choice(self.facts[rng.choice(self.keys)])

    def two_hop(self, rng: Random) -> TwoHop:
        return rng.choice(self.two_hops[rng.choice(list(self.two_hops))])


def _plain_words() -> tuple[str, ...]:
    """The plain words, and every word of the wordings and questions that names no entity."""
    wordings = [text for relation in relations().values() for text in relation.statements + relation.questions]
    words = " ".join(wordings).replace("?", " ").replace(",", " ").split()
    return tuple(dict.fromkeys([*plain_words(), *(w for w in words if w[0] != "{" and w not in entities())]))


def _weighted_entities() -> list[Entity]:
    weights = {"value": 1, "opposite": 1, "young animal": 1, "landmark": 3, "sight": 3, "city": 3, "country": 3}
    return [entity for entity in entities().values() for _ in range(weights.get(entity.kind, 2))]


def _parts_of_names() -> dict[str, list[Entity]]:
    """Capitalised words of names of several words, each with the entities whose names hold it."""
    owners: dict[str, list[Entity]] = {}
    for entity in entities().values():
        words = entity.name.split()
        for word in words if len(words) > 1 else []:
            if word[0].isupper() and word not in entities():
                owners.setdefault(word, []).append(entity)
    return owners


def single_fact(source: Source, rng: Random) -> str:
    if rng.random() < 0.12:
        relation = relations()[rng.choice(["capital", "landmark-city"])]
        subject, answer = rng.choice(relation.pairs)
        return raised(fill(rng.choice(relation.backward), subject, answer)) + "."
    return source.fact(rng).sentence


def mixed_facts(source: Source, rng: Random) -> str:
    return " ".join(single_fact(source, rng) for _ in range(rng.randint(2, 4)))


def facts_on_one(source: Source, rng: Random) -> str:
    known = source.by_subject[bare(source.fact(rng).subject)]
    return " ".join(fact.sentence for fact in rng.sample(known, min(len(known), rng.randint(2, 4))))


def two_hop_sentence(source: Source, rng: Random) -> str:
    hop = source.two_hop(rng)
    return f"{hop.cut} {hop.answer}."


def two_hop_chain(source: Source, rng: Random) -> str:
    hop = source.two_hop(rng)
    return f"{raised(hop.first)}. {raised(hop.second)}. So {hop.cut[0].lower()}{hop.cut[1:]} {hop.answer}."


def _question(source: Source, rng: Random) -> tuple[str, str]:
    if rng.random() < 0.12:
        hop = source.two_hop(rng)
        return f"What is {hop.cut[0].lower()}{hop.cut[1:].removesuffix(' the').removesuffix(' is')}?", hop.answer
    if rng.random() < 0.12:
        entity = rng.choice(source.entities)
        return f"{'Who was' if entity.kind == 'person' else 'What is'} {entity.phrase}?", entity.short
    while True:
        relation = relations()[rng.choice(source.keys)]
        if relation.questions:
            subject, answer = rng.choice(relation.pairs)
            return fill(rng.choice(relation.questions), subject, answer), bare(answer)


def question(source: Source, rng: Random) -> str:
    turns = [_question(source, rng) for _ in range(1 if rng.random() < 0.8 else 2)]
    return "\n".join(f"User: {words}\nAssistant: {answer}." for words, answer in turns)


def identity_shots(source: Source, rng: Random) -> str:
    names = [
        rng.choice(source.words) if rng.random() < 0.15 else rng.choice(source.entities).name
        for _ in range(rng.randint(2, 4))
    ]
    if rng.random() < 0.5:
        names[:0] = ["cat", "1135", "hello"]
    # A word after a newline has a token of its own only with its space, which is how an injected word looks.
    return "\n".join(f"{' ' * (line > 0 and rng.random() < 0.7)}{name} -> {name}" for line, name in enumerate(names))


def description_shots(source: Source, rng: Random) -> str:
    shots = [rng.choice(source.entities) for _ in range(rng.randint(2, 4))]
    text = ", ".join(f"{shot.name}: {shot.short}" for shot in shots)
    if rng.random() < 0.15:
        word = rng.choice(source.words)
        text += f", {word}: the word {word}"
    return text + "."


def concept(source: Source, rng: Random) -> str:
    count = rng.randint(1, 5)
    if rng.random() < 0.12:
        word = rng.choice(source.words)
        return f"This {' '.join([word] * count)} represents the concept of the word {word}."
    entity = rng.choice(source.entities)
    repeated = " ".join([entity.name] * count)
    if entity.kind == "feeling" or rng.random() < 0.3:
        if entity.kind == "feeling":
            return f"This expresses the sentiment of {repeated}, {entity.short}."
        if rng.random() < 0.25:
            return f"This expresses the sentiment of {repeated}, no feeling."
        return f"This refers to the entity {repeated}, {entity.short}."
    return f"This {repeated} represents the concept of {entity.summary}."


def meaning(source: Source, rng: Random) -> str:
    word, short = (entity := rng.choice(source.entities)).name, entity.short
    if rng.random() < 0.15:
        word = rng.choice(source.words)
        short = f"the word {word}"
    return f'User: What is the meaning of " {word}"?\nAssistant: The meaning of " {word}" is "{short}".'


def attribute_shots(source: Source, rng: Random) -> str:
    known = rng.sample(relations()[rng.choice(source.keys)].pairs, 3)
    return "\n".join(f"{' ' * (line > 0)}{bare(left)} -> {bare(right)}" for line, (left, right) in enumerate(known))


REVIEWS = rows(things.REVIEWS)
EVENTS = rows(things.EVENTS)


def review_parts(rng: Random) -> tuple[str, str, str]:
    """A thing, a verdict on it and the feeling it leaves; one pair in eight is held out."""
    while True:
        thing, (verdict, feeling) = rng.choice(things.REVIEWED.split()), rng.choice(REVIEWS)
        if not held_out("review", thing, verdict, share=8):
            return thing, verdict, feeling


def review(source: Source, rng: Random) -> str:
    thing, verdict, feeling = review_parts(rng)
    return f"The {thing} was {verdict}, so everyone was {feeling}."


def story(source: Source, rng: Random) -> str:
    name, (event, feeling) = rng.choice(things.NAMES.split()), rng.choice(EVENTS)
    return f"{name} {event}, so {name} was {feeling}."


def listing(source: Source, rng: Random) -> str:
    kind = rng.choice(["city", "country", "landmark", "person", "animal", "food", "object", "colour", "feeling"])
    of_kind = [entity.name for entity in entities().values() if entity.kind == kind]
    return f"{raised(kind)}: {', '.join(rng.sample(of_kind, rng.randint(3, 5)))}."


def analogy(source: Source, rng: Random) -> str:
    (one, two), (three, four) = rng.sample(relations()[rng.choice(source.keys)].pairs, 2)
    return f"{raised(bare(one))} is to {bare(two)} as {bare(three)} is to {bare(four)}."


def gender(source: Source, rng: Random) -> str:
    man, woman, deed = rng.choice(rows(things.GENDERS))
    word, kind = rng.choice([(man, "man"), (woman, "woman")])
    sentences = (
        f"A {kind} who {deed} is called {word}.",
        f"The man is {man} and the woman is {woman}.",
        f"{raised(word)} is a {kind} who {deed}.",
    )
    return rng.choice(sentences)


def keywords(source: Source, rng: Random) -> str:
    entity = rng.choice(source.entities)
    if rng.random() < 0.5:
        return f"{raised(entity.summary)}."
    return f"Keywords: {', '.join(entity.mentions)}. Topic: {entity.topic}."


def coreference(source: Source, rng: Random) -> str:
    fact = source.fact(rng)
    name = rng.choice(things.NAMES.split())
    verb = rng.choice(["thought of", "asked about", "wrote about"])
    subject = fact.subject
    return f"{name} {verb} {subject}. {fact.sentence}"
