// Python code as coloured text: a few kinds of words, set as text and never as markup.

import { el } from "../dom.js";

const KINDS = [
  ["comment", /#[^\n]*/y],
  ["string", /[rbfu]{0,2}("""[^]*?"""|'''[^]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/iy],
  ["number", /(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?j?/iy],
  [
    "keyword",
    /(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield)\b/y,
  ],
  ["name", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["space", /\s+/y],
  ["sign", /[^]/y],
];

/** The words of a text in order: [{kind, text}]; joined they are the text. */
function words(text) {
  const found = [];
  let at = 0;
  while (at < text.length) {
    for (const [kind, pattern] of KINDS) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (!match) continue;
      found.push({ kind, text: match[0] });
      at += match[0].length;
      break;
    }
  }
  return found;
}

const PLAIN = new Set(["name", "space", "sign"]);

const word = ({ kind, text }) =>
  PLAIN.has(kind) ? document.createTextNode(text) : el("span", { class: `is-${kind}` }, text);

/** Write code into a node. */
export function write(node, text) {
  node.replaceChildren(...words(text).map(word));
}

/** The words of a line of code, and its comment with the space before it. */
function parted(text) {
  const all = words(text);
  const at = all.findIndex(({ kind }) => kind === "comment");
  const end = at < 0 ? all.length : all[at - 1]?.kind === "space" ? at - 1 : at;
  return [all.slice(0, end), all.slice(end)];
}

/** Write a line, with what it does not share with `other` inside `tag` ("mark" or "del"). */
export function writeAgainst(node, text, other, tag) {
  const [mine, comment] = parted(text);
  const [theirs] = parted(other);
  let start = 0;
  while (start < Math.min(mine.length, theirs.length) && mine[start].text === theirs[start].text) start += 1;
  let end = 0;
  while (
    end < Math.min(mine.length, theirs.length) - start &&
    mine[mine.length - 1 - end].text === theirs[theirs.length - 1 - end].text
  )
    end += 1;
  const middle = mine.slice(start, mine.length - end);
  node.replaceChildren(
    ...mine.slice(0, start).map(word),
    ...(middle.length ? [el(tag, {}, ...middle.map(word))] : []),
    ...mine.slice(mine.length - end).map(word),
    ...comment.map(word),
  );
}
