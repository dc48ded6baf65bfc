"""The plans that come with velroload: velroload/configs in a wheel, configs in a checkout."""

from pathlib import Path

from velroload.errors import ConfigError, closest

SCHEMA = "velroload.schema.json"


def folder() -> Path:
    """Where they are. ConfigError when they were not installed."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "configs", package.parent / "configs"):
        if (place / "quickstart.yaml").is_file():
            return place
    raise ConfigError("the shipped plans are not installed; install velroload from its wheel")


def names() -> list[str]:
    """The plans' names."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a plan. ConfigError that says which there are."""
    known = names()
    if name not in known:
        near = closest(name, known, 0.6)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
        raise ConfigError(f"init {name}: no such plan; {hint}")
    return folder() / f"{name}.yaml"


def title(path: Path) -> str:
    """The first sentence of its comment."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        text = line.removeprefix("#").strip()
        if not line.startswith("#") or (words and not text):
            break
        words += text.split()
        if text.endswith((".", "?")):
            break
    sentence = " ".join(words)
    ends = [place for mark in ".?" if (place := sentence.find(f"{mark} ")) > 0]
    return sentence[: min(ends) + 1] if ends else sentence


def write(path: Path, text: str) -> None:
    """A new file, with its folders. ConfigError where something is already, or nothing can be."""
    try:
        if path.parent != Path("."):
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise ConfigError(f"{path}: {path.parent} is no folder, and cannot become one") from None
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path}: it is there already; nothing is overwritten") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {(error.strerror or '').lower()}") from None
