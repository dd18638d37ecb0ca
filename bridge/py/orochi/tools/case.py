"""Case conversion of names: the rules of docs/values.md#names, by which every client names things."""

SEPARATORS = "_- "


def words(name: str) -> list[str]:
    """Split a name into its words. Separators vanish; case and digits make the other boundaries."""
    found: list[str] = []
    word = ""
    for i, char in enumerate(name):
        if char in SEPARATORS:
            if word:
                found.append(word)
            word = ""
            continue
        if word and _boundary(word[-1], char, name[i + 1 : i + 2]):
            found.append(word)
            word = ""
        word += char
    if word:
        found.append(word)
    return found


def snake(name: str) -> str:
    return "_".join(word.lower() for word in words(name))


def pascal(name: str) -> str:
    return "".join(_capital(word) for word in words(name))


def camel(name: str) -> str:
    parts = words(name)
    return "".join(_capital(word) if i else word.lower() for i, word in enumerate(parts))


def _boundary(last: str, char: str, following: str) -> bool:
    """Whether a word ends between `last` and `char`; `following` is the character after, or ''."""
    if _lower(last) and _upper(char):
        return True
    if (_letter(last) and _digit(char)) or (_digit(last) and _letter(char)):
        return True
    return _upper(last) and _upper(char) and bool(following) and _lower(following)


def _capital(word: str) -> str:
    return word[0].upper() + word[1:].lower()


def _digit(char: str) -> bool:
    return "0" <= char <= "9"


def _upper(char: str) -> bool:
    return char == char.upper() and char != char.lower()


def _lower(char: str) -> bool:
    return char == char.lower() and char != char.upper()


def _letter(char: str) -> bool:
    """A letter that has case: CJK and other scripts without case make no boundary."""
    return char.lower() != char.upper()
