"""The passages whose words a calibration tries.

Their words are plain ones of many kinds, most of which are one token to most models, each in a sentence that says what
it is: on words of a single topic, or on those that stand in every textbook, settings look alike that are not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """A text and those of its words that are tried, none of which an empty answer would name."""

    text: str
    words: tuple[str, ...]


def passage(text: str, words: str) -> Passage:
    """A text and those of its words that are tried, which stand apart by spaces."""
    return Passage(text, tuple(words.split()))


BUILT_IN = (
    passage(
        "The tailor makes clothes of cotton, and the carpenter makes a chair of wood. The butcher sells meat, and the "
        "bakery sells chocolate. An orange and a banana are on the table.",
        "tailor clothes cotton carpenter chair wood butcher meat bakery chocolate orange banana table",
    ),
    passage(
        "A bicycle stood near the bridge. The plane left the airport for Sydney in Australia, and the boat sailed to "
        "Norway. The hotel is by the lake, under a volcano in Iceland.",
        "bicycle bridge plane airport Sydney Australia boat Norway hotel lake volcano Iceland",
    ),
    passage(
        "The uncle and the aunt visited their nephew. The husband loved his wife, and their baby slept in the bed. The "
        "grandfather told stories of a witch and a wolf.",
        "uncle aunt nephew husband wife baby bed grandfather stories witch wolf",
    ),
    passage(
        "The lion and the eagle are strong, and the dolphin is fast. The sheep gives us wool. A butterfly and a frog "
        "live by the pond, and a monkey lives in a tree. The turtle is slow.",
        "lion eagle dolphin sheep wool butterfly frog pond monkey turtle slow",
    ),
    passage(
        "The novelist writes novels, and the poet writes poems. The philosopher thinks about wisdom. The judge sent "
        "the sculptor to prison, and the nurse went to the library.",
        "novelist novels poet poems philosopher wisdom judge sculptor prison nurse library",
    ),
    passage(
        "In April there was a rainbow. He plays the guitar and the drum. The ring is made of bronze, and the mirror is "
        "made of glass. Football is played in a stadium in Mexico and in China. The hammer is a tool.",
        "April rainbow guitar drum ring bronze mirror glass Football stadium Mexico China hammer",
    ),
    passage(
        "The opposite of hot is cold, and the opposite of young is old. A king and a queen; a brother and a sister. "
        "The capital of France is Paris, and people in Italy speak Italian. Fish swim in the water, and birds fly.",
        "opposite hot cold young old king queen brother sister capital France Paris people Italy Italian water",
    ),
    passage(
        "The farmer grows corn and apples below the mountain. A cow, a goat and a pig stand in the meadow, and a "
        "horse drinks by the gate. The dog sees a rabbit.",
        "farmer corn apples mountain cow goat pig meadow horse gate dog rabbit",
    ),
    passage(
        "In winter the sailor left the castle with a knife and a rope. The emperor of Russia gave him gold, and the "
        "prince asked for bread and wine. They crossed the river.",
        "winter sailor castle knife rope emperor Russia gold prince bread wine river",
    ),
    passage(
        "The teacher bought a book, a pencil and a lamp at the shop in Berlin. Her daughter plays the piano and the "
        "violin. A camera is not used at the museum in London.",
        "teacher book pencil lamp shop Berlin daughter piano violin camera museum London",
    ),
    passage(
        "The whale and the shark live in the ocean. A snake and a tiger hunt in the forest, the camel walks in the "
        "desert, and an elephant rests on the grass. The spider, the bee and the owl are small.",
        "whale shark ocean snake tiger forest camel desert elephant grass spider bee owl",
    ),
    passage(
        "The engine of a train is made of steel. The rocket went to Mars, and the astronomer looked at Saturn and the"
        " moon. The physicist lost the key. A computer and a phone need energy in Tokyo.",
        "engine train steel rocket Mars astronomer Saturn moon physicist key computer phone energy Tokyo",
    ),
    passage(
        "The composer died in Vienna, and the actor was born in Spain. The doctor is angry, and the monk is happy. "
        "They eat cheese, garlic and rice with honey, and drink coffee in the church.",
        "composer Vienna actor Spain doctor angry monk happy cheese garlic rice honey coffee church",
    ),
)
"""Thirteen passages with 164 words."""
