"""Whether a statement is legal on tables that are distributed by account: what Citus would say, without Citus.

Each table of the log that a statement reads has to be bound to one account, or joined by account with those that it
reads beside. What is bound to none goes through all accounts: a few statements do, and are told apart by that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pglast
from pglast import parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, SetOperation

from auditlog.distribution import DISTRIBUTED

ast: Any = pglast.ast  # Each kind of node has other attributes; here they are told apart by what they are.
KEY = "account_id"
BOUND = "one account"


@dataclass
class Shape:
    """What is wrong with a statement, and whether it goes through all accounts."""

    wrong: list[str] = field(default_factory=list)
    everywhere: list[str] = field(default_factory=list)


def shape_of(sql: str) -> Shape:
    """Return the shape of one or more statements."""
    shape = Shape()
    for statement in parse_sql(sql):
        _look(statement.stmt, shape, frozenset())
    return shape


def _look(node: Any, shape: Shape, around: frozenset[str], *, recursive: bool = False) -> None:
    """Look at a node and all below; ``around`` are the tables of the log that statements around it read."""
    if isinstance(node, ast.SelectStmt | ast.UpdateStmt | ast.DeleteStmt):
        _look_at_scope(node, shape, around, recursive)
        return
    if isinstance(node, ast.InsertStmt) and node.relation.relname in DISTRIBUTED:
        _look_at_insert(node, shape)
    for below in _below(node):
        _look(below, shape, around, recursive=recursive)


def _look_at_insert(node: Any, shape: Shape) -> None:
    table = node.relation.relname
    if KEY not in {column.name for column in node.cols or ()}:
        shape.wrong.append(f"INSERT INTO {table} says no {KEY}")
    clause = node.onConflictClause
    if clause and clause.infer and KEY not in {element.name for element in clause.infer.indexElems or ()}:
        shape.wrong.append(f"ON CONFLICT of {table} is by keys without {KEY}")


def _look_at_scope(node: Any, shape: Shape, around: frozenset[str], recursive: bool) -> None:
    """Look at what stands between one SELECT and the ones below it."""
    tables, conditions, inside = _scope_of(node)
    recursive = recursive or bool(
        getattr(node, "withClause", None) and node.withClause.recursive and _calls_itself(node)
    )
    links = list(_links(conditions, tables, around))
    groups: list[set[str]] = [{alias} for alias in tables]
    for one, other in links:
        joined = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined, {one, other})]
    with_tables = [group for group in groups if group & tables.keys()]
    if len(with_tables) > 1 and not all(BOUND in group for group in with_tables):
        shape.wrong.append(f"{', '.join(sorted(tables))} are joined across accounts")
    for group in with_tables:
        if BOUND not in group:
            names = sorted(tables[alias] for alias in group & tables.keys())
            (shape.wrong if recursive else shape.everywhere).append(
                f"{'recursive through all accounts' if recursive else 'all accounts'} of {', '.join(names)}"
            )
        elif "of a function" in group and getattr(node, "limitCount", None) is not None:
            shape.wrong.append("the newest of each account of a list, by a lateral LIMIT")
    for below in inside:
        _look(below, shape, around | tables.keys(), recursive=recursive)


def _scope_of(node: Any) -> tuple[dict[str, str], list[Any], list[Any]]:
    """Return the tables of the log by alias, the conditions, and what lies below."""
    tables: dict[str, str] = {}
    conditions: list[Any] = [node.whereClause] if getattr(node, "whereClause", None) else []
    inside: list[Any] = []

    def sort(of: Any) -> None:
        if isinstance(of, ast.RangeVar):
            if of.relname in DISTRIBUTED:
                tables[of.alias.aliasname if of.alias else of.relname] = of.relname
        elif isinstance(of, ast.JoinExpr):
            sort(of.larg)
            sort(of.rarg)
            if of.quals:
                conditions.append(of.quals)
        else:
            inside.append(of)

    sources = getattr(node, "fromClause", None) or getattr(node, "usingClause", None) or ()
    for source in sources:
        sort(source)
    if isinstance(node, ast.UpdateStmt | ast.DeleteStmt):
        sort(node.relation)
    skip = {id(source) for source in sources}
    inside += [below for below in _below(node) if id(below) not in skip and not isinstance(below, ast.RangeVar)]
    inside += conditions
    return tables, conditions, inside


def _links(conditions: list[Any], tables: dict[str, str], around: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield which tables' accounts are the same, or one that is given."""
    for condition in conditions:
        for one, other in _equalities(condition):
            for left, right in ((one, other), (other, one)):
                alias = _key_of(left, tables)
                if alias:
                    yield alias, _key_of(right, tables) or BOUND
                    if isinstance(right, ast.ColumnRef) and not _key_of(right, tables) and _first(right) not in around:
                        yield alias, "of a function"


def _equalities(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what has to be equal: what stands under OR or NOT need not be."""
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
        for part in node.args:
            yield from _equalities(part)
    kinds = {A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_OP_ANY, A_Expr_Kind.AEXPR_IN}
    if isinstance(node, ast.A_Expr) and node.kind in kinds and node.name[-1].sval == "=":
        yield node.lexpr, node.rexpr


def _key_of(node: Any, tables: dict[str, str]) -> str:
    """Return the table whose account a node is; "" for anything else."""
    if not isinstance(node, ast.ColumnRef) or not hasattr(node.fields[-1], "sval") or node.fields[-1].sval != KEY:
        return ""
    if len(node.fields) == 1:
        return next(iter(tables), "")
    return _first(node) if _first(node) in tables else ""


def _first(node: Any) -> str:
    return str(node.fields[0].sval) if hasattr(node.fields[0], "sval") else ""


def _calls_itself(node: Any) -> bool:
    names = {cte.ctename for cte in node.withClause.ctes}
    return any(
        isinstance(cte.ctequery, ast.SelectStmt)
        and cte.ctequery.op == SetOperation.SETOP_UNION
        and any(isinstance(each, ast.RangeVar) and each.relname in names for each in _all_below(cte.ctequery))
        for cte in node.withClause.ctes
    )


def _all_below(node: Any) -> Iterator[Any]:
    yield node
    for below in _below(node):
        yield from _all_below(below)


def _below(node: Any) -> Iterator[Any]:
    values = [getattr(node, name, None) for name in node.__slots__] if isinstance(node, ast.Node) else node
    for value in values:
        if isinstance(value, ast.Node):
            yield value
        elif isinstance(value, tuple):
            yield from (each for each in value if isinstance(each, ast.Node))
