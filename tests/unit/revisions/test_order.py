"""The order of random graphs: parents first, the same whatever order the files are read in; cycles are found."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from seachange.revisions._order import ancestors, find_cycles, sort

Graph = dict[str, list[str]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, dict[str, int]]:
    """Draw revisions that follow earlier ones, and times that may contradict the links."""
    names = [f"r{number}" for number in range(draw(st.integers(1, 12)))]
    parents = {
        name: draw(st.lists(st.sampled_from(names[:index]), max_size=3)) if index else [] for index, name in enumerate(names)
    }
    return parents, {name: draw(st.integers(0, 5)) for name in names}


@settings(deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_parents_come_first_whatever_order_the_files_are_read_in(drawn: tuple[Graph, dict[str, int]], random: Random) -> None:
    parents, when = drawn
    names = list(parents)
    random.shuffle(names)

    done, left = sort({name: parents[name] for name in names}, when=when)

    assert left == ()
    assert sorted(done) == sorted(parents)
    assert all(done.index(parent) < done.index(name) for name in parents for parent in parents[name])
    assert done == sort(parents, when=when)[0]


@settings(deadline=None)
@given(graphs())
def test_of_revisions_that_could_come_next_the_oldest_does(drawn: tuple[Graph, dict[str, int]]) -> None:
    parents, when = drawn

    done, _ = sort(parents, when=when)

    for index, name in enumerate(done):
        free = [other for other in done[index:] if set(parents[other]) <= set(done[:index])]
        assert (when[name], name) == min((when[other], other) for other in free)


@settings(deadline=None)
@given(graphs(), st.data())
def test_a_circle_is_found_and_everything_before_it_is_still_ordered(
    drawn: tuple[Graph, dict[str, int]], data: st.DataObject
) -> None:
    parents, when = drawn
    first = data.draw(st.sampled_from(sorted(parents)))
    last = data.draw(st.sampled_from(sorted(name for name in parents if first in ancestors(parents, [name]))))
    parents[first] = [*parents[first], last]

    done, left = sort(parents, when=when)
    circles = list(find_cycles(parents, left))

    assert set(done) | set(left) == set(parents)
    assert circles
    for circle in circles:
        assert set(circle) <= set(left)
        assert all(after in parents[before] for before, after in zip(circle, (*circle[1:], circle[0]), strict=True))


def test_circles_that_share_nothing_are_all_found() -> None:
    parents = {"a": ["b"], "b": ["a"], "c": ["a", "d"], "d": ["c"], "e": ["e"], "f": ["e", "nowhere"]}

    assert list(find_cycles(parents, sort(parents, when={})[1])) == [("a", "b"), ("c", "d"), ("e",)]
