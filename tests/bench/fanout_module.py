"""A hundred entities that all move twenty times a second: what `fanout.sh` has a thousand clients watch."""

from orochi import PrimaryKey, ReducerContext, f32, init, scheduled, table, u32, u64

ENTITIES = 100


@table(public=True)
class Entity:
    id: PrimaryKey[u32]
    x: f32
    y: f32
    z: f32
    vx: f32
    vy: f32
    vz: f32
    health: u32
    owner: u64


@init
def start(ctx: ReducerContext) -> None:
    ctx.db.entity.insert_many(
        Entity(id=i, x=float(i), y=0.0, z=0.0, vx=1.0, vy=0.5, vz=0.25, health=100, owner=i) for i in range(ENTITIES)
    )


@scheduled(hz=20)
def tick(ctx: ReducerContext) -> None:
    update = ctx.db.entity.update
    for row in list(ctx.db.entity):
        row.x += row.vx
        row.y += row.vy
        row.z += row.vz
        update(row)
