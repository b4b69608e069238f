"""Values made late travel as their recipe."""

import operator
import pickle
from functools import partial

from precompute.runner.lazy import Lazy


def test_a_value_is_made_once_a_process_and_stays_at_home():
    lazy = Lazy(partial(operator.mul, [0], 1))
    assert lazy() is lazy()
    lazy()[0] = 5
    other = pickle.loads(pickle.dumps(lazy))
    assert other() == [0], "made anew, not sent along"
    assert lazy() == [5]
