"""A YAML file as plain nodes with line numbers, and its troubles as one line each.

Only mappings, lists and texts: no aliases, no tags, no depth, nothing large. What a rule may say
is `reading.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.options import shown

LARGEST_BYTES = 64_000
DEEPEST = 6


@dataclass(frozen=True)
class Entry:
    """A key with its value, or an item of a list, and where it stands."""

    path: Path
    line: int
    node: yaml.Node

    def wrong(self, what: str) -> NoReturn:
        """Refuse the file because of what stands here."""
        raise trouble(self.path, self.line, what)

    def text(self, called: str) -> str:
        """The text that stands here."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.wrong(f"{called} must be a single value")
        return str(self.node.value)

    def items(self, called: str) -> list["Entry"]:
        """The items of the list that stands here; a single value is a list of one."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.value:
            return [self]
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong(f"{called} must be a list")
        return [self._at(node) for node in self.node.value]

    def mapping(self, called: str) -> Mapping[str, "Entry"]:
        """The keys that stand here, each once; an entry has the line of its key."""
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong(f"{called} must be keys with values")
        found: dict[str, Entry] = {}
        for key, value in self.node.value:
            at = Entry(self.path, key.start_mark.line + 1, value)
            name = Entry(self.path, at.line, key).text("a key")
            if name in found:
                at.wrong(f"{shown(name)} is there twice (line {found[name].line} too)")
            found[name] = at
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands here."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.value in ("", "~", "null")

    def _at(self, node: yaml.Node) -> "Entry":
        return Entry(self.path, node.start_mark.line + 1, node)


def read_document(path: Path) -> Entry:
    """The whole file as one entry."""
    text = _text(path)
    try:
        _refuse_tricks(path, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"not YAML: {error.problem or error.context}"
        raise trouble(path, mark.line + 1 if mark else 1, what) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise trouble(path, line, "a character that can't be in a YAML file") from None
    if node is None:
        raise trouble(path, 1, "the file is empty; it should have rules")
    return Entry(path, node.start_mark.line + 1, node)


def trouble(path: Path, line: int, what: str) -> AlertsError:
    """The one line about a rules file that can't be used."""
    return AlertsError(f"{path}, line {line}: {what}.")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        message = f"The alert rules {path} can't be read: {error.strerror}."
        raise AlertsError(message) from None
    if len(content) > LARGEST_BYTES:
        message = f"The alert rules {path} are larger than {LARGEST_BYTES:,} bytes."
        raise AlertsError(message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise trouble(path, line, "not UTF-8; save the file as UTF-8") from None


def _refuse_tricks(path: Path, text: str) -> None:
    """Whatever makes a small file large or deep, found without building anything of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise trouble(path, line, "anchors and aliases (& and *) are not used here")
        if getattr(event, "tag", None):
            raise trouble(path, line, "tags (!) are not used here")
        depth += _deeper(event)
        if depth > DEEPEST:
            raise trouble(path, line, "nested too deeply")


def _deeper(event: yaml.Event) -> int:
    starts = isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent)
    ends = isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent)
    return int(starts) - int(ends)
