import { XmlDocument, XmlElement } from 'libxml2-wasm';

/** Names of elements and attributes in order, and whatever attributes say that no stranger may. */
export function shapeOf(page: string): readonly string[] {
  const document = XmlDocument.fromString(page);
  const shape: string[] = [];
  const visit = (element: XmlElement): void => {
    shape.push(`${element.name} ${element.attrs.map(({ name }) => name).join(' ')}`);
    for (let node = element.firstChild; node; node = node.next) {
      if (node instanceof XmlElement) visit(node);
    }
  };
  try {
    visit(document.root);
    return shape;
  } finally {
    document.dispose();
  }
}
