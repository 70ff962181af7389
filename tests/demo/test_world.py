"""The demo model's world is of one piece, and its text is the same for the same seed."""

from __future__ import annotations

from itertools import islice

from selfie_tui.demo.corpus import documents
from selfie_tui.demo.facts import people, places
from selfie_tui.demo.relations import all_two_hops, facts, relations
from selfie_tui.demo.sets import names, prompt_sets
from selfie_tui.demo.world import bare, country_of, entities, rows


def test_every_landmark_stands_in_a_city_whose_country_is_known() -> None:
    lands = country_of()
    countries = {row[0] for row in rows(places.COUNTRIES)}
    assert all(lands[city] in countries for _, _, city in rows(places.LANDMARKS))
    assert all(country in countries for _, _, country in rows(places.SIGHTS))


def test_every_person_has_a_known_profession_and_country() -> None:
    countries = {row[0] for row in rows(places.COUNTRIES)}
    assert all(country in countries for _, _, country, _, _ in rows(people.PEOPLE))
    assert all(entities()[name].mentions[1] == profession for name, profession, *_ in rows(people.PEOPLE))


def test_no_relation_answers_one_subject_twice() -> None:
    for relation in relations().values():
        subjects = [subject for subject, _ in relation.pairs]
        assert len(subjects) == len(set(subjects)), relation.key


def test_every_answer_can_itself_be_described() -> None:
    short = ("capital", "language", "currency", "landmark-city", "birth", "young", "opposite", "colour")
    answers = {bare(answer) for key in short for _, answer in relations()[key].pairs}
    assert answers <= set(entities())


def test_the_same_seed_gives_the_same_documents_and_another_seed_others() -> None:
    first, again, other = (list(islice(documents(seed), 200)) for seed in (3, 3, 4))
    assert first == again != other


def test_training_text_never_holds_a_combination_that_is_held_out() -> None:
    held = {hop.cut.lower() for hop in all_two_hops(training=False)}
    text = "\n".join(islice(documents(5), 30_000)).lower()
    assert len(held) > 300
    assert not [cut for cut in held if f"{cut} " in text or f"{cut}\n" in text]


def test_held_out_wordings_are_missing_from_the_training_facts() -> None:
    capital = relations()["capital"]
    assert 0 < len(facts(capital, training=False)) - len(facts(capital)) < len(facts(capital)) / 4


def test_no_set_shows_the_attribute_that_it_asks_for() -> None:
    for cells in prompt_sets():
        assert not [p for p, hidden in zip(cells.prompts, cells.attributes, strict=True) if names(p, hidden)]


def test_the_shuffled_control_never_asks_for_an_items_own_attribute() -> None:
    for cells in prompt_sets():
        assert all(own != other for own, other in zip(cells.attributes, cells.others(), strict=True))
