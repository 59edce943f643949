"""Drafts over a real store: kept at once, undone, saved once, refused when somebody else was faster."""

from __future__ import annotations

import asyncio

import pytest

from krawall.errors import DocumentError, NotFound, Stale
from krawall.model.kept import DocumentKind
from krawall.services.documents import Documents
from krawall.services.drafts import Drafts, to_text
from krawall.services.scenarios import Scenarios
from krawall.services.starting import Rules
from krawall.store.store import Store


@pytest.fixture
async def store(tmp_path):
    store = await Store.open(f"sqlite:///{tmp_path}/krawall.db")
    yield store
    await store.close()


@pytest.fixture
def documents(store):
    return Documents(store)


@pytest.fixture
def drafts(store, documents):
    return Drafts(store, documents, Scenarios(store, Rules()))


async def test_a_new_scenario_is_edited_and_saved(drafts, documents):
    editing = await drafts.open(None, "ada")
    editing = await drafts.edit(editing.id, "ada", "Add", lambda draft: draft.add("delay")[0])
    editing = await drafts.edit(editing.id, "ada", "Name", lambda draft: draft.set_head("name", "Mine"))
    undone = await drafts.step(editing.id, "ada", -1)
    assert (undone.name, undone.can_redo) == ("New scenario", True)
    await drafts.step(editing.id, "ada", 1)
    kept = await drafts.save(editing.id, "ada")
    assert (kept.name, kept.body["steps"]) == ("Mine", [{"message": "Hello"}, {"delay": "1s"}])
    with pytest.raises(NotFound):
        await drafts.get(editing.id, "ada")


async def test_a_draft_is_found_again_and_is_nobody_elses(drafts, documents):
    kept = await documents.create(DocumentKind.scenario, {"name": "s", "steps": ["a"]}, "ada")
    first = await drafts.open(kept.name, "ada")
    await drafts.edit(first.id, "ada", "Add", lambda draft: draft.add("end")[0])
    again = await drafts.open(kept.id, "ada")
    assert again.id == first.id
    assert len(again.draft.root.steps) == 2
    other = await drafts.open(kept.id, "bob")
    assert len(other.draft.root.steps) == 1
    with pytest.raises(NotFound):
        await drafts.get(first.id, "bob")


async def test_edits_at_once_are_all_kept(drafts):
    editing = await drafts.open(None, "ada")
    await asyncio.gather(
        *(drafts.edit(editing.id, "ada", "Add", lambda draft: draft.add("message")[0]) for _ in range(3))
    )
    assert len((await drafts.get(editing.id, "ada")).draft.root.steps) == 4


async def test_what_is_wrong_is_told_at_its_step(drafts):
    editing = await drafts.open(None, "ada")
    editing = await drafts.edit(editing.id, "ada", "Add", lambda draft: draft.add("loop")[0])
    editing = await drafts.edit(editing.id, "ada", "Add", lambda draft: draft.add("message", "s2/steps")[0])
    editing = await drafts.edit(editing.id, "ada", "Type", lambda draft: draft.set("s3", "text", "{{ nobody }}"))
    (problem,) = await drafts.problems(editing.draft)
    assert (problem.step, problem.field) == ("s3", "text")
    assert "nobody" in problem.message
    assert await drafts.estimate(editing.draft) is None
    with pytest.raises(DocumentError):
        await drafts.save(editing.id, "ada")
    mended = await drafts.edit(editing.id, "ada", "Type", lambda draft: draft.set("s3", "text", "hi"))
    assert await drafts.problems(mended.draft) == []
    estimate = await drafts.estimate(mended.draft)
    assert estimate is not None
    assert estimate.messages == 4


async def test_yaml_is_taken_in_whole_or_not_at_all(drafts):
    editing = await drafts.open(None, "ada", template="branching")
    text = to_text(editing.draft)
    assert (await drafts.write(editing.id, "ada", text)).position == editing.position
    with pytest.raises(DocumentError) as wrong:
        await drafts.write(editing.id, "ada", "name: x\nsteps:\n  - mesage: hi\n")
    assert wrong.value.places[0].line == 3
    written = await drafts.write(editing.id, "ada", "name: x\nsteps:\n  - message: hi\n")
    assert [node.kind for node, _, _, _ in written.draft.walk()] == ["message"]
    assert to_text((await drafts.step(editing.id, "ada", -1)).draft) == text


async def test_who_saves_second_is_told_and_loses_nothing(drafts, documents):
    kept = await documents.create(DocumentKind.scenario, {"name": "s", "steps": ["a"]}, "ada")
    mine = await drafts.open(kept.id, "ada")
    await drafts.edit(mine.id, "ada", "Add", lambda draft: draft.add("end")[0])
    await documents.revise(DocumentKind.scenario, kept.id, {"name": "s", "steps": ["b"]}, "bob", etag=kept.etag)
    with pytest.raises(Stale):
        await drafts.save(mine.id, "ada")
    assert len((await drafts.get(mine.id, "ada")).draft.root.steps) == 2


async def test_looking_begins_no_draft_and_shows_the_ids_that_it_would_have(drafts, documents, store):
    kept = await documents.create(
        DocumentKind.scenario, {"name": "s", "steps": ["a", {"loop": 2, "steps": ["b"]}]}, "ada"
    )
    seen = await drafts.look(kept.id, "ada")
    assert (seen.id, seen.document, seen.etag, seen.can_undo) == ("", kept.id, kept.etag, False)
    assert await store.drafts.of(kept.id, "ada") is None
    begun = await drafts.own(kept.id, "ada")
    assert begun.draft == seen.draft
    assert (await drafts.look(kept.id, "ada")).id == (await drafts.own(begun.id, "ada")).id == begun.id
    with pytest.raises(NotFound):
        await drafts.look(begun.id, "bob")


async def test_what_is_typed_without_a_pause_is_undone_at_once(store, documents):
    drafts = Drafts(store, documents, Scenarios(store, Rules()), pause_s=3600)
    editing = await drafts.open(None, "ada")
    for text in ("H", "He", "Hey"):
        editing = await drafts.edit(
            editing.id, "ada", "Edit message 1", lambda draft, text=text: draft.set("s1", "text", text), typed=True
        )
    editing = await drafts.edit(editing.id, "ada", "Add", lambda draft: draft.add("delay")[0])
    editing = await drafts.edit(
        editing.id, "ada", "Edit message 1", lambda draft: draft.set("s1", "text", "Ho"), typed=True
    )
    assert editing.position == 3
    assert (await drafts.step(editing.id, "ada", -1)).draft.node("s1").fields == {"text": "Hey"}
    await drafts.step(editing.id, "ada", -1)
    assert (await drafts.step(editing.id, "ada", -1)).draft.node("s1").fields == {"text": "Hello"}
    redone = await drafts.step(editing.id, "ada", 1)
    assert redone.draft.node("s1").fields == {"text": "Hey"}
    apart = await drafts.edit(
        editing.id, "ada", "Edit message 1", lambda draft: draft.set("s1", "text", "No"), typed=True
    )
    assert (apart.position, apart.can_redo) == (2, False)


async def test_what_is_typed_after_a_pause_is_an_edit_of_its_own(store, documents):
    drafts = Drafts(store, documents, Scenarios(store, Rules()), pause_s=0)
    editing = await drafts.open(None, "ada")
    for text in ("H", "He"):
        editing = await drafts.edit(
            editing.id, "ada", "Edit message 1", lambda draft, text=text: draft.set("s1", "text", text), typed=True
        )
    assert editing.position == 2
    assert (await drafts.step(editing.id, "ada", -1)).draft.node("s1").fields == {"text": "H"}


async def test_a_stale_draft_is_saved_as_another_scenario_or_over_the_newest(drafts, documents):
    kept = await documents.create(DocumentKind.scenario, {"name": "s", "steps": ["a"]}, "ada")
    mine = await drafts.edit((await drafts.own(kept.id, "ada")).id, "ada", "Add", lambda draft: draft.add("end")[0])
    await documents.revise(DocumentKind.scenario, kept.id, {"name": "s", "steps": ["theirs"]}, "bob", etag=None)
    with pytest.raises(Stale):
        await drafts.save(mine.id, "ada")
    over = await drafts.save(mine.id, "ada", over=True)
    assert (over.id, over.revision, len(over.body["steps"])) == (kept.id, 3, 2)
    again = await drafts.edit((await drafts.own(kept.id, "ada")).id, "ada", "Add", lambda draft: draft.add("delay")[0])
    other = await drafts.save(again.id, "ada", name="mine")
    assert (other.name, other.revision) == ("mine", 1)
    assert (await documents.get(DocumentKind.scenario, kept.id)).revision == 3
