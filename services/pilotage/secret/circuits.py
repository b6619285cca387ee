"""Circuits of a network: which edges are on one, which nodes hang together, and the cheapest way between two. Pure."""

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush

type Arete[C] = tuple[int, int, C]
"""Two nodes, and what joins them."""


def on_a_circuit[C](edges: Sequence[Arete[C]]) -> list[C]:
    """What is on some circuit: all but the bridges, by Tarjan's walk in depth."""
    around: dict[int, list[tuple[int, int]]] = {}
    for number, (one, other, _) in enumerate(edges):
        around.setdefault(one, []).append((other, number))
        around.setdefault(other, []).append((one, number))
    entered: dict[int, int] = {}
    lowest: dict[int, int] = {}
    bridges: set[int] = set()
    for root, first in around.items():
        if root in entered:
            continue
        entered[root] = lowest[root] = len(entered)
        path = [(root, -1, iter(first))]
        while path:
            node, by, left = path[-1]
            for other, number in left:
                if number == by:
                    continue
                if other in entered:
                    lowest[node] = min(lowest[node], entered[other])
                    continue
                entered[other] = lowest[other] = len(entered)
                path.append((other, number, iter(around[other])))
                break
            else:
                path.pop()
                if path:
                    before = path[-1][0]
                    lowest[before] = min(lowest[before], lowest[node])
                    if lowest[node] > entered[before]:
                        bridges.add(by)
    return [joined for number, (_, _, joined) in enumerate(edges) if number not in bridges]


def hanging_together(edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Of each node the lowest of those that it hangs together with."""
    stands: dict[int, int] = {}

    def find(node: int) -> int:
        while (above := stands.setdefault(node, node)) != node:
            node = above
        return node

    for one, other in edges:
        first, second = sorted((find(one), find(other)))
        stands[second] = first
    return {node: find(node) for node in stands}


def cheapest_way[C](
    steps: Callable[[int], Iterable[tuple[C, int, int]]], start: int, goal: int, *, limit: int
) -> tuple[int, list[C]] | None:
    """The cheapest way between two nodes that costs less than `limit`, with its cost: Dijkstra's.

    From a node, `steps` tells what each goes over, where to, and what it costs.
    """
    costs, came, left = {start: 0}, dict[int, tuple[int, C]](), [(0, start)]
    while left:
        cost, node = heappop(left)
        if node == goal:
            way: list[C] = []
            while node != start:
                node, step = came[node]
                way.append(step)
            return cost, way[::-1]
        if cost > costs[node]:
            continue
        for step, other, more in steps(node):
            if cost + more < min(costs.get(other, limit), limit):
                costs[other], came[other] = cost + more, (node, step)
                heappush(left, (cost + more, other))
    return None
