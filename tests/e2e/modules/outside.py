"""Procedures that ask a service of the world outside."""

import time

from orochi import AutoKey, HttpError, ProcedureContext, TransactionError, procedure, table, u16, u32, u64


@table(public=True)
class Answer:
    id: AutoKey[u64] = 0
    text: str


@procedure
def ask(ctx: ProcedureContext, url: str) -> str:
    answer = ctx.http.post(url, json={"q": "6 * 7"}, headers={"x-mine": "é"}, params={"p": "a b"})
    text = answer.raise_for_status().json()["a"]
    ctx.with_tx(lambda tx: tx.db.answer.insert(text=text))
    return text


@procedure
def status(ctx: ProcedureContext, method: str, url: str) -> u16:
    return ctx.http.request(method, url).status


@procedure
def sends(ctx: ProcedureContext, method: str, url: str, body: str) -> u16:
    return ctx.http.request(method, url, body=body or None).status


@procedure
def with_header(ctx: ProcedureContext, url: str, name: str, value: str) -> str:
    try:
        return str(ctx.http.get(url, headers={name: value}).status)
    except HttpError as e:
        return f"{type(e).__name__}: {e}"


@procedure
def fails(ctx: ProcedureContext, url: str, timeout_ms: u32) -> str:
    try:
        answer = ctx.http.get(url, timeout=timeout_ms / 1000 if timeout_ms else None)
    except HttpError as e:
        return str(e)
    return f"{answer.status} {len(answer.body)} {answer.url}"


@procedure
def wrong(ctx: ProcedureContext) -> list[str]:
    told = []
    for url, options in (("ftp://a", {}), ("file:///etc/passwd", {}), ("http://a b", {}), ("http://a/", {"headers": {"a": "b\r\nc: d"}}),
                         ("http://a/", {"json": 1, "body": b"2"}), ("http://a/", {"timeout": 0})):
        try:
            ctx.http.get(url, **options)
        except (HttpError, TypeError, ValueError) as e:
            told.append(f"{type(e).__name__}: {e}")
    try:
        ctx.with_tx(lambda tx: ctx.http.get("http://a/"))
    except TransactionError as e:
        told.append(str(e))
    return told


@procedure(timeout_ms=300)
def hurried(ctx: ProcedureContext, url: str) -> u16:
    return ctx.http.get(url).status
