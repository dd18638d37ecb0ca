"""Arena: steer a blob, eat pellets, grow, eat whoever is smaller; the world moves 20 times a second.

What changes in each tick is in rows as small as they can be: `body` has four numbers, and is all that
travels while players move. Names and scores are in `player`, which changes when somebody joins, eats
or is eaten. Where players want to go is in `turn` and `pilot`, which no client sees.

Calls of different players run in parallel, and a transaction that read what another one has changed
meanwhile runs again. So `steer`, called hundreds of times a second, changes no row that `tick` reads.
"""

from orochi import (
    AutoKey,
    ConnectionId,
    Identity,
    Index,
    PrimaryKey,
    ReducerContext,
    ReducerError,
    Timestamp,
    Unique,
    client_disconnected,
    f32,
    init,
    reducer,
    scheduled,
    table,
    u16,
    u32,
    u64,
)

SIZE = 4000.0
PELLETS = 900
PELLET_AREA = 34.0
START_RADIUS = 18.0
MAX_RADIUS = 320.0
MELT_RADIUS = 50.0
MELT = 0.007  # share of the area lost in a second at that radius; four times as much at twice of it
SPEED = 300.0  # units a second at the start; big blobs are slower
EDGE = 1.12  # how much bigger one must be to eat another
IDLE_US = 60_000_000
CELL = 200.0
ROW = 64  # cells in a row of the grid, more than fit in the arena


@table(public=True)
class Player:
    id: AutoKey[u32] = 0
    identity: Unique[Identity]
    name: str
    hue: u16
    kills: u32 = 0
    deaths: u32 = 0
    eaten_by: u32 = 0  # player that ate this one last


@table(public=True)
class Body:
    id: PrimaryKey[u32]  # that of its player
    x: f32
    y: f32
    r: f32


@table(public=True)
class Pellet:
    id: PrimaryKey[u16]
    x: f32
    y: f32


@table
class Pilot:
    """Who steers a body, and where to as of the last tick."""

    id: PrimaryKey[u32]
    connection: ConnectionId | None
    dx: f32 = 0.0
    dy: f32 = 0.0
    seen: Timestamp


@table
class Turn:
    """A new direction. A tick takes those that were sent before it began; what comes while it computes
    is outside of what it read, and waits for the next."""

    id: AutoKey[u64] = 0
    sent: Index[Timestamp]
    player: u32
    dx: f32
    dy: f32


class Blob:
    """A body while a tick computes with it."""

    __slots__ = ("row", "x", "y", "r", "area", "eaten")

    def __init__(self, row: Body, x: float, y: float, r: float) -> None:
        self.row, self.x, self.y, self.r = row, x, y, r
        self.area = r * r
        self.eaten = False


@init
def setup(ctx: ReducerContext) -> None:
    fill(ctx)


@reducer
def join(ctx: ReducerContext, name: str) -> None:
    name = " ".join(name.split())[:16]
    if not name:
        raise ReducerError("A name needs at least one character.")
    player = ctx.db.player.identity.find(ctx.sender)
    if player is None:
        hue = ctx.rng.randrange(360)
        player = ctx.db.player.insert(identity=ctx.sender, name=name, hue=hue)
        ctx.db.body.insert(id=player.id, x=place(ctx), y=place(ctx), r=START_RADIUS)
        ctx.db.pilot.insert(id=player.id, connection=ctx.connection_id, seen=ctx.timestamp)
        return
    # The same person from a second tab, or back after a broken line: the newest connection steers.
    ctx.db.player.update(player, name=name)
    pilot = ctx.db.pilot.get(player.id)
    ctx.db.pilot.update(pilot, connection=ctx.connection_id, seen=ctx.timestamp)


@reducer
def steer(ctx: ReducerContext, dx: f32, dy: f32) -> None:
    player = ctx.db.player.identity.find(ctx.sender)
    if player is None:
        raise ReducerError("Join before you steer.")
    length = (dx * dx + dy * dy) ** 0.5
    if not length <= 1e6:  # true for NaN as well
        raise ReducerError("A direction needs finite numbers.")
    if length > 1.0:
        dx, dy = dx / length, dy / length
    ctx.db.turn.insert(sent=ctx.timestamp, player=player.id, dx=dx, dy=dy)


@reducer
def leave(ctx: ReducerContext) -> None:
    player = ctx.db.player.identity.find(ctx.sender)
    if player is not None:
        remove(ctx, player.id)


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    player = ctx.db.player.identity.find(ctx.sender)
    if player is not None and ctx.db.pilot.get(player.id).connection == ctx.connection_id:
        remove(ctx, player.id)


@scheduled(hz=20)
def tick(ctx: ReducerContext) -> None:
    pilots = steered(ctx)
    if not pilots:
        return
    blobs = move(ctx, pilots, ctx.dt or 1 / 20)
    grid = index(blobs)
    eat_pellets(ctx, grid)
    eat_each_other(ctx, blobs, grid)
    update = ctx.db.body.update
    for blob in blobs:
        row = blob.row
        r = min(blob.area**0.5, MAX_RADIUS)
        if blob.x != row.x or blob.y != row.y or abs(r - row.r) > 0.01:
            update(row, x=blob.x, y=blob.y, r=r)


@scheduled(interval_ms=5000)
def sweep(ctx: ReducerContext) -> None:
    """Take away who went without saying so, for instance when the server was killed."""
    since = ctx.timestamp - IDLE_US
    for pilot in ctx.db.pilot:
        if pilot.seen < since:
            remove(ctx, pilot.id)
    fill(ctx)


def steered(ctx: ReducerContext) -> dict[int, Pilot]:
    """All pilots by their id, after the turns that came in since the last tick."""
    pilots = {pilot.id: pilot for pilot in ctx.db.pilot}
    for turn in ctx.db.turn.sent.filter(lt=ctx.timestamp):
        pilot = pilots.get(turn.player)
        if pilot is not None:
            pilots[pilot.id] = ctx.db.pilot.update(pilot, dx=turn.dx, dy=turn.dy, seen=turn.sent)
        ctx.db.turn.delete(turn.id)
    return pilots


def move(ctx: ReducerContext, pilots: dict[int, Pilot], dt: float) -> list[Blob]:
    blobs: list[Blob] = []
    for body in ctx.db.body:
        pilot = pilots.get(body.id)
        x, y, r = body.x, body.y, body.r
        if pilot is not None:
            dx, dy = pilot.dx, pilot.dy
            if dx or dy:
                step = SPEED * (START_RADIUS / r) ** 0.42 * dt
                x = min(max(x + dx * step, 0.0), SIZE)
                y = min(max(y + dy * step, 0.0), SIZE)
        blob = Blob(body, x, y, r)
        if r > MELT_RADIUS:  # so that nobody stays on top for nothing
            blob.area *= 1.0 - MELT * (r / MELT_RADIUS) ** 2 * dt
        blobs.append(blob)
    return blobs


def index(blobs: list[Blob]) -> dict[int, list[Blob]]:
    """Which blobs reach into which cell. A key is column * ROW + row; two cells may share one, which
    costs a comparison and no more, for distances decide."""
    grid: dict[int, list[Blob]] = {}
    for blob in blobs:
        x, y, r = blob.x, blob.y, blob.r
        rows = range(int((y - r) / CELL), int((y + r) / CELL) + 1)
        for column in range(int((x - r) / CELL), int((x + r) / CELL) + 1):
            for row in rows:
                cell = grid.get(column * ROW + row)
                if cell is None:
                    grid[column * ROW + row] = [blob]
                else:
                    cell.append(blob)
    return grid


def eat_pellets(ctx: ReducerContext, grid: dict[int, list[Blob]]) -> None:
    for pellet in ctx.db.pellet:
        x, y = pellet.x, pellet.y
        near = grid.get(int(x / CELL) * ROW + int(y / CELL))
        if near is None:
            continue
        for blob in near:
            dx, dy, r = x - blob.x, y - blob.y, blob.r
            if dx * dx + dy * dy < r * r:
                blob.area += PELLET_AREA
                ctx.db.pellet.update(pellet, x=place(ctx), y=place(ctx))
                break


def eat_each_other(ctx: ReducerContext, blobs: list[Blob], grid: dict[int, list[Blob]]) -> None:
    for small in blobs:
        x, y, r = small.x, small.y, small.r
        for big in grid.get(int(x / CELL) * ROW + int(y / CELL), ()):
            if big.r < r * EDGE or big.eaten:
                continue
            dx, dy, reach = x - big.x, y - big.y, big.r - 0.35 * r
            if dx * dx + dy * dy < reach * reach:
                big.area += 0.8 * r * r
                eaten(ctx, small, big, grid)
                break


def eaten(ctx: ReducerContext, small: Blob, big: Blob, grid: dict[int, list[Blob]]) -> None:
    small.eaten = True
    small.x, small.y = quiet_place(ctx, grid)
    small.r = START_RADIUS
    small.area = START_RADIUS * START_RADIUS
    victim = ctx.db.player.find(small.row.id)
    killer = ctx.db.player.find(big.row.id)
    if victim is not None and killer is not None:
        ctx.db.player.update(victim, deaths=victim.deaths + 1, eaten_by=killer.id)
        ctx.db.player.update(killer, kills=killer.kills + 1)


def quiet_place(ctx: ReducerContext, grid: dict[int, list[Blob]]) -> tuple[float, float]:
    """A place where nobody is, or after a few tries just any."""
    x, y = place(ctx), place(ctx)
    for _ in range(5):
        if int(x / CELL) * ROW + int(y / CELL) not in grid:
            break
        x, y = place(ctx), place(ctx)
    return x, y


def remove(ctx: ReducerContext, id: int) -> None:
    ctx.db.player.delete(id)
    ctx.db.body.delete(id)
    ctx.db.pilot.delete(id)


def fill(ctx: ReducerContext) -> None:
    for id in range(PELLETS):
        if id not in ctx.db.pellet:
            ctx.db.pellet.insert(id=id, x=place(ctx), y=place(ctx))


def place(ctx: ReducerContext) -> float:
    return ctx.rng.uniform(40.0, SIZE - 40.0)
