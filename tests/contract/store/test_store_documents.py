from __future__ import annotations

import asyncio

import pytest

from krawall.errors import Conflict, DocumentError, NotFound, Stale
from krawall.model.kept import DocumentKind

TARGET, SCENARIO = DocumentKind.target, DocumentKind.scenario


async def test_a_document_comes_back_as_it_was_written(store):
    body = {"url": "http://x/ü\x00", "deep": [1, 2.5, None, {"a": True}]}
    made = await store.documents.create(TARGET, "Shop", body, "ann", "first")
    assert (made.revision, made.actor, made.note, made.archived) == (1, "ann", "first", False)
    assert await store.documents.get(TARGET, made.id) == made
    assert await store.documents.get(TARGET, "Shop") == made
    assert made.body == body


async def test_a_name_is_taken_within_its_kind_even_by_an_archived_one(store):
    made = await store.documents.create(TARGET, "shop", {}, "ann")
    await store.documents.create(SCENARIO, "shop", {}, "ann")
    with pytest.raises(Conflict, match="target 'shop' already"):
        await store.documents.create(TARGET, "shop", {}, "ann")
    await store.documents.archive(TARGET, made.id, "ann")
    with pytest.raises(Conflict, match="archived"):
        await store.documents.create(TARGET, "shop", {}, "ann")
    await store.documents.delete(TARGET, made.id, "ann")
    await store.documents.create(TARGET, "shop", {}, "ann")


async def test_every_revision_is_kept(store):
    first = await store.documents.create(TARGET, "shop", {"n": 1}, "ann")
    second = await store.documents.revise(TARGET, first.id, {"n": 2}, "bob", etag=first.etag, note="two")
    third = await store.documents.revise(TARGET, "shop", {"n": 2}, "bob", etag=None, name="store")
    assert (second.revision, third.revision, third.name) == (2, 3, "store")
    assert len({first.etag, second.etag, third.etag}) == 3
    assert (await store.documents.revisions(TARGET, first.id)).items == [third, second, first]
    assert await store.documents.get(TARGET, first.id, 2) == second
    page = await store.documents.revisions(TARGET, first.id, limit=2)
    assert (await store.documents.revisions(TARGET, first.id, page.next, 2)).items == [first]
    with pytest.raises(NotFound, match="revision 4 of target"):
        await store.documents.get(TARGET, first.id, 4)
    with pytest.raises(NotFound):
        await store.documents.get(TARGET, "shop")


async def test_the_same_body_makes_no_new_revision(store):
    made = await store.documents.create(TARGET, "shop", {"a": 1, "b": 2}, "ann")
    events = await store.events.newest()
    assert await store.documents.revise(TARGET, made.id, {"b": 2, "a": 1}, "bob", etag=made.etag) == made
    assert await store.events.newest() == events


async def test_a_change_of_what_somebody_else_changed_is_stale(store):
    made = await store.documents.create(TARGET, "shop", {"n": 1}, "ann")
    await store.documents.revise(TARGET, made.id, {"n": 2}, "bob", etag=made.etag)
    with pytest.raises(Stale, match="revision 2 by bob"):
        await store.documents.revise(TARGET, made.id, {"n": 3}, "ann", etag=made.etag)
    with pytest.raises(Stale):
        await store.documents.delete(TARGET, made.id, "ann", etag=made.etag)


async def test_of_changes_at_the_same_time_one_wins(store, other):
    made = await store.documents.create(TARGET, "shop", {"n": 0}, "ann")
    changes = [
        each.documents.revise(TARGET, made.id, {"n": n}, "ann", etag=made.etag)
        for n in range(1, 6)
        for each in (store, other)
    ]
    results = await asyncio.gather(*changes, return_exceptions=True)
    won = [each for each in results if not isinstance(each, Stale)]
    assert [each.revision for each in won] == [2]
    assert len(results) - len(won) == 9


async def test_of_creations_at_the_same_time_one_wins(store, other):
    made = [each.documents.create(TARGET, "shop", {"n": n}, "ann") for n in range(4) for each in (store, other)]
    results = await asyncio.gather(*made, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Conflict"] * 7 + ["Kept"]


async def test_a_rename_to_a_taken_name_changes_nothing(store):
    await store.documents.create(TARGET, "a", {}, "ann")
    made = await store.documents.create(TARGET, "b", {}, "ann")
    with pytest.raises(Conflict):
        await store.documents.revise(TARGET, made.id, {}, "ann", etag=None, name="a")
    assert await store.documents.get(TARGET, made.id) == made


async def test_every_change_is_an_event(store):
    made = await store.documents.create(TARGET, "shop", {"n": 1}, "ann")
    await store.documents.revise(TARGET, made.id, {"n": 2}, "ann", etag=None)
    await store.documents.revise(TARGET, made.id, {"n": 2}, "ann", etag=None, name="store")
    await store.documents.archive(TARGET, made.id, "ann")
    await store.documents.archive(TARGET, made.id, "ann")
    await store.documents.archive(TARGET, made.id, "ann", False)
    await store.documents.delete(TARGET, made.id, "ann")
    told = [(each.body.deed, each.body.name, each.body.revision) for each in await store.events.after()]
    assert told == [
        ("created", "shop", 1), ("revised", "shop", 2), ("renamed", "store", 3), ("archived", "store", 3),
        ("restored", "store", 3), ("deleted", "store", 3),
    ]  # fmt: skip


async def test_lists_go_by_name_without_regard_to_case(store):
    names = ["beta", "Alpha", "GAMMA", "alpha 2", "Ähre", "50% off", "under_score"]
    for name in names:
        await store.documents.create(TARGET, name, {}, "ann")
    await store.documents.create(SCENARIO, "elsewhere", {}, "ann")
    listed = (await store.documents.list(TARGET)).items
    assert [each.name for each in listed] == sorted(names, key=str.casefold)
    paged, cursor = [], None
    while True:
        page = await store.documents.list(TARGET, cursor=cursor, limit=2)
        paged += page.items
        if (cursor := page.next) is None:
            break
    assert paged == listed


@pytest.mark.parametrize(
    ("search", "found"), [("ALPHA", ["Alpha", "alpha 2"]), ("äHR", ["Ähre"]), ("%", ["50% off"]), ("_", ["under_score"]), ("\\", [])]
)  # fmt: skip
async def test_search_takes_words_as_they_are(store, search, found):
    for name in ["Alpha", "alpha 2", "Ähre", "50% off", "under_score"]:
        await store.documents.create(TARGET, name, {}, "ann")
    assert [each.name for each in (await store.documents.list(TARGET, search=search)).items] == found


async def test_archived_documents_are_listed_on_request(store):
    kept = await store.documents.create(TARGET, "kept", {}, "ann")
    away = await store.documents.create(TARGET, "away", {}, "ann")
    away = await store.documents.archive(TARGET, away.id, "ann")
    assert away.archived
    assert (await store.documents.list(TARGET)).items == [kept]
    assert (await store.documents.list(TARGET, archived=True)).items == [away]
    assert (await store.documents.list(TARGET, archived=None)).items == [away, kept]


async def test_what_is_not_there_is_not_found(store):
    for lost in (
        store.documents.get(TARGET, "nobody"),
        store.documents.revise(TARGET, "nobody", {}, "ann", etag=None),
        store.documents.revisions(TARGET, "nobody"),
        store.documents.archive(TARGET, "nobody", "ann"),
        store.documents.delete(TARGET, "nobody", "ann"),
    ):
        with pytest.raises(NotFound, match="no target 'nobody'"):
            await lost


async def test_a_cursor_of_another_list_is_refused(store):
    with pytest.raises(DocumentError):
        await store.documents.list(TARGET, cursor="bm8")
