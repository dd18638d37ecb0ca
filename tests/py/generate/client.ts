// Uses what the bindings of the worked example and of hard.json export: it must type-check.
import { DbConnection, tables, reducers, procedures, type EventContext } from "./example/index";
import type { Player } from "./example/types";
import type { CreatePlayerParams } from "./example/types/reducers";
import type { RollDiceArgs, RollDiceResult } from "./example/types/procedures";
import { DbConnection as HardConnection, tables as hardTables } from "./hard/index";
import { Action, PlayState, type TreeNode } from "./hard/types";

export async function use(): Promise<void> {
  const conn = DbConnection.builder()
    .withUri("ws://127.0.0.1:3000")
    .withDatabaseName("demo")
    .withToken("token")
    .onConnect((c, identity, token) => {
      const text: string = identity.toHexString() + token;
      c.subscriptionBuilder()
        .onApplied(ctx => void ctx.db.player.count())
        .subscribe([tables.player, tables.item.where(row => row.ownerId.eq(1n))]);
      void text;
    })
    .build();
  conn.db.player.onInsert((_ctx: EventContext, row: Player) => void row.displayName.length);
  conn.db.player.onUpdate((_ctx, before, after) => void (before.score < after.score));
  const one = conn.db.player.id.find(1n);
  const level: number | undefined = one?.level;
  for (const item of conn.db.item.owner_id.filter(2n)) void item.tags;
  conn.db.player.by_level_score.filter([1, 2n]);
  conn.db.damageEvent.onInsert((_ctx, row) => void row.amount);
  for (const top of conn.db.topPlayers.iter()) void top.id;
  const params: CreatePlayerParams = { displayName: "hi", level: level ?? 7 };
  await conn.reducers.createPlayer(params);
  await conn.reducers.giveItem({ to: 1n, itemId: 2, at: { x: 1, y: 2 } });
  const args: RollDiceArgs = { sides: 6 };
  const rolled: RollDiceResult = await conn.procedures.rollDice(args);
  void [rolled, reducers.createPlayer, procedures.rollDice];
  // @ts-expect-error a parameter is missing
  await conn.reducers.createPlayer({ level: 1 });
  // @ts-expect-error private
  void conn.db.tickTimer;

  const hard = HardConnection.builder().withUri("ws://127.0.0.1:3000").withDatabaseName("hard").build();
  const leaf: TreeNode = { value: 1, children: [] };
  const tree: TreeNode = { value: 2, children: [leaf, { value: 3, children: [leaf] }] };
  await hard.reducers.act({ action: Action.Move({ dx: 1 }), from: tree });
  await hard.reducers.act({ action: { tag: "Wait" }, from: leaf });
  await hard.reducers.move({ step: { dx: 0.5 } });
  await hard.reducers.leave({});
  for (const row of hard.db.game.iter()) {
    const state: "Lobby" | "InGame" = row.playState.tag;
    const states: string[] | undefined = row.maybeTags?.map(each => each.tag);
    void [state, states, row.bytes.byteLength, row.default, row["1St"], row.player1 + 1n, row.outcomeOf];
  }
  void [PlayState.InGame, hardTables.game.where(row => row.player1.eq(4n))];
}
