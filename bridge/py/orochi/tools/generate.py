"""Client bindings from a module definition, for `orochi generate --lang typescript --out DIR`."""

import json
import os
from pathlib import Path

from . import definition as definitions
from . import generate_typescript
from .definition import DefinitionError

LANGUAGES = {"typescript": (generate_typescript, "*.ts")}


def generate(
    module_def: dict, out_dir: str | Path, lang: str = "typescript", include_private: bool = False
) -> list[Path]:
    """Write the bindings of `module_def`, the parsed JSON of `orochi describe --json`.

    Gives the files of the bindings. A file whose text is already right is left alone, so that
    watchers and bundlers stay quiet; a file of an earlier run that is no longer part of them is
    removed. Files without our header are the author's: they are never removed, and writing over
    one is refused. Raises DefinitionError when the definition cannot become bindings.
    """
    if lang not in LANGUAGES:
        raise DefinitionError(f"no generator for {lang!r}: there is {', '.join(sorted(LANGUAGES))}")
    backend, pattern = LANGUAGES[lang]
    texts = backend.files(definitions.read(module_def), include_private)
    out = Path(out_dir)
    if out.exists() and not out.is_dir():
        raise DefinitionError(f"{out} is a file, and --out names a folder")
    for name in texts:
        _refuse_foreign(out / name, backend.HEADER)
    for name, text in texts.items():
        _write_if_changed(out / name, text)
    _remove_stale(out, pattern, backend.HEADER, set(texts))
    return [out / name for name in sorted(texts)]


def write_bindings(
    definition: dict, out_dir: str | Path, include_private: bool = False
) -> list[Path]:
    """generate() for TypeScript, as the command line calls it."""
    return generate(definition, out_dir, "typescript", include_private)


def _refuse_foreign(path: Path, header: str) -> None:
    if path.exists() and not _is_ours(path, header):
        raise DefinitionError(
            f"{path} exists and was not generated: move it away or choose another folder with --out"
        )


def _is_ours(path: Path, header: str) -> bool:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(len(header)) == header


def _write_if_changed(path: Path, text: str) -> None:
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _remove_stale(out: Path, pattern: str, header: str, keep: set[str]) -> None:
    for folder in (out, out / "types"):
        for path in sorted(folder.glob(pattern)):
            if path.relative_to(out).as_posix() not in keep and _is_ours(path, header):
                path.unlink()


def arguments(parser):
    parser.add_argument("--lang", default="typescript", choices=sorted(LANGUAGES), help="default: typescript")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the bindings")
    parser.add_argument("--include-private", action="store_true", help="tables and reducers that are not public, too")
    parser.add_argument("module", metavar="MODULE", help="a .py file or a folder; or the .json file of a definition")


def main(args):
    from . import modules  # the generator itself needs no module that runs

    definition = _from_file(args.module) if args.module.endswith(".json") else modules.definition(args.module)
    files = generate(definition, args.out, args.lang, args.include_private)
    print(f"{len(files)} files in {args.out}")


def _from_file(path):
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise DefinitionError(f"{path}: not JSON: {error}") from None
