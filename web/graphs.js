// Nodes of the whole workflow: `app.graph` is only the graph that is on the screen.

// Newer frontends have subgraphs, and show one of them at a time.
export const rootGraph = (app) => app.graph?.rootGraph ?? app.graph

export function* everyNode(app, graph = rootGraph(app)) {
  for (const node of graph?.nodes ?? []) {
    yield node
    if (node.subgraph) yield* everyNode(app, node.subgraph)
  }
}

// What the host keeps a node's pictures under: ids are told apart within one graph only.
export function placeOf(app, node) {
  const inside = node.graph && node.graph !== rootGraph(app)
  return inside ? `${node.graph.id}:${node.id}` : `${node.id}`
}
