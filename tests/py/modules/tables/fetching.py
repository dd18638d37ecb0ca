def names(rows): return ''.join(r.name[0] for r in rows)
def one(row): return row.name[0] if row else ''
@reducer
def fill(ctx: ReducerContext):
    five(ctx)
@reducer
def ask(ctx: ReducerContext, question: str, answer: str):
    found = eval(question, globals(), {'t': ctx.db.player})
    assert found == answer, found
