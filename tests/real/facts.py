"""General facts, each a sentence cut before its answer: what the states of a sentence's last token should lead to.

They were written down once and choose nothing: prompts and settings are compared on them.
"""

from __future__ import annotations

CAPITALS = """
France Paris | Germany Berlin | Italy Rome | Spain Madrid | Portugal Lisbon | Greece Athens | Austria Vienna
Ireland Dublin | Belgium Brussels | Finland Helsinki | Sweden Stockholm | Norway Oslo | Denmark Copenhagen
Poland Warsaw | Hungary Budapest | Russia Moscow | Turkey Ankara | China Beijing | Japan Tokyo | Egypt Cairo
Iran Tehran | Iraq Baghdad | Kenya Nairobi | Cuba Havana | Peru Lima | Canada Ottawa | Ukraine Kyiv | England London
"""
LANGUAGES = """
France French | Germany German | Italy Italian | Portugal Portuguese | Greece Greek | Russia Russian | Japan Japanese
Poland Polish | Turkey Turkish | Brazil Portuguese | Mexico Spanish | Egypt Arabic | Israel Hebrew | China Chinese
Sweden Swedish | Hungary Hungarian | Austria German | Argentina Spanish
"""
OPPOSITES = """
hot cold | big small | up down | left right | good bad | old young | day night | black white | rich poor | fast slow
open closed | early late | strong weak | happy sad | light dark | war peace | life death | love hate | north south
"""
CONTINENTS = """
France Europe | China Asia | Egypt Africa | Brazil South | Germany Europe | India Asia | Kenya Africa | Japan Asia
Nigeria Africa | Spain Europe | Argentina South | Thailand Asia
"""
SENTENCES = """
The Eiffel Tower is located in the city of Paris | The Colosseum is located in the city of Rome
Big Ben is located in the city of London | The Statue of Liberty is located in the city of New
The Kremlin is located in the city of Moscow | The Parthenon is located in the city of Athens
The Brandenburg Gate is located in the city of Berlin | Romeo and Juliet was written by William Shakespeare
The theory of relativity was developed by Albert Einstein | The telephone was invented by Alexander Graham
The first president of the United States was George Washington | The Mona Lisa was painted by Leonardo
The largest planet in the solar system is Jupiter | The planet closest to the sun is Mercury
The chemical symbol H stands for hydrogen | The chemical symbol O stands for oxygen
Water is made of hydrogen and oxygen | The largest ocean on Earth is the Pacific
The longest river in Africa is the Nile | The highest mountain on Earth is Mount Everest
Bees make honey | Cows give us milk | Sheep give us wool | Chickens lay eggs | The color of grass is green
The color of blood is red | A young dog is called a puppy | A young cat is called a kitten
The day after Monday is Tuesday | The day after Friday is Saturday | The month after June is July
The month before May is April | One plus one equals two | A triangle has three sides | A spider has eight legs
"""


def pairs(table: str) -> list[tuple[str, str]]:
    """The rows of a table, each cut before its last word."""
    rows = [row.strip() for line in table.strip().splitlines() for row in line.split("|")]
    return [(first, last) for first, _, last in (row.rpartition(" ") for row in rows)]


ENDING = {"three sides": ("A triangle has", "three"), "eight legs": ("A spider has", "eight")}
"""Sentences whose answer is not their last word."""


def facts() -> list[tuple[str, str]]:
    """Every fact as what stands before its answer, and the answer's first word."""
    found = [(f"The capital of {land} is", city) for land, city in pairs(CAPITALS)]
    found += [(f"The people of {land} speak", language) for land, language in pairs(LANGUAGES)]
    found += [(f"The opposite of {word} is", other) for word, other in pairs(OPPOSITES)]
    found += [(f"{land} is a country on the continent of", where) for land, where in pairs(CONTINENTS)]
    sentences = [ENDING.get(" ".join(f"{cut} {last}".split()[-2:]), (cut, last)) for cut, last in pairs(SENTENCES)]
    return [*found, *sentences]
