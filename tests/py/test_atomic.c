/* Each call on a table is atomic by itself, also when its failure is caught; and what delete(row) takes for the row. */
#include "tests/py/words.h"

TestSuite(atomic, .init = fixture_start, .fini = oro_py_stop);

static const char source[] =
    "from dataclasses import dataclass\n"
    "from orochi import *\n"
    "@dataclass\n"
    "class Even:\n"
    "    n: u32 = 0\n"
    "class Odd:\n"
    "    def __index__(self): raise ValueError('odd')\n"
    "class Once:\n"
    "    left = 2\n"
    "    def __index__(self):\n"
    "        self.left -= 1\n"
    "        if self.left < 0: raise ValueError('no more')\n"
    "        return 200\n"
    "@table()\n"
    "class Item:\n"
    "    id: AutoKey[u64] = 0\n"
    "    name: Unique[str]\n"
    "    score: u8 = 0\n"
    "@table()\n"
    "class Log:\n"
    "    text: str\n"
    "    n: u8 = 0\n"
    "def state(ctx): return sorted((i.id, i.name, i.score) for i in ctx.db.item.all()), "
    "sorted((l.text, l.n) for l in ctx.db.log.all())\n"
    "def fails(ctx, call):\n"
    "    before = state(ctx)\n"
    "    try:\n"
    "        call()\n"
    "    except Exception as error:\n"
    "        assert state(ctx) == before, (error, before, state(ctx))\n"
    "    else:\n"
    "        raise Exception('it did not fail')\n"
    "def fill(ctx):\n"
    "    ctx.db.item.clear(); ctx.db.log.clear()\n"
    "    for i in range(5): ctx.db.item.insert(name=f'n{i}', score=i)\n"
    "    for i in range(5): ctx.db.log.insert(text=f't{i}', n=i)\n"
    "@reducer\n"
    "def bulk(ctx: ReducerContext):\n"
    "    fill(ctx)\n"
    "    items, log = ctx.db.item, ctx.db.log\n"
    "    fails(ctx, lambda: items.all().update(name='same'))\n"
    "    fails(ctx, lambda: items.all().update(score=Once()))\n"
    "    fails(ctx, lambda: items.filter(score__gte=1).update(score=Once(), name='other'))\n"
    "    fails(ctx, lambda: log.all().update(n=Once()))\n"
    "    fails(ctx, lambda: log.filter(n__gt=0).update(n=300))\n"
    "    fails(ctx, lambda: items.insert_many([Item(name='a'), Item(name='b'), Item(name='a')]))\n"
    "    fails(ctx, lambda: items.insert_many([Item(name='a'), 5]))\n"
    "    fails(ctx, lambda: items.batch_insert([Item(name='a'), Item(name='n0', id=70)]))\n"
    "    fails(ctx, lambda: log.insert_many([Log(text='a'), Log(text='t0', n=0), Log(text='b', "
    "n=Odd())]))\n"
    "    older = ctx.db.get_table(Item)\n"
    "    first = items.first()\n"
    "    fails(ctx, lambda: older.batch_insert([Item(id=first.id, name='changed'), Item(name='a'), "
    "Item(name='a')]))\n"
    "    fails(ctx, lambda: items.update(first, score=300))\n"
    "    fails(ctx, lambda: items.update(first, name='n3'))\n"
    "    fails(ctx, lambda: items.upsert(Item(id=99, name='n3')))\n"
    "    fails(ctx, lambda: items.name.update(Item(id=99, name='n1', score=Odd())))\n"
    "    fails(ctx, lambda: items.name.upsert(Item(id=first.id, name='n3')))\n"
    "    assert older.batch_insert([Item(id=first.id, name='changed'), Item(name='a')])[0].name == "
    "'changed'\n"
    "    assert items.get(first.id).name == 'changed' and items.count() == 6\n"
    "    assert items.filter(score__lt=3).update(score=9) == 4 and items.count(score=9) == 4\n"
    "    assert log.all().update(n=9) == 5 and log.count(n=9) == 5\n"
    "    assert items.filter(score=9).delete() == 4 and items.count() == 2\n"
    /* One inside of the other, taken back together or alone. */
    "@reducer\n"
    "def nested(ctx: ReducerContext):\n"
    "    fill(ctx)\n"
    "    class Inner:\n"
    "        def __index__(self):\n"
    "            ctx.db.log.insert(text='inner')\n"
    "            fails(ctx, lambda: ctx.db.item.insert_many([Item(name='x'), Item(name='x')]))\n"
    "            ctx.db.item.insert(name=f'y{ctx.db.item.count()}')\n"
    "            return 7\n"
    "    assert len(ctx.db.log.insert_many([Log(text='a', n=Inner()), Log(text='b', n=Inner())])) "
    "== 2\n"
    "    assert ctx.db.log.count() == 8 and ctx.db.item.count() == 7\n"
    "    fails(ctx, lambda: ctx.db.log.insert_many([Log(text='c', n=Inner()), Log(text='d', "
    "n=Odd())]))\n"
    "@reducer\n"
    "def deletes(ctx: ReducerContext):\n"
    "    fill(ctx)\n"
    "    items, log = ctx.db.item, ctx.db.log\n"
    "    row = items.first(name='n0')\n"
    "    other = items.get(row.id)\n"
    "    other.score = 77\n"
    "    items.update(other)\n"
    "    assert items.delete(row) is False and items.count() == 5\n"
    "    for _ in range(3):\n"
    "        assert items.delete(Item(id=row.id, name='n0', score=1)) is False\n"
    "    assert items.delete(Item(id=1000, name='n0', score=77)) is False\n"
    "    assert items.delete(other) is True and items.count() == 4\n"
    "    assert items.delete(other) is False\n"
    "    one = items.first(name='n1')\n"
    "    assert items.delete(one.id) is True and items.delete(one.id) is False and items.count() "
    "== 3\n"
    "    two = items.first(name='n2')\n"
    "    assert items.delete(Item(id=two.id, name='n2', score=2)) is True\n"
    "    assert items.id.delete(items.first(name='n3').id) is True\n"
    "    assert log.delete(Log(text='t0', n=1)) is False and log.delete(Log(text='t0', n=0)) is "
    "True and log.count() == 4\n";

Test(atomic, bulk_calls_leave_all_or_nothing)
{
    struct fixture f;
    fixture_open(&f, source);
    fixture_run(&f, "bulk");
    cr_assert_eq(f.host.saves, 0);
    fixture_run(&f, "nested");
    cr_assert_eq(f.host.saves, 0);
    fixture_close(&f);
}

Test(atomic, delete_takes_the_row_that_is_equal)
{
    struct fixture f;
    fixture_open(&f, source);
    char *text = words_of(&f, "deletes", ORO_OK);
    cr_expect_eq(words_count(text, "WARN"), 2, "%s", text); /* once for each place */
    cr_expect_not_null(strstr(text, "deletes: "), "%s", text);
    cr_expect_not_null(strstr(text, "module_under_test.py:"), "%s", text);
    cr_expect_not_null(strstr(text, "item.delete(row) deleted nothing: the row with this id is "
                                    "there, but differs in score"),
                       "%s", text);
    free(text);
    text = words_of(&f, "deletes", ORO_OK);
    cr_expect_eq(words_count(text, "WARN"), 0, "%s", text);
    free(text);
    fixture_close(&f);
}
