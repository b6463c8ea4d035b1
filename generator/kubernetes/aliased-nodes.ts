// What the aliases of a document stand for, found in one walk: each question of a library walks again.
import { type Alias, type Document, type Node, visit } from 'yaml';

export interface AliasedNodes {
  /** The node that an alias stands for; undefined where there is no such anchor before it. */
  resolve(alias: Alias): Node | undefined;
  /** The aliases that stand for a node. */
  aliasesOf(node: Node): readonly Alias[];
}

/** An anchor may be given anew: an alias means the last one before it. */
export function followAliases(document: Document): AliasedNodes {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  const aliases = new Map<Node, Alias[]>();
  visit(document, {
    Alias: (_key, alias) => {
      const target = anchors.get(alias.source);
      if (!target) return;
      targets.set(alias, target);
      const others = aliases.get(target);
      if (others) others.push(alias);
      else aliases.set(target, [alias]);
    },
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return {
    resolve: (alias) => targets.get(alias),
    aliasesOf: (node) => aliases.get(node) ?? [],
  };
}
