"""A module definition (V10, docs/values.md#module-definition) read into plain objects, for code generators.

Types stay in their SATS-JSON form, `{"U32": []}`; what is resolved here is everything around them:
which names are canonical, what is private, which table or view has which key.
"""

from dataclasses import dataclass, field

from . import case


class DefinitionError(Exception):
    """The definition cannot be turned into bindings; the message says where and why."""


@dataclass
class NamedType:
    name: str  # Pascal case, scope included
    ref: int
    shape: dict


@dataclass
class Element:
    name: str  # as written in the definition
    canonical: str
    type: dict


@dataclass
class Index:
    name: str
    accessor: str
    columns: list[int]


@dataclass
class Unique:
    name: str
    column: int


@dataclass
class Table:
    """A table, or a view: a view has neither indexes nor constraints."""

    name: str
    canonical: str
    columns: list[Element]
    primary_key: int | None = None
    indexes: list[Index] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    is_event: bool = False
    is_public: bool = True
    ref: int | None = None  # of the row type


@dataclass
class Function:
    """A reducer, or a procedure when it has a return type."""

    name: str
    canonical: str
    params: list[Element]
    returns: dict | None = None
    is_public: bool = True


@dataclass
class Module:
    types: list[NamedType]
    tables: list[Table]
    views: list[Table]
    reducers: list[Function]
    procedures: list[Function]
    typespace: list[dict]


def read(definition: dict) -> Module:
    """Read a definition as `describe --json` prints it; the `{"V10": …}` around it is optional."""
    return _Reader(definition).module()


def variant(value: dict, what: str) -> tuple[str, object]:
    """The name and payload of a sum in named SATS-JSON, `{"Name": payload}`."""
    if not isinstance(value, dict) or len(value) != 1:
        raise DefinitionError(f"{what}: expected an object with one key, found {value!r}")
    return next(iter(value.items()))


def option(value: dict | None, what: str) -> object | None:
    if value is None:
        return None
    name, payload = variant(value, what)
    return payload if name == "some" else None


class _Reader:
    def __init__(self, definition: dict) -> None:
        body = definition.get("V10", definition) if isinstance(definition, dict) else None
        if not isinstance(body, dict) or "sections" not in body:
            raise DefinitionError(
                "not a module definition of version 10: expected an object with the key "
                '"sections", or {"V10": {"sections": […]}}'
            )
        self.sections: dict[str, object] = {}
        for i, entry in enumerate(body["sections"]):
            name, payload = variant(entry, f"section {i}")
            if name in self.sections:
                raise DefinitionError(f"section {name} occurs twice")
            self.sections[name] = payload
        if self.sections.get("Submodules"):
            raise DefinitionError("submodules are not supported")
        policy = self.sections.get("CaseConversionPolicy", {"SnakeCase": []})
        self.keep_case = variant(policy, "CaseConversionPolicy")[0] == "None"
        self.explicit: dict[tuple[str, str], str] = {}
        for entry in self._section("ExplicitNames", {}).get("entries", []):
            kind, names = variant(entry, "ExplicitNames")
            self.explicit[kind, names["source_name"]] = names["canonical_name"]
        self.typespace: list[dict] = self._section("Typespace", {}).get("types", [])

    def module(self) -> Module:
        lifecycle = self._section("LifeCycleReducers", [])
        hidden = {entry["function_name"] for entry in lifecycle}
        hidden |= {entry["function_name"] for entry in self._section("Schedules", [])}
        init = {e["function_name"] for e in lifecycle if "Init" in e["lifecycle_spec"]}
        tables = [self._table(entry) for entry in self._section("Tables", [])]
        return Module(
            types=[self._type(entry) for entry in self._section("Types", [])],
            tables=tables,
            views=[self._view(entry) for entry in self._section("Views", [])],
            reducers=[
                self._function(entry, "reducer", hidden)
                for entry in self._section("Reducers", [])
                if entry["source_name"] not in init
            ],
            procedures=[
                self._function(entry, "procedure", hidden)
                for entry in self._section("Procedures", [])
            ],
            typespace=self.typespace,
        )

    def _section(self, name: str, empty):
        return self.sections.get(name, empty)

    def _canonical(self, kind: str, name: str) -> str:
        return self.explicit.get((kind, name)) or self._by_policy(name)

    def _by_policy(self, name: str) -> str:
        return name if self.keep_case else case.snake(name)

    def _elements(self, product: dict, where: str) -> list[Element]:
        found = []
        for i, element in enumerate(product["elements"]):
            name = option(element.get("name"), where)
            if not name:
                raise DefinitionError(f"{where}: element {i} has no name")
            found.append(Element(name, self._by_policy(name), element["algebraic_type"]))
        return found

    def _shape(self, ref: int, where: str) -> dict:
        if not 0 <= ref < len(self.typespace):
            raise DefinitionError(
                f"{where}: type reference &{ref} is out of bounds, "
                f"the typespace has {len(self.typespace)} types"
            )
        return self.typespace[ref]

    def _row(self, ref: int, where: str) -> list[Element]:
        kind, product = variant(self._shape(ref, where), where)
        if kind != "Product":
            raise DefinitionError(f"{where}: its row type &{ref} is no product but {kind}")
        return self._elements(product, where)

    def _type(self, entry: dict) -> NamedType:
        source = entry["source_name"]
        parts = [*source["scope"], source["source_name"]]
        name = "".join(case.pascal(part) for part in parts)
        return NamedType(name, entry["ty"], self._shape(entry["ty"], f"type {name}"))

    def _table(self, entry: dict) -> Table:
        source = entry["source_name"]
        where = f"table {source}"
        canonical = self._canonical("Table", source)
        columns = self._row(entry["product_type_ref"], where)
        return Table(
            name=source,
            canonical=canonical,
            columns=columns,
            primary_key=next(iter(entry["primary_key"]), None),
            indexes=self._indexes(entry["indexes"], canonical, columns, where),
            uniques=self._uniques(entry["constraints"], canonical, columns, where),
            is_event=bool(entry.get("is_event", False)),
            is_public="Public" in entry["table_access"],
            ref=entry["product_type_ref"],
        )

    def _indexes(self, entries, table: str, columns: list[Element], where: str) -> list[Index]:
        found = []
        for entry in entries:
            accessor = option(entry.get("accessor_name"), where)
            if not accessor:  # without one, no client can reach it
                continue
            algorithm, at = variant(entry["algorithm"], where)
            at = [at] if isinstance(at, int) else list(at)
            self._check_columns(at, columns, f"{where}, index {accessor}")
            source = option(entry.get("source_name"), where)
            joined = "_".join(columns[i].canonical for i in at)
            name = self.explicit.get(("Index", source or "")) or (
                f"{table}_{joined}_idx_{algorithm.lower()}"
            )
            found.append(Index(name, accessor, at))
        return sorted(found, key=lambda index: index.name)

    def _uniques(self, entries, table: str, columns: list[Element], where: str) -> list[Unique]:
        found = []
        for entry in entries:
            _, data = variant(entry["data"], where)
            at = data["columns"]
            self._check_columns(at, columns, f"{where}, unique constraint")
            if len(at) == 1:  # a client's cache knows no others
                found.append(Unique(f"{table}_{columns[at[0]].canonical}_key", at[0]))
        return sorted(found, key=lambda unique: unique.name)

    @staticmethod
    def _check_columns(at: list[int], columns: list[Element], where: str) -> None:
        for i in at:
            if not 0 <= i < len(columns):
                raise DefinitionError(f"{where}: there is no column {i}")

    def _view(self, entry: dict) -> Table:
        source = entry["source_name"]
        where = f"view {source}"
        kind, payload = variant(entry["return_type"], where)
        ref, is_query = None, False
        if kind == "Array":
            ref = payload.get("Ref")
        elif kind == "Sum":
            ref = payload["variants"][0]["algebraic_type"].get("Ref")
        elif kind == "Product":
            ref, is_query = payload["elements"][0]["algebraic_type"].get("Ref"), True
        if ref is None:
            raise DefinitionError(f"{where}: it returns neither rows, an optional row nor a query")
        columns = self._row(ref, where)
        key = self._query_key(ref) if is_query else self._view_key(source, columns, where)
        return Table(
            name=source,
            canonical=self._canonical("Function", source),
            columns=columns,
            primary_key=key,
            is_public=entry["is_public"],
            ref=ref,
        )

    def _view_key(self, source: str, columns: list[Element], where: str) -> int | None:
        for entry in self._section("ViewPrimaryKeys", []):
            if entry["view_source_name"] == source and entry["columns"]:
                for i, column in enumerate(columns):
                    if entry["columns"][0] in (column.name, column.canonical):
                        return i
                raise DefinitionError(f"{where}: its key {entry['columns'][0]} is no column")
        return None

    def _query_key(self, ref: int) -> int | None:
        """A query view has the key of the tables whose rows it gives."""
        for entry in self._section("Tables", []):
            if entry["product_type_ref"] == ref and entry["primary_key"]:
                return entry["primary_key"][0]
        return None

    def _function(self, entry: dict, what: str, hidden: set[str]) -> Function:
        source = entry["source_name"]
        return Function(
            name=source,
            canonical=self._canonical("Function", source),
            params=self._elements(entry["params"], f"{what} {source}"),
            returns=entry["return_type"] if what == "procedure" else None,
            is_public="Private" not in entry["visibility"] and source not in hidden,
        )
