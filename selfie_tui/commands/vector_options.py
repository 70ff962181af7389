"""The options of the actions of `vectors`."""

from __future__ import annotations

import argparse

from selfie_tui.commands.model_options import STACKS, add_model
from selfie_tui.commands.options import add_settings

LINE = (
    "a line over vectors: king - man + woman, 2 * unit(formal@12), '\"sae.safetensors\"[7]'; \"'The king'@4\" is the "
    "state of that text's last token at layer 4"
)


def add_json(to: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The option of output for programs."""
    to.add_argument("--json", action="store_true", help="one JSON object a line, with every number")
    return to


def add_overwrite(to: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The option of taking a kept vector's place."""
    to.add_argument("--overwrite", action="store_true", help="take the place of a vector of that name")
    return to


def add_keep(to: argparse.ArgumentParser) -> None:
    """The arguments of `keep`."""
    to.add_argument("name", metavar="NAME", help="a word, or the path of a file that ends in .safetensors")
    to.add_argument("prompt", metavar="PROMPT", help="the text that is read")
    to.add_argument("--layer", required=True, help="the layer, such as 12, embed or -1")
    to.add_argument("--tokens", default="-1", help="positions such as 3,4 or 2-5, or all (default: -1, the last one)")
    to.add_argument("--stack", choices=STACKS, default="", help="which stack is read (default: the first)")
    add_model(add_json(add_overwrite(to)))


def add_mean(to: argparse.ArgumentParser) -> None:
    """The arguments of `mean`."""
    to.add_argument("name", metavar="NAME", help="a word, or the path of a file that ends in .safetensors")
    to.add_argument("--of", metavar="TEXT", action="append", default=[], help="a prompt; more than once for several")
    to.add_argument("--of-file", metavar="FILE", help='prompts, one a line, or one {"prompt": "…"} a line')
    to.add_argument("--less", metavar="TEXT", action="append", default=[], help="a prompt of those against")
    to.add_argument("--less-file", metavar="FILE", help="prompts whose mean is subtracted, as in --of-file")
    to.add_argument("--layers", help="such as 12, 8-14 or all: a vector for each")
    to.add_argument("--average", choices=("last", "mean"), default="last", help="which tokens (default: last)")
    to.add_argument("--heads", help="in place of layers: what these heads add, as LAYER.HEAD: 8.3,11.0")
    add_model(add_json(add_overwrite(to)))


def add_line(to: argparse.ArgumentParser) -> None:
    """The arguments of `line`; the model is for texts."""
    to.add_argument("line", metavar="LINE", help=LINE)
    to.add_argument("--keep", metavar="NAME", help="keep it under this name")
    add_model(add_json(add_overwrite(to)))


def add_compare(to: argparse.ArgumentParser) -> None:
    """The arguments of `compare`."""
    to.add_argument("lines", nargs="+", metavar="LINE", help=LINE)
    to.add_argument("--centred", action="store_true", help="take the mean of all of them off before cosines")
    to.add_argument("--top", metavar="K", default="5", help="tokens of each (default: 5)")
    to.add_argument("--stack", choices=STACKS, default="", help="whose lens is used (default: the first's)")
    add_model(add_json(to))


def add_interpret(to: argparse.ArgumentParser) -> None:
    """The arguments of `interpret`."""
    to.add_argument("lines", nargs="+", metavar="LINE", help=LINE)
    to.add_argument("--adapter", metavar="FILE", default="", help="an affine adapter to make of each vector first")
    to.add_argument("--template", metavar="TEXT", help="an interpretation prompt of your own, with placeholders")
    to.add_argument("--placeholder", default="_", help="what stands for the vector in --template (default: _)")
    add_settings(to)
    add_model(add_json(to))


def add_directions(to: argparse.ArgumentParser) -> None:
    """The arguments of `directions`."""
    to.add_argument("file", metavar="FILE", help="safetensors with W_dec or decoder.weight")
    to.add_argument("--like", metavar="LINE", default="", help="those first that are most like this vector")
    to.add_argument("--word", default="", help="those first that the lens reads as this word")
    to.add_argument("--first", metavar="N", default="0", help="begin there (default: 0)")
    to.add_argument("--count", metavar="N", default="20", help="how many (default: 20)")
    to.add_argument("--top", metavar="K", default="3", help="tokens of each (default: 3)")
    to.add_argument("--stack", choices=STACKS, default="", help="whose lens is used (default: the first's)")
    add_model(add_json(to))
