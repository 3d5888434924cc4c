"""`sweepworks lineage`: what something came out of, and what came out of it."""

from collections.abc import Callable, Mapping, Sequence

import click

from governance.lineage.facts import Facts, graph_document, words
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.ids import TenantId
from sweeps.lineage import Excerpt, Graph, Node, excerpt, kind_of, name_of, parse_node, sort_key

_MOST_NODES = 100  # of a tree in a terminal
_MOST_BESIDE = 20


@click.command("lineage")
@click.argument("name", metavar="ID")
@click.option("--up", is_flag=True, help="Only what it came out of.")
@click.option("--down", is_flag=True, help="Only what came out of it.")
@click.option("--depth", type=click.IntRange(0, 1_000_000), help="At most so many steps away.")
@click.option("--dot", "as_dot", is_flag=True, help="Print a graph for Graphviz.")
@click.option("--tenant", default="default", show_default=True, help="Whose.")
@json_option
def command(
    name: str,
    up: bool,
    down: bool,
    depth: int | None,
    as_dot: bool,
    tenant: str,
    as_json: bool,
) -> None:
    """ID is a run, RUN/NAME for an artifact, NAME@N for a version of a dataset, or model:NAME@N.

    Beside each run is the code that it ran, with its image and its seed. A tree has the nearest
    100; --json and --dot have all.
    """
    if as_json and as_dot:
        raise click.UsageError("--json and --dot cannot both be printed")
    node, tenant_id = parse_node(name), TenantId(tenant)
    with session(quiet=as_json or as_dot) as platform:
        graph = platform.lineage.graph(
            node, tenant_id=tenant_id, up=up or not down, down=down or not up, depth=depth
        )
        nodes = graph.nodes if as_json or as_dot else _shown(graph).nodes
        facts = platform.lineage.facts(nodes, tenant_id=tenant_id)
    if as_json:
        print_json(graph_document(graph, facts))
    elif as_dot:
        print_dot(graph, facts)
    else:
        print_trees(graph, facts)


def print_trees(graph: Graph, facts: Mapping[Node, Facts]) -> None:
    """What is nearest: a tree of what the root came out of, and one of what it went into."""
    shown = _shown(graph)
    click.echo(_line(graph.root, facts))
    if graph.ancestors:
        click.echo("came out of")
        _print_tree(shown, shown.above, shown.more_above, facts)
    if graph.descendants:
        click.echo("went into")
        _print_tree(shown, shown.below, shown.more_below, facts)
    if not graph.ancestors and not graph.descendants:
        click.echo("  nothing is recorded of where it came from, or went")
    if shown.n_left_out:
        beyond = "at least " if graph.is_cut else ""
        click.echo(f"{beyond}{shown.n_left_out:,} more are not shown; --json has them")
    elif graph.is_cut:
        click.echo("there is more than was read")


def _print_tree(
    shown: Excerpt,
    neighbours: Callable[[Node], Sequence[Node]],
    more: Mapping[Node, int],
    facts: Mapping[Node, Facts],
) -> None:
    printed = {shown.root}

    def branch(node: Node, indent: str) -> None:
        near = sorted(neighbours(node), key=sort_key)
        hidden = more.get(node, 0)
        for place, child in enumerate(near):
            is_last = place == len(near) - 1 and not hidden
            again = "  (see above)" if child in printed else ""
            click.echo(f"{indent}{'└─' if is_last else '├─'} {_line(child, facts)}{again}")
            if not again:
                printed.add(child)
                branch(child, indent + ("   " if is_last else "│  "))
        if hidden:
            click.echo(f"{indent}└─ … and {hidden:,} more")

    branch(shown.root, "")


def _line(node: Node, facts: Mapping[Node, Facts]) -> str:
    beside = words(facts.get(node))
    return f"{kind_of(node)} {name_of(node)}  {beside}".rstrip()


def print_dot(graph: Graph, facts: Mapping[Node, Facts]) -> None:
    """All of it, in the language of Graphviz."""
    click.echo("digraph lineage {\n  rankdir=LR; node [shape=box];")
    for node in graph.nodes:
        parts = (kind_of(node), name_of(node), words(facts.get(node)))
        label = "\n".join(part for part in parts if part)
        click.echo(f"  {_quoted(node)} [label={_quoted(label)}];")
    for edge in graph.edges:
        click.echo(f"  {_quoted(edge.upstream)} -> {_quoted(edge.downstream)};")
    click.echo("}")


def _shown(graph: Graph) -> Excerpt:
    return excerpt(graph, most=_MOST_NODES, most_beside=_MOST_BESIDE)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
