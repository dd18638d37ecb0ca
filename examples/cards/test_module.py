"""The rules, tried without a server: pytest, or `orochi test`."""

import module
import pytest
from orochi import ReducerError
from orochi.testing import Client, Database

HIDDEN = "SELECT * FROM my_hand"


def table_of(db: Database, *names: str) -> list[Client]:
    """Players in one room, whose game has begun; the first is the host."""
    players = [db.connect(name) for name in names]
    for player, name in zip(players, names, strict=True):
        player.call(module.set_name, name)
    players[0].call(module.open_room, "a table")
    for player in players[1:]:
        player.call(module.enter, db[module.Room].one().id)
    players[0].call(module.start)
    return players


def turn(db: Database, players: list[Client]) -> Client:
    return next(p for p in players if p.identity == db[module.Room].one().turn)


def play_to_the_end(db: Database, players: list[Client]) -> None:
    """Each plays the first card that is accepted."""
    while db[module.Room].one().playing:
        player = turn(db, players)
        for card in db[module.Card].filter(player=player.identity):
            try:
                player.call(module.play, card.id)
                break
            except ReducerError as error:
                assert "Follow suit" in str(error)


def test_nobody_sees_another_hand(orochi_db: Database) -> None:
    watcher = orochi_db.connect("eve")
    players = table_of(orochi_db, "ann", "bob", "cid")
    hands = [player.subscribe(HIDDEN) for player in players]
    for player, hand in zip(players, hands, strict=True):
        assert len(hand.rows) == module.HAND
        assert {card.player for card in hand.rows} == {player.identity}
    assert len({card.id for hand in hands for card in hand.rows}) == 3 * module.HAND
    for query in (HIDDEN, "SELECT * FROM places", "SELECT * FROM played", "SELECT * FROM message"):
        assert watcher.subscribe(query).rows == []
    for secret in ("card", "seat", "deadline"):
        with pytest.raises(Exception, match=f"no such table: `{secret}`"):
            watcher.subscribe(f"SELECT * FROM {secret}")


def test_hands_stay_hidden_to_the_end(orochi_db: Database) -> None:
    players = table_of(orochi_db, "ann", "bob")
    hands = [player.subscribe(HIDDEN) for player in players]
    play_to_the_end(orochi_db, players)
    for player, hand in zip(players, hands, strict=True):
        assert hand.rows == [] and len(hand.deleted) == module.HAND
        assert {card.player for card in [*hand.inserted, *hand.deleted]} == {player.identity}


def test_others_see_how_many_cards_one_has(orochi_db: Database) -> None:
    players = table_of(orochi_db, "ann", "bob")
    seen = players[1].subscribe("SELECT * FROM places")
    assert [place.cards for place in seen.rows] == [module.HAND, module.HAND]
    first = turn(orochi_db, players)
    first.call(module.play, orochi_db[module.Card].filter(player=first.identity)[0].id)
    assert {place.player: place.cards for place in seen.rows}[first.identity] == module.HAND - 1


def test_only_ones_own_card_and_in_turn(orochi_db: Database) -> None:
    players = table_of(orochi_db, "ann", "bob")
    first = turn(orochi_db, players)
    other = next(p for p in players if p is not first)
    theirs = orochi_db[module.Card].filter(player=other.identity)[0].id
    for card in (theirs, 4_000_000):
        with pytest.raises(ReducerError, match="no such card"):
            first.call(module.play, card)
    with pytest.raises(ReducerError, match="not your turn"):
        other.call(module.play, theirs)


def test_suit_is_followed_and_the_highest_takes_the_trick(orochi_db: Database) -> None:
    players = table_of(orochi_db, "ann", "bob")
    first = turn(orochi_db, players)
    other = next(p for p in players if p is not first)
    room = orochi_db[module.Room].one().id
    orochi_db[module.Card].clear()
    cards = [(first, 0, 10), (first, 1, 2), (other, 0, 3), (other, 1, 14)]
    five, _, three, ace = (orochi_db[module.Card].insert(room=room, player=p.identity, suit=s, rank=r).id for p, s, r in cards)
    first.call(module.play, five)
    with pytest.raises(ReducerError, match="Follow suit"):
        other.call(module.play, ace)
    other.call(module.play, three)
    assert orochi_db[module.Seat].get(first.identity).tricks == 1
    assert turn(orochi_db, players) is first


def test_who_does_not_play_in_time_plays_the_lowest_card(orochi_db: Database) -> None:
    players = table_of(orochi_db, "ann", "bob")
    first = turn(orochi_db, players)
    lowest = min(card.rank for card in orochi_db[module.Card].filter(player=first.identity))
    orochi_db.advance(seconds=module.TURN.total_seconds() - 1)
    assert len(orochi_db[module.Played]) == 0
    orochi_db.advance(seconds=1)  # of virtual time: at once
    assert [(card.player, card.rank) for card in orochi_db[module.Played]] == [(first.identity, lowest)]


def test_a_game_ends_though_all_have_gone(orochi_db: Database) -> None:
    for player in table_of(orochi_db, "ann", "bob", "cid", "dan"):
        player.close()
    orochi_db.advance(seconds=200)
    for left in (module.Room, module.Seat, module.Card, module.Played, module.Deadline):
        assert len(orochi_db[left]) == 0


def test_who_comes_back_has_seat_and_hand(orochi_db: Database) -> None:
    ann, bob = table_of(orochi_db, "ann", "bob")
    before = sorted(card.id for card in bob.subscribe(HIDDEN).rows)
    bob.close()
    back = orochi_db.connect("bob")
    assert sorted(card.id for card in back.subscribe(HIDDEN).rows) == before
    play_to_the_end(orochi_db, [ann, back])


def test_points_stand_on_the_leaderboard(orochi_db: Database) -> None:
    board = orochi_db.connect("eve").subscribe("SELECT * FROM leaderboard")
    play_to_the_end(orochi_db, table_of(orochi_db, "ann", "bob"))
    assert sum(player.points for player in board.rows) == module.HAND + module.MOST_TRICKS
    assert orochi_db[module.Room].one().result.endswith("tricks")


def test_chat_is_for_the_room(orochi_db: Database) -> None:
    ann, bob = table_of(orochi_db, "ann", "bob")
    eve = orochi_db.connect("eve")
    eve.call(module.open_room, "another")
    heard, outside = bob.subscribe(module.Message), eve.subscribe(module.Message)
    ann.call(module.say, "  your   turn ")
    assert [message.text for message in heard.rows] == ["your turn"] and outside.rows == []
    with pytest.raises(ReducerError, match="Slow down"):
        for _ in range(module.BURST):
            ann.call(module.say, "well?")


def test_a_room_waits_for_who_comes_back_soon(orochi_db: Database) -> None:
    ann = orochi_db.connect("ann")
    ann.call(module.open_room, "mine")
    ann.close()
    orochi_db.advance(seconds=10)
    ann = orochi_db.connect("ann")
    orochi_db.advance(seconds=60)
    assert len(orochi_db[module.Seat]) == 1
    ann.close()
    orochi_db.advance(seconds=60)
    assert len(orochi_db[module.Room]) == len(orochi_db[module.Player]) == 0


def test_rooms_have_limits(orochi_db: Database) -> None:
    players = [orochi_db.connect(name) for name in "abcde"]
    players[0].call(module.open_room, "full")
    with pytest.raises(ReducerError, match="two"):
        players[0].call(module.start)
    room = orochi_db[module.Room].one().id
    for player in players[1:4]:
        player.call(module.enter, room)
    with pytest.raises(ReducerError, match="full"):
        players[4].call(module.enter, room)
    with pytest.raises(ReducerError, match="longest"):
        players[1].call(module.start)
    players[0].call(module.leave)
    assert orochi_db[module.Room].one().host == players[1].identity
    players[1].call(module.start)
    with pytest.raises(ReducerError, match="playing"):
        players[0].call(module.enter, room)
    with pytest.raises(ReducerError, match="not over"):
        players[1].call(module.leave)
