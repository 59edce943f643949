from __future__ import annotations

import pytest

from krawall.errors import Conflict, NotFound
from krawall.store.drafts import MOST_STATES


async def test_edits_are_undone_and_done_again(store):
    draft = await store.drafts.begin("scn_1", "e1", "ada", b"zero")
    for number, word in enumerate((b"one", b"two")):
        draft = await store.drafts.push(draft.id, number, f"edit {number}", word)
    assert (draft.body, draft.label, draft.position, draft.bottom, draft.top) == (b"two", "edit 1", 2, 0, 2)
    assert (await store.drafts.step(draft.id, -1)).body == b"one"
    assert (await store.drafts.step(draft.id, -1)).body == b"zero"
    assert (await store.drafts.step(draft.id, -1)).body == b"zero"
    assert (await store.drafts.step(draft.id, 1)).body == b"one"
    other = await store.drafts.push(draft.id, 1, "another", b"three")
    assert (other.position, other.top) == (2, 2)
    assert (await store.drafts.step(draft.id, 1)).body == b"three"


async def test_of_two_edits_of_one_state_the_second_is_told(store):
    draft = await store.drafts.begin("", "", "ada", b"zero")
    await store.drafts.push(draft.id, 0, "", b"one")
    with pytest.raises(Conflict):
        await store.drafts.push(draft.id, 0, "", b"other")
    assert (await store.drafts.get(draft.id)).body == b"one"


async def test_only_so_many_edits_can_be_undone(store):
    draft = await store.drafts.begin("", "", "ada", b"0")
    for number in range(MOST_STATES + 5):
        draft = await store.drafts.push(draft.id, number, "", b"%d" % (number + 1))
    assert draft.position - draft.bottom == MOST_STATES - 1


async def test_everybody_has_a_draft_of_their_own(store):
    mine = await store.drafts.begin("scn_1", "e1", "ada", b"a")
    await store.drafts.begin("scn_1", "e1", "bob", b"b")
    found = await store.drafts.of("scn_1", "ada")
    assert found is not None
    assert found.id == mine.id
    assert await store.drafts.of("scn_2", "ada") is None


async def test_a_draft_that_is_dropped_is_gone(store):
    draft = await store.drafts.begin("scn_1", "e1", "ada", b"a")
    await store.drafts.rebase(draft.id, "scn_1", "e2")
    assert (await store.drafts.get(draft.id)).etag == "e2"
    await store.drafts.drop(draft.id)
    await store.drafts.drop(draft.id)
    for deed in (store.drafts.get(draft.id), store.drafts.push(draft.id, 0, "", b""), store.drafts.step(draft.id, 1)):
        with pytest.raises(NotFound):
            await deed


async def test_a_state_is_amended_in_its_place_unless_the_draft_has_moved_on(store):
    draft = await store.drafts.begin("", "", "ada", b"zero")
    draft = await store.drafts.push(draft.id, 0, "typing", b"one")
    later = await store.drafts.amend(draft, b"two")
    assert (later.body, later.position, later.top, later.label) == (b"two", 1, 1, "typing")
    assert (await store.drafts.step(draft.id, -1)).body == b"zero"
    with pytest.raises(Conflict):
        await store.drafts.amend(draft, b"three")
    await store.drafts.drop(draft.id)
    with pytest.raises(NotFound):
        await store.drafts.amend(later, b"four")
