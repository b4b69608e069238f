"""A part that fails on one node is tried on another."""

from precompute.runner.ray_queue import Queue


def test_a_part_is_tried_on_another_node_if_there_is_one():
    queue = Queue(["a", "b"])
    queue.failed["a"].append("bad")
    assert queue.take("bad", {"bad", "good"}) == "b"
    assert queue.take("bad", {"bad", "good"}) is None
    assert queue.take("good", {"bad", "good"}) == "a"
    queue.todo.append("a")
    assert queue.take("bad", {"bad"}) == "a", "there is no other"
