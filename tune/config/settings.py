"""Settings: fields of a configuration dataclass that know their flag, limits and documentation.

A dataclass declares each field with `setting(...)`; from that one declaration come the flag and
its help, the reading of flags and TOML values, and the refusal of values outside the limits.
Which settings a search has is in `tune.config.search`.
"""

import argparse
import hashlib
import json
import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

from data.text import as_text, is_text
from tune.errors import UsageError, did_you_mean, exact_number

ALL = "all"
"""Written for a setting that expands, it stands for every value that there is."""

_KEY = "setting"
_KIND_WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    tuple: "a list of texts",
}


@dataclass(frozen=True)
class Setting:
    """What is known of one field beside its type.

    Attributes:
        doc: What it is and what it does, in words for `--help`.
        unit: Unit of the value; "" for names and counts of what the name says.
        choices: The values that a text may have; empty for any.
        at_least: Least value, included.
        above: Bound that the value must exceed.
        at_most: Greatest value, included.
        none_word: The text that stands for None.
        default_words: The default in words, where it depends on the machine or on other settings.
        expands: Whether several values or "all" may be written, for one configuration per value.
        repeats: Whether the flag may be given several times, once for each text of the list.
        name: The field's name, which is the TOML key and, with dashes, the flag.
        kind: str, int, float or tuple (of str).
    """

    doc: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    none_word: str | None = None
    default_words: str | None = None
    expands: bool = False
    repeats: bool = False
    name: str = ""
    kind: type = str

    @property
    def flag(self) -> str:
        """The command line's spelling."""
        return "--" + self.name.replace("_", "-")


def setting(doc: str, *, default: Any = MISSING, **known: Any) -> Any:
    """Return a dataclass field that is a setting; `known` are attributes of `Setting`."""
    return field(default=default, metadata={_KEY: Setting(doc, **known)})


@cache
def settings_of(config_class: type) -> Mapping[str, Setting]:
    """Return the settings of a dataclass by name, in the order of its fields."""
    hints = typing.get_type_hints(config_class)
    return {
        entry.name: replace(entry.metadata[_KEY], name=entry.name, kind=_kind(hints[entry.name]))
        for entry in fields(config_class)
    }


def read_values(config_class: type, raw: Mapping[str, object], source: str) -> dict[str, Any]:
    """Return values as typed settings, checked one by one.

    Args:
        config_class: The dataclass whose settings they are.
        raw: Texts from flags, or the values of a TOML file.
        source: Where they come from, for the message about an unknown name.

    Raises:
        UsageError: If a name is unknown, or a value has the wrong type or lies outside its limits.
    """
    known = settings_of(config_class)
    for name in raw:
        if name not in known:
            raise UsageError(
                f"{source} takes the settings of the command's --help, found {name!r}"
                f"{did_you_mean(name, known)}"
            )
    return {name: _read(known[name], value) for name, value in raw.items()}


def check_limits(setting: Setting, value: object) -> None:
    """Refuse a value outside the setting's choices or bounds.

    Raises:
        UsageError: With the rule, the value and what to do.
    """
    name = setting.name
    if isinstance(value, str) and not is_text(value):  # which no study.toml can hold
        raise UsageError(
            f"{name} must be UTF-8, found {as_text(value)}: rename what it names, or give that "
            "another name with a link"
        )
    if isinstance(value, str) and setting.choices and value not in setting.choices:
        raise UsageError(
            f"{name} must be one of {', '.join(setting.choices)}, found "
            f"{value!r}{did_you_mean(value, setting.choices)}"
        )
    if not isinstance(value, int | float):
        return
    if not math.isfinite(value):
        raise UsageError(f"{name} must be finite, found {value}: give a finite number")
    found = f"found {exact_number(value)}"
    if setting.at_least is not None and value < setting.at_least:
        raise UsageError(
            f"{name} must be {exact_number(setting.at_least)} or more, {found}: raise it"
        )
    if setting.above is not None and value <= setting.above:
        raise UsageError(f"{name} must be above {exact_number(setting.above)}, {found}: raise it")
    if setting.at_most is not None and value > setting.at_most:
        raise UsageError(
            f"{name} must be {exact_number(setting.at_most)} or less, {found}: lower it"
        )


def add_flags(
    parser: argparse._ActionsContainer,
    config_class: type,
    defaults: Mapping[str, str],
    leave_out: Iterable[str] = (),
) -> None:
    """Add one flag per setting to a parser; values stay texts until `read_values`.

    A flag that is not given leaves nothing behind, so that lower layers can speak.

    Args:
        parser: An argparse parser or group.
        config_class: The dataclass whose settings they are.
        defaults: What `--help` says of defaults that are neither the field's nor in its words.
        leave_out: Settings without a flag.
    """
    absent = set(leave_out)
    built_in = {entry.name: entry for entry in fields(config_class)}
    for name, known in settings_of(config_class).items():
        if name in absent:
            continue
        default = (
            known.default_words
            or defaults.get(name)
            or _default_text(built_in[name], known.none_word)
        )
        unit = f" [{known.unit}]" if known.unit else ""
        parser.add_argument(
            known.flag,
            dest=name,
            default=argparse.SUPPRESS,
            action="append" if known.repeats else "store",
            metavar="|".join(known.choices) or name.upper(),
            help=f"{known.doc}{unit} (default: {default})".replace("%", "%%"),
        )


def given_values(config_class: type, namespace: argparse.Namespace) -> dict[str, object]:
    """Return the flags among parsed arguments that are settings and were given."""
    known = settings_of(config_class)
    return {name: value for name, value in vars(namespace).items() if name in known}


def format_toml(values: Mapping[str, object], settings: Mapping[str, Setting]) -> str:
    """Return values as TOML lines that `read_toml_file` and `read_values` read back.

    None is written as its word, or left out where there is none.
    """
    lines = []
    for name, value in values.items():
        written = settings[name].none_word if value is None else value
        if written is not None:
            lines.append(f"{name} = {_toml_value(written)}\n")
    return "".join(lines)


def hash_values(values: Mapping[str, object]) -> str:
    """Return 16 hex digits that are equal for equal values, whatever their order."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def read_toml_file(path: Path | str) -> dict[str, object]:
    """Return the keys and values of a TOML file.

    Raises:
        UsageError: If there is no such file, or it is not TOML.
    """
    import tomllib

    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"a configuration file must be readable, found {str(path)!r} "
            f"({error.strerror}): check the path given to --config"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"a configuration file must be TOML, found in {str(path)!r}: {error}; "
            "write lines such as trials = 20"
        ) from error


def _kind(hint: Any) -> type:
    """Return str, int, float or tuple for a field's type, which may allow None."""
    options = [option for option in typing.get_args(hint) if option is not NoneType]
    plain = options[0] if NoneType in typing.get_args(hint) else hint
    kind: type = typing.get_origin(plain) or plain
    return kind


def _read(setting: Setting, raw: object) -> object:
    if raw is None or (raw == setting.none_word and setting.none_word is not None):
        return None
    if setting.expands and raw == ALL:
        return ALL
    if setting.expands and isinstance(raw, str) and "," in raw:
        return tuple(_read(setting, part.strip()) for part in raw.split(","))
    value = _read_texts(setting, raw) if setting.kind is tuple else _read_scalar(setting, raw)
    check_limits(setting, value)
    return value


def _read_scalar(setting: Setting, raw: object) -> object:
    kind = setting.kind
    if isinstance(raw, str) and kind in {int, float}:
        try:
            return kind(raw)
        except ValueError:
            raise _wrong_type(setting, raw) from None
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if type(raw) is not kind:
        raise _wrong_type(setting, raw)
    return raw


def _read_texts(setting: Setting, raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        return (raw,) if setting.repeats else tuple(part.strip() for part in raw.split(","))
    if isinstance(raw, Iterable):
        texts = tuple(raw)
        if all(isinstance(text, str) for text in texts):
            return texts
    raise _wrong_type(setting, raw)


def _wrong_type(setting: Setting, raw: object) -> UsageError:
    also = f" or {setting.none_word!r}" if setting.none_word else ""
    return UsageError(
        f"{setting.name} must be {_KIND_WORDS[setting.kind]}{also}, found {raw!r}: "
        "see the command's --help for an example"
    )


def _default_text(entry: "Field[Any]", none_word: str | None) -> str:
    if entry.default is None:
        return none_word or "none"
    if isinstance(entry.default, tuple):
        return ",".join(entry.default) or "none"
    return str(entry.default)


def _toml_value(value: object) -> str:
    """Return a TOML scalar or list; JSON's strings are TOML's but for the delete character."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(entry) for entry in value) + "]"
    return repr(value)
