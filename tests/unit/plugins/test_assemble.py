"""Short forms of steps become long ones; what is neither is an error with its place."""

import pytest

from krawall.errors import DocumentError
from krawall.plugins.assemble import read_scenario


def test_a_kind_that_is_no_word_is_an_error_with_its_place():
    with pytest.raises(DocumentError, match=r"steps\.0 \(line 2\): `kind` is the name of a step, not \{'a': 1\}"):
        read_scenario("name: a\nsteps: [{kind: {a: 1}}]\n", "a.yaml")
