"""The actions of the view of vectors: in the list, in its line, in the results, in steering, in a file's directions."""

from __future__ import annotations

from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.views.entry import ViewEntry

# fmt: off
ACTIONS = (
    Action("vectors.open", "Interpret the vector", "put the vector under the cursor into words; of a file of "
           "directions, look through them", "enter", "vectors", "want('open')", hint="in words"),
    Action("vectors.mark", "Mark", "mark or unmark the vector; marked ones stand in a table of cosines", "space",
           "vectors", "want('mark')", hint="compare"),
    Action("vectors.mark-all", "Mark all or none", "mark all vectors of this model; when all are marked, none", "a",
           "vectors", "want('mark_all')"),
    Action("vectors.drop", "Drop", "pressed twice, delete the vector, or take the line or the file off the list", "d",
           "vectors", "want('drop')", hint="drop", palette="delete vector remove"),
    Action("vectors.undo", "Bring back", "bring back what was dropped last", "u", "vectors", "want('undo')",
           palette="undo drop vector"),
    Action("vectors.rename", "Rename", "give the vector another name", "r", "vectors", "want('rename')",
           palette="rename vector name"),
    Action("vector.line", "Write a line", "write a line over vectors: paris - rome + 0.5 * italy, mean(a b), unit(a), "
           "project(a, b)", "e", "vector", "want('edit')", hint="line", palette="arithmetic sum difference"),
    Action("vector.stronger", "Stronger", "steer more strongly, by a half", "+", "vector", "want('stronger')",
           hint="strength", palette="strength steer"),
    Action("vector.weaker", "Weaker", "steer more weakly, by a half; below 0 away from the vector", "-", "vector",
           "want('weaker')", hint="strength", palette="strength steer"),
    Action("vector.centre", "Centred cosines", "take the mean of all that are compared off each before cosines are "
           "taken, or not", "c", "compared", "want('centre')", palette="cosine mean"),
    Action("vector.write", "Write to a file", "write the vector to a safetensors file, with where it is from", "x",
           "compared", "want('write')", hint="save", palette="export safetensors"),
    Action("vector.open-file", "Open vectors", "open a file of vectors or a folder: safetensors, a control vector "
           "(.gguf), a sparse autoencoder, an adapter", "o", "vector", "want('open_file')",
           palette="load file folder sae repeng"),
    Action("vector.mean", "Mean of prompts", "keep the mean state of prompts, less that of others, or what heads add: "
           "FILE - FILE at 4-6 as NAME", "m", "vector", "want('mean')", palette="difference function contrast"),
    Action("vector.control", "Train a layer", "train a copy of a layer's MLP so that this token's state becomes the "
           "vector, and show what is read and answered before and after", "t", "vector", "want('control')",
           palette="control layer train supervised weights edit"),
    Action("vector-line.accept", "Interpret", "interpret what the line is", "enter", "vector-line", "accept",
           hint="in words"),
    Action("vector-line.complete", "Complete", "complete the name that is typed; again, the next one", "tab",
           "vector-line", "complete", hint="complete"),
    Action("steer.left", "Previous setting", "go to the setting on the left", "left,h", "steer", "step(-1)",
           hint="setting"),
    Action("steer.right", "Next setting", "go to the setting on the right", "right,l", "steer", "step(1)",
           hint="setting"),
    Action("steer.up", "Value above", "the larger number, or the choice above", "up,k", "steer", "change(1)",
           hint="value"),
    Action("steer.down", "Value below", "the smaller number, or the choice below", "down,j", "steer", "change(-1)",
           hint="value"),
    Action("steer.zero", "Plain answer", "strength 0, which is the plain answer", "0", "steer", "zero"),
    Action("directions.open", "Interpret the direction", "put the direction under the cursor into words", "enter",
           "directions", "want('interpret')", hint="in words"),
)
# fmt: on

LINES = (
    "A vector is kept by v in any view. The vector under the cursor is compared, interpreted and steered with; e "
    "writes a line over vectors, which then stands in the list too: names, numbers, + - * /, mean(a b), sum(a b), "
    "unit(a), project(a, b), without(a, b), name@5 for the layer of a vector of several. v keeps what a line is.",
    "Cosines between states of one layer are near 1, as they share a large mean: c takes the mean of all that are "
    "compared off first. Nearest tokens are the lens's, which scales whatever it is given: a difference is read as if "
    "it were a whole state.",
    "A line is no state that a text brings about, and the model that reads has facts of its own. Words count where "
    "they say more than the control beside them.",
)
STEERING = (
    "The plain answer stands above the steered one, both word by word as they come. Strength is how often the vector "
    "is added to the stream; 0 is the plain answer, :4.2 sets it exactly, :L4-6 the layers. A new one runs when no "
    "key has come for a moment, and ends the one before.",
    "Only these answers are steered. To have a vector stand in every view, add it as an edit of a block in Inspect, "
    "such as + 4 vec:paris: the header then says EDITED.",
    "A random direction of the same norm moves answers too. Where the states are moved by as much as they are long, "
    "what comes is gibberish that may hold the words that were looked for.",
)
CONTROL = (
    't trains a copy of a layer\'s MLP: 60 steps at L5 retain FILE held-out FILE also "PROMPT" as NAME. The states of '
    "the prompts in the first file are held where they are; those of the second are not trained on, and say what "
    "becomes of others, as do the answers to prompts behind also. Without files a few sentences are built in.",
)
BROWSING = (
    "Directions of a sparse autoencoder, with the tokens that the lens reads in each; / looks for those that it reads "
    "as a word. v keeps one, + and - steer with it, esc goes back to the list.",
)

SECTIONS = {
    "vectors": Section("Vectors: the list", LINES),
    "vector": Section("Vectors: the vector under the cursor", (*LINES[1:], *CONTROL)),
    "compared": Section("Vectors: results", LINES[1:]),
    "vector-line": Section("Vectors: a line over vectors", LINES),
    "steer": Section("Vectors: steering", STEERING),
    "directions": Section("Vectors: the directions of a file", BROWSING),
}

register(ACTIONS, SECTIONS)

ENTRY = ViewEntry("vectors", "Vectors", "V", "f7", ACTIONS, SECTIONS, "VectorsView")
