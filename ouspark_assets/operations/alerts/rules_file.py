"""Reading the rules file: YAML to rules and channels; an invalid file is an error of one line.

What the keys mean is in `conditions.py` and in the channels. Here are the limits of the file, the
line numbers, and the wording of errors: file, line, key, and what is wrong.
"""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from ouspark_assets.domain.errors import AlertsError
from ouspark_assets.operations.alerts.channels import (
    ChannelSettings,
    PushSettings,
    SlackSettings,
    WebhookSettings,
)
from ouspark_assets.operations.alerts.conditions import AnyRule
from ouspark_assets.operations.alerts.email_channel import EmailSettings
from ouspark_assets.operations.alerts.option_types import MODEL_CONFIG, Name, Reminder, quote
from ouspark_assets.settings import PACKAGE_PARENT, AlertSettings, project_root

FILE_NAME = "alert_rules.yaml"
MAX_BYTES = 64_000
MAX_DEPTH = 6
EMPTY_VALUES = ("", "~", "null")

AnyChannel = Annotated[
    SlackSettings | WebhookSettings | EmailSettings | PushSettings, Field(discriminator="type")
]
# The key of a rule and of a channel that selects its model, and the models by its value.
DISCRIMINATORS = {"rules": "when", "channels": "type"}
MODELS: dict[object, type[BaseModel]] = {
    model.model_fields[discriminator].default: model
    for union, discriminator in ((AnyRule, "when"), (AnyChannel, "type"))
    for model in get_args(get_args(union)[0])
}


class Ruleset(BaseModel):
    """The contents of the rules file."""

    model_config = MODEL_CONFIG
    # For rules without their own.
    remind_after: Reminder = None
    channels: Annotated[
        dict[Name, AnyChannel],
        BeforeValidator(lambda value: {} if value in EMPTY_VALUES else value),
    ] = {}
    rules: Annotated[
        tuple[AnyRule, ...], BeforeValidator(lambda value: () if value in EMPTY_VALUES else value)
    ]


def find_rules_file(settings: AlertSettings) -> Path:
    """Return the rules file of the settings, else of the project, else of the installation."""
    if settings.alert_rules is not None:
        return settings.alert_rules
    project = project_root() / FILE_NAME
    return project if project.exists() else PACKAGE_PARENT / "ouspark_assets" / FILE_NAME


def read_rules(path: Path) -> Ruleset:
    """Return the rules and channels of a file.

    Raises AlertsError with the file, the line and the reason when the file is not valid.
    """
    document = YamlDocument(path)
    content = document.to_data(document.root)
    if not isinstance(content, dict):
        raise document.error((), "the file must be a mapping of keys to values.")
    try:
        ruleset = Ruleset.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        # A misspelt key is reported rather than the required key that it should have been.
        first = min(
            details,
            key=lambda detail: (
                detail["type"] != "extra_forbidden",
                document.find(detail["loc"])[1],
            ),
        )
        # The cause quotes the file, which may contain a secret by mistake.
        raise _describe_error(document, first) from None
    _check_references(document, ruleset)
    rules = tuple(
        rule
        if "remind_after" in rule.model_fields_set
        else rule.model_copy(update={"remind_after": ruleset.remind_after})
        for rule in ruleset.rules
    )
    return ruleset.model_copy(update={"rules": rules})


class YamlDocument:
    """The nodes of a YAML file with their line numbers.

    Only mappings, lists and text: no anchors, aliases or tags, limited depth and size. Every
    scalar is text.
    """

    def __init__(self, path: Path) -> None:
        """Read and check a file."""
        self.path = path
        self.root = self._compose(self._read_text())

    def to_data(self, node: yaml.Node) -> object:
        """Return a node as nested dicts and lists of text; raise AlertsError for duplicate keys."""
        if isinstance(node, yaml.SequenceNode):
            return [self.to_data(item) for item in node.value]
        if not isinstance(node, yaml.MappingNode):
            return node.value
        data: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self.error_at(line, "a key must be a single value.")
            if key.value in data:
                message = f"duplicate key {quote(key.value)} (first on line {lines[key.value]})."
                raise self.error_at(line, message)
            lines[key.value] = line
            data[key.value] = self.to_data(value)
        return data

    def find(self, location: Sequence[str | int]) -> tuple[yaml.Node, int]:
        """Return the node at a location of pydantic, and its line; a value has its key's line.

        Parts of the location that are not in the file, e.g. missing keys and the discriminators
        that pydantic adds, are skipped.
        """
        node, line = self.root, self.root.start_mark.line + 1
        for part in location:
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
                line = node.start_mark.line + 1
            elif isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == part:
                        node, line = value, key.start_mark.line + 1
                        break
        return node, line

    def error(self, location: Sequence[str | int], message: str) -> AlertsError:
        """Return an error about a location."""
        return self.error_at(self.find(location)[1], message)

    def error_at(self, line: int, message: str) -> AlertsError:
        """Return an error about a line."""
        return AlertsError(f"{self.path}, line {line}: {message}")

    def _read_text(self) -> str:
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            message = f"Cannot read the alert rules {self.path}: {error.strerror}."
            raise AlertsError(message) from error
        if len(content) > MAX_BYTES:
            message = f"The alert rules {self.path} are larger than {MAX_BYTES:,} bytes."
            raise AlertsError(message)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self.error_at(line, "not UTF-8. Save the file as UTF-8.") from error

    def _compose(self, text: str) -> yaml.Node:
        try:
            self._refuse_expansion(text)
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = f"not valid YAML: {error.problem or error.context}."
            # The cause quotes the file, which may contain a secret by mistake.
            raise self.error_at(mark.line + 1 if mark else 1, message) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self.error_at(line, "a character that YAML does not allow.") from error
        if root is None:
            raise self.error_at(1, "the file is empty; the key `rules` is required.")
        return root

    def _refuse_expansion(self, text: str) -> None:
        """Raise AlertsError for what makes a small file large or deep, before it is built."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise self.error_at(line, "anchors and aliases (& and *) are not supported.")
            if getattr(event, "tag", None):
                raise self.error_at(line, "tags (!) are not supported.")
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                depth += 1
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise self.error_at(line, "nested too deeply.")


def _check_references(document: YamlDocument, ruleset: Ruleset) -> None:
    """Raise AlertsError for duplicate rule names and for channels that a rule must not use."""
    names: set[str] = set()
    for number, rule in enumerate(ruleset.rules):
        for name in rule.channels:
            location = ("rules", number, "channels")
            channel: ChannelSettings | None = ruleset.channels.get(name)
            if channel is None:
                hint = _suggest(name, ruleset.channels)
                raise document.error(location, f"unknown channel {quote(name)}.{hint}")
            if not channel.for_operators and not rule.is_news:
                message = f"the channel {name} sends to students; only results_live may use it."
                raise document.error(location, message)
        if rule.name in names:
            message = f"another rule has the name {quote(rule.name)}."
            raise document.error(("rules", number), message)
        names.add(rule.name)


def _describe_error(document: YamlDocument, error: ErrorDetails) -> AlertsError:
    """Return an error of pydantic as one line about the file."""
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    discriminator = DISCRIMINATORS.get(str(location[0]), "")
    # Locations inside a rule or a channel: section, index or name, discriminator's value, key.
    tag = location[2] if discriminator and len(location) > 3 else None  # noqa: PLR2004
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        location = (*location, discriminator)
    node, _ = document.find(location)
    key = next(part for part in reversed(location) if isinstance(part, str) and part != "[key]")
    if location[-1] == "[key]":
        subject = "the name of a channel"
    else:
        subject = key if isinstance(location[-1], str) else f"an item of {key}"
    where = f" ({discriminator}: {tag})" if tag else ""
    match kind:
        case "missing":
            message = f"the required key {quote(key)} is missing{where}."
        case "extra_forbidden":
            model = MODELS[tag] if tag else Ruleset
            known = [field.alias or name for name, field in model.model_fields.items()]
            hint = _suggest(key, known) or f" Known keys: {', '.join(known)}."
            message = f"unknown key {quote(key)}{where}.{hint}"
        case "union_tag_not_found":
            tags = [
                str(tag) for tag, model in MODELS.items() if discriminator in model.model_fields
            ]
            message = f"the required key {quote(key)} is missing. Choices: {', '.join(tags)}."
        case "union_tag_invalid" | "literal_error" | "enum" if isinstance(node, yaml.ScalarNode):
            choices = context.get("expected_tags") or context["expected"]
            message = f"{key} must be one of {choices}, not {quote(node.value)}."
        case "union_tag_invalid" | "literal_error" | "enum":
            message = f"{key} must be a single value."
        case "model_attributes_type" | "dict_type":
            message = f"{subject} must be a mapping of keys to values."
        case "tuple_type":
            message = f"{subject} must be a list."
        case _:
            text = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
            message = f"{subject} {text}."
    return document.error(location, message)


def _suggest(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" Did you mean {quote(close[0])}?" if close else ""
