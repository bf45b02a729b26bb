import ts from 'typescript';

/** What the house rules need to know of one TypeScript file, from its syntax tree: comments and strings never count. */
export interface Source {
  /** Modules whose values it imports; a mere `import type` does not tie a file to anything at run time. */
  valueImports: string[];
  typeImports: string[];
  /** `Date.now`, `process.env`, `fetch`: the globals that reach outside, as they are written. */
  outsideUses: string[];
  /** Lines, from 1, with a `catch` that drops what it caught without a word. */
  emptyCatchLines: number[];
  /** `test.skip`, `it.only` and their kin. */
  skippedTests: string[];
  /** Lines, from 1, on which a string or template stands: no formatter can break those. */
  textLines: Set<number>;
}

/** Objects of which every member reaches outside (time, randomness, the process), and the members of others that do. */
const OUTSIDE_OBJECTS = new Set(['process', 'performance', 'console']);
const OUTSIDE_MEMBERS = new Set(['Date.now', 'Math.random', 'crypto.randomUUID', 'crypto.getRandomValues']);
const OUTSIDE_FUNCTIONS = new Set(['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']);

export function readSource(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const source: Source = {
    valueImports: [],
    typeImports: [],
    outsideUses: [],
    emptyCatchLines: [],
    skippedTests: [],
    textLines: new Set(),
  };
  const declared = new Set<string>();
  const lineOf = (position: number) => file.getLineAndCharacterOfPosition(position).line + 1;

  const visit = (node: ts.Node): void => {
    noteImport(node, source);
    noteDeclaration(node, declared);
    noteOutsideUse(node, source);
    if (ts.isCatchClause(node) && node.block.statements.length === 0) {
      source.emptyCatchLines.push(lineOf(node.getStart()));
    }
    if (
      ts.isPropertyAccessExpression(node) &&
      /^(x?(it|test|describe)\.(skip|only|todo|failing))$/.test(node.getText())
    ) {
      source.skippedTests.push(node.getText());
    }
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node) || ts.isRegularExpressionLiteral(node)) {
      for (let line = lineOf(node.getStart()); line <= lineOf(node.getEnd()); line++) source.textLines.add(line);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  // What the file itself declares under such a name was handed to it: that is how it should be.
  source.outsideUses = source.outsideUses.filter((use) => !declared.has(use.split('.')[0]!));
  return source;
}

function noteImport(node: ts.Node, source: Source): void {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    const named = bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
    const onlyTypes = named.length > 0 && !clause?.name && named.every((element) => element.isTypeOnly);
    const list = clause?.isTypeOnly || onlyTypes ? source.typeImports : source.valueImports;
    list.push(node.moduleSpecifier.text);
    if (node.moduleSpecifier.text !== 'node:crypto') return;
    for (const { name } of named) if (name.text.startsWith('random')) source.outsideUses.push(`crypto.${name.text}`);
  } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    (node.isTypeOnly ? source.typeImports : source.valueImports).push(node.moduleSpecifier.text);
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    source.valueImports.push(specifier && ts.isStringLiteral(specifier) ? specifier.text : '(computed)');
  }
}

function noteDeclaration(node: ts.Node, declared: Set<string>): void {
  const declares =
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isImportSpecifier(node);
  if (declares && node.name && ts.isIdentifier(node.name)) declared.add(node.name.text);
}

function noteOutsideUse(node: ts.Node, source: Source): void {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const use = `${node.expression.text}.${node.name.text}`;
    if (OUTSIDE_OBJECTS.has(node.expression.text) || OUTSIDE_MEMBERS.has(use)) source.outsideUses.push(use);
  } else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
    if (OUTSIDE_FUNCTIONS.has(node.expression.text)) source.outsideUses.push(node.expression.text);
  } else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) {
    source.outsideUses.push('new Date()');
  }
}
